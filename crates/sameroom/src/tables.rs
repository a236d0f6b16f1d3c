//! Answers as plain words for a terminal.

use serde_json::Value;

/// Lines for an answer of the local API.
pub(crate) fn render(answer: &Value) -> Vec<String> {
    let Some(object) = answer.as_object() else { return vec![answer.to_string()] };
    let mut lines = Vec::new();
    for (key, value) in object {
        match (key.as_str(), value) {
            ("refused", _) => {}
            ("done", Value::String(text)) => lines.push(text.clone()),
            ("changes", Value::Array(changes)) => {
                if changes.is_empty() {
                    lines.push("nothing changes".into());
                }
                lines.extend(changes.iter().filter_map(Value::as_str).map(str::to_owned));
            }
            ("applied", Value::Bool(applied)) => {
                lines.push(if *applied { "applied".into() } else { "not applied (dry run)".into() });
            }
            (_, Value::Array(rows)) => lines.extend(table(rows)),
            (_, other) => lines.push(format!("{key}: {}", cell(other))),
        }
    }
    lines
}

/// Rows of objects as columns.
pub(crate) fn table(rows: &[Value]) -> Vec<String> {
    let Some(first) = rows.first().and_then(Value::as_object) else {
        return vec!["none".into()];
    };
    let columns: Vec<&String> = first.keys().collect();
    let mut grid = vec![columns.iter().map(|column| column.to_uppercase()).collect::<Vec<String>>()];
    for row in rows {
        grid.push(
            columns.iter().map(|column| cell(row.get(column.as_str()).unwrap_or(&Value::Null))).collect(),
        );
    }
    let widths: Vec<usize> = (0..columns.len())
        .map(|column| grid.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    grid.iter()
        .map(|row| {
            let cells: Vec<String> =
                row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            cells.join("  ").trim_end().to_owned()
        })
        .collect()
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(cell).collect::<Vec<_>>().join(", "),
        Value::Object(object) => {
            object.iter().map(|(key, value)| format!("{key} {}", cell(value))).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_become_aligned_columns() {
        let answer =
            json!({ "tubes": [{ "a": "x/#1", "state": "active" }, { "a": "long/#room", "state": null }] });
        assert_eq!(render(&answer), ["A           STATE", "x/#1        active", "long/#room  -"]);
    }

    #[test]
    fn nothing_is_called_none() {
        assert_eq!(render(&json!({ "tubes": [] })), ["none"]);
    }
}

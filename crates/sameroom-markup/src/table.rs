//! A table as the code block that shows it.

use sameroom_types::text::Block;
use unicode_segmentation::UnicodeSegmentation;

/// The widest column that is still padded, in graphemes: one long cell must not multiply every row.
const MAX_WIDTH: usize = 40;

/// The most columns that are aligned.
const MAX_COLUMNS: usize = 32;

/// `rows` in aligned columns; `None` for an empty table.
pub(crate) fn code_block(rows: &[Vec<String>]) -> Option<Block> {
    let mut widths = Vec::new();
    for row in rows {
        for (column, cell) in row.iter().take(MAX_COLUMNS).enumerate() {
            if widths.len() <= column {
                widths.push(0);
            }
            if let Some(width) = widths.get_mut(column) {
                *width = cell.trim().graphemes(true).count().clamp(*width, MAX_WIDTH.max(*width));
            }
        }
    }
    let lines: Vec<String> = rows.iter().map(|row| line(row, &widths)).collect();
    let code = lines.join("\n");
    (!code.trim().is_empty()).then_some(Block::CodeBlock { language: None, code })
}

fn line(row: &[String], widths: &[usize]) -> String {
    let mut out = String::new();
    for (column, cell) in row.iter().enumerate() {
        if column > 0 {
            out.push_str(" | ");
        }
        let cell = cell.trim();
        out.push_str(cell);
        if column + 1 < row.len() {
            let width = widths.get(column).copied().unwrap_or_default();
            out.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.graphemes(true).count())));
        }
    }
    out.trim_end().to_owned()
}

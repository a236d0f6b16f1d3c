//! The table of figures.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

/// One line.
#[derive(Debug)]
struct Row {
    scenario: String,
    figure: &'static str,
    unit: &'static str,
    value: f64,
    control: Option<f64>,
}

/// All lines, in the order in which they were measured.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    rows: Vec<Row>,
}

impl Sheet {
    /// Adds the median of what was measured, beside that of the same without a bridge.
    pub(crate) fn add(
        &mut self,
        scenario: &str,
        figure: &'static str,
        unit: &'static str,
        values: &[f64],
        control: Option<&[f64]>,
    ) {
        let row = Row {
            scenario: scenario.to_owned(),
            figure,
            unit,
            value: median(values),
            control: control.map(median),
        };
        println!("{row}");
        self.rows.push(row);
    }

    /// For programs.
    pub(crate) fn json(&self) -> String {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "scenario": row.scenario, "figure": row.figure, "unit": row.unit,
                    "value": row.value, "control": row.control,
                })
            })
            .collect();
        let machine = json!({
            "cores": std::thread::available_parallelism().map_or(0, usize::from),
            "cpu": cpu_name(),
        });
        format!("{:#}\n", json!({ "machine": machine, "rows": rows }))
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let control = self.control.map_or_else(String::new, number);
        let Self { scenario, figure, unit, .. } = self;
        write!(
            f,
            "| {scenario:<22} | {figure:<34} | {:>10} | {control:>10} | {unit:<4} |",
            number(self.value)
        )
    }
}

impl fmt::Display for Sheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| {:<22} | {:<34} | {:>10} | {:>10} | {:<4} |",
            "scenario", "figure", "relay", "control", ""
        )?;
        writeln!(f, "|{:-<24}|{:-<36}|{:->11}:|{:->11}:|{:-<6}|", "", "", "", "", "")?;
        for row in &self.rows {
            writeln!(f, "{row}")?;
        }
        Ok(())
    }
}

fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// The one in the middle.
pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(values, 50)
}

/// The value below which so many per cent lie.
pub(crate) fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

/// Milliseconds.
pub(crate) fn millis(times: &[Duration]) -> Vec<f64> {
    times.iter().map(|time| time.as_secs_f64() * 1_000.0).collect()
}

fn cpu_name() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("model name"));
    line.and_then(|line| line.split_once(": ")).map_or_else(String::new, |(_, name)| name.to_owned())
}

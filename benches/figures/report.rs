//! The table.

use std::fmt;

use crate::timing::Pair;

/// The rows measured so far.
#[derive(Default)]
pub struct Report {
    rows: Vec<Row>,
    tables: Vec<Table>,
}

/// Figures that need more columns than a row has.
struct Table {
    title: String,
    columns: Vec<String>,
    lines: Vec<Vec<String>>,
}

struct Row {
    what: String,
    goal: String,
    reached: String,
    note: String,
}

impl Report {
    /// A figure that must not be greater than its goal.
    pub fn at_most(&mut self, what: impl Into<String>, goal: f64, unit: &str, reached: f64, note: impl Into<String>) {
        let missed = if reached > goal { ", missed" } else { "" };
        let reached = format!("{} {unit}{missed}", number(reached));
        let goal = format!("≤ {} {unit}", number(goal));
        self.rows.push(Row { what: what.into(), goal, reached, note: note.into() });
    }

    /// A ratio to a floor that must not be greater than its goal. `unit` is what a pair counts.
    pub fn ratio(&mut self, what: impl Into<String>, goal: f64, pair: &Pair, unit: &str, floor: &str) {
        self.at_most(what, goal, "×", pair.ratio, pair.describe(unit, floor));
    }

    /// A figure without a goal.
    pub fn stated(&mut self, what: impl Into<String>, reached: impl Into<String>, note: impl Into<String>) {
        let (what, reached, note) = (what.into(), reached.into(), note.into());
        self.rows.push(Row { what, goal: "–".into(), reached, note });
    }

    /// A table of its own, behind the rows.
    pub fn table(&mut self, title: impl Into<String>, columns: &[&str], lines: Vec<Vec<String>>) {
        let columns = columns.iter().map(|column| column.to_string()).collect();
        self.tables.push(Table { title: title.into(), columns, lines });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", machine())?;
        if !self.rows.is_empty() {
            writeln!(f, "\n| row | goal | reached | note |\n|---|---|---|---|")?;
        }
        for Row { what, goal, reached, note } in &self.rows {
            writeln!(f, "| {what} | {goal} | {reached} | {note} |")?;
        }
        for Table { title, columns, lines } in &self.tables {
            writeln!(f, "\n{title}\n\n| {} |\n|{}", columns.join(" | "), "---|".repeat(columns.len()))?;
            for line in lines {
                writeln!(f, "| {} |", line.join(" | "))?;
            }
        }
        Ok(())
    }
}

fn machine() -> String {
    let information = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = information.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("an unknown processor", |(_, model)| model.trim());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (system, architecture) = (std::env::consts::OS, std::env::consts::ARCH);
    format!(
        "By `cargo bench --bench figures` on: {model}, {threads} hardware threads, one used; {system}, {architecture}."
    )
}

/// Three digits that mean something.
pub fn number(value: f64) -> String {
    let digits = match value.abs() {
        0.0 => 0,
        size if size < 1.0 => 2 - size.log10().floor() as i32,
        size => (2 - size.log10().floor() as i32).max(0),
    };
    let text = format!("{value:.*}", digits.min(6) as usize);
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    grouped(text)
}

/// Thousands apart.
fn grouped(text: &str) -> String {
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let mut out = String::new();
    for (at, digit) in whole.char_indices() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) && !out.ends_with('-') {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

//! How a story is told.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dotted::{Timestamp, Writer};
use uuid::Uuid;

const WIDTH: usize = 100;

/// A case, what happens in it, and what comes of it.
pub struct Story {
    title: &'static str,
    events: &'static str,
    outcomes: Vec<(&'static str, String)>,
}

impl Story {
    pub fn new(title: &'static str, events: &'static str) -> Self {
        Self { title, events, outcomes: Vec::new() }
    }

    /// What comes of it under this regime.
    pub fn under(mut self, regime: &'static str, outcome: impl Into<String>) -> Self {
        self.outcomes.push((regime, outcome.into()));
        self
    }

    /// The story as text.
    pub fn told(&self, number: usize) -> String {
        let mut text = String::new();
        let title = format!("{number}. {}", self.title);
        _ = writeln!(text, "{title}\n{}", "-".repeat(title.chars().count()));
        text += &wrapped(self.events, "", WIDTH);
        for (regime, outcome) in &self.outcomes {
            let outcome = wrapped(outcome, &" ".repeat(22), WIDTH);
            _ = write!(text, "  {regime:<20}{}", outcome.trim_start());
        }
        text.push('\n');
        text
    }
}

fn wrapped(text: &str, indent: &str, width: usize) -> String {
    let mut lines = String::new();
    let mut line = indent.to_string();
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > width {
            lines += line.trim_end();
            lines.push('\n');
            line = indent.to_string();
        }
        line += word;
        line.push(' ');
    }
    lines + line.trim_end() + "\n"
}

/// What the clocks of all regions show. They agree here, so that nothing hangs on skew.
#[derive(Clone, Default)]
pub struct Clock(Arc<AtomicU64>);

impl Clock {
    /// It is so many minutes later.
    pub fn pass(&self, minutes: u64) {
        self.0.fetch_add(minutes * 60_000, Ordering::Relaxed);
    }

    /// A writer of a region. Its id is fixed, so that every run prints the same; in a program it is
    /// `Writer::new()`.
    pub fn writer(&self, name: &str) -> Writer {
        let millis = self.0.clone();
        let id = name.bytes().fold(0, |id, byte| id << 8 | u128::from(byte));
        let clock = move || Timestamp::from_millis(millis.load(Ordering::Relaxed));
        Writer::with_clock(Uuid::from_u128(id), clock).named(name)
    }
}

/// The link heals: both know what either knew.
pub fn reunite<C: dotted::Crdt>(here: &mut C, there: &mut C) {
    here.merge(there);
    there.merge(here);
    assert!(here.same_state(there));
}

//! What people see: progress on the way, figures in the end.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::git::{History, Listing};
use crate::replay::Figures;
use crate::tree::Tree;

/// How far the replay is, on the standard error: one line that changes, or a line now and then
/// where that is no terminal.
pub struct Progress {
    commits: usize,
    terminal: bool,
    every: Duration,
    started: Instant,
    shown: Option<Instant>,
}

impl Progress {
    pub fn new(commits: usize) -> Self {
        let terminal = io::stderr().is_terminal();
        let every = if terminal { Duration::from_millis(100) } else { Duration::from_secs(5) };
        Self { commits, terminal, every, started: Instant::now(), shown: None }
    }

    pub fn show(&mut self, done: usize) {
        if self.shown.unwrap_or(self.started).elapsed() < self.every {
            return;
        }
        self.shown = Some(Instant::now());
        let rate = done as f64 / self.started.elapsed().as_secs_f64();
        let line = format!("{done} of {} commits, {rate:.0} per second", self.commits);
        self.write(&if self.terminal { format!("\r\x1b[K{line}") } else { format!("{line}\n") });
    }

    fn write(&self, text: &str) {
        // Nobody has to listen.
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

/// What comes next on the terminal, figures or an error, begins on an empty line.
impl Drop for Progress {
    fn drop(&mut self) {
        if self.terminal && self.shown.is_some() {
            self.write("\r\x1b[K");
        }
    }
}

/// The figures of a replay that went well.
pub struct Report<'a> {
    pub history: &'a History,
    pub tree: &'a Tree,
    pub figures: &'a Figures,
    pub listing: &'a Listing,
    pub time: Duration,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.history_lines(f)?;
        self.merge_lines(f)?;
        self.byte_lines(f)?;
        self.time_lines(f)?;
        writeln!(f, "\nThe state equals the tree that git lists for the last commit.")
    }
}

impl Report<'_> {
    fn history_lines(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let commits = &self.history.commits;
        let with_parents =
            |wanted: fn(usize) -> bool| commits.iter().filter(|commit| wanted(commit.parents.len())).count();
        line(f, "commits", commits.len())?;
        line(f, "roots", with_parents(|parents| parents == 0))?;
        line(f, "merges", with_parents(|parents| parents > 1))?;
        line(f, "octopus merges among them", with_parents(|parents| parents > 2))?;
        line(f, "replicas (authors)", self.history.authors.len())?;
        line(f, "branches of their ids", self.tree.branches())?;
        line(f, "paths in the last tree", self.listing.entries.len())?;
        line(f, "path writes", self.figures.path_writes)
    }

    fn merge_lines(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { by_hand, .. } = self.figures;
        let settled = by_hand.conflicting + by_hand.both_sides + by_hand.merge_itself;
        writeln!(f)?;
        line(f, "one-sided paths checked", self.figures.one_sided)?;
        line(f, "conflicts seen", self.figures.write_write + self.figures.update_delete)?;
        line(f, "  both sides wrote", self.figures.write_write)?;
        line(f, "  one side deleted", self.figures.update_delete)?;
        line(f, "paths settled by hand", settled)?;
        line(f, "  several entries", by_hand.conflicting)?;
        line(f, "  written on both sides", by_hand.both_sides)?;
        line(f, "  changed by the merge", by_hand.merge_itself)
    }

    fn byte_lines(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (paths, entries) = self.tree.encoded_bytes();
        let commits = self.history.commits.len();
        writeln!(f)?;
        line(f, "state bytes", paths + entries)?;
        line(f, "  set of paths", paths)?;
        line(f, "  map of entries", entries)?;
        line(f, "git's listing, bytes", self.listing.bytes)?;
        line(f, "delta bytes, all commits", self.figures.delta_bytes)?;
        line(f, "  per commit", self.figures.delta_bytes / commits)?;
        line(f, "  per path write", self.figures.delta_bytes / self.figures.path_writes.max(1))?;
        line(f, "  largest", self.figures.delta_bytes_max)
    }

    fn time_lines(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.time.as_secs_f64();
        writeln!(f)?;
        line(f, "trees kept at a time", self.figures.trees_max)?;
        line(f, "milliseconds", self.time.as_millis())?;
        line(f, "  merging states", self.figures.merging.as_millis())?;
        line(f, "commits per second", format_args!("{:.0}", self.history.commits.len() as f64 / seconds))
    }
}

fn line(f: &mut fmt::Formatter<'_>, label: &str, figure: impl fmt::Display) -> fmt::Result {
    writeln!(f, "{label:<28}{:>12}", figure.to_string())
}

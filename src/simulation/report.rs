use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

/// What happened in one schedule, or in many.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How many schedules.
    pub schedules: u64,
    /// How many steps: messages, timers, writes and faults.
    pub steps: u64,
    /// How many times it was written.
    pub writes: u64,
    /// How many messages were sent, and their bytes.
    pub messages: u64,
    /// The bytes of all messages.
    pub bytes: u64,
    /// How often a value was checked against what is right.
    pub checks: u64,
    /// How often two replicas that had seen the same were compared.
    pub agreements: u64,
    /// How many confirmations came true.
    pub confirmed: u64,
    /// How many confirmations told of a member that could not be reached in time.
    pub unreachable: u64,
    /// How often each fault struck.
    pub faults: BTreeMap<&'static str, u64>,
    /// The longest time in milliseconds that it took to agree once faults had stopped.
    pub slowest_agreement: u64,
    /// A hash of all that was delivered, in order: the same for the same seed.
    pub trace: u64,
}

impl Report {
    pub(super) fn fault(&mut self, name: &'static str) {
        *self.faults.entry(name).or_default() += 1;
    }
}

impl AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        self.schedules += other.schedules;
        self.steps += other.steps;
        self.writes += other.writes;
        self.messages += other.messages;
        self.bytes += other.bytes;
        self.checks += other.checks;
        self.agreements += other.agreements;
        self.confirmed += other.confirmed;
        self.unreachable += other.unreachable;
        for (name, count) in other.faults {
            *self.faults.entry(name).or_default() += count;
        }
        self.slowest_agreement = self.slowest_agreement.max(other.slowest_agreement);
        // The same in whatever order schedules are added.
        self.trace = self.trace.wrapping_add(other.trace);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, count: u64| writeln!(f, "{name:<34}{count:>14}");
        line("schedules", self.schedules)?;
        line("steps", self.steps)?;
        line("writes", self.writes)?;
        line("messages", self.messages)?;
        line("bytes", self.bytes)?;
        line("checks against the oracle", self.checks)?;
        line("comparisons of equal versions", self.agreements)?;
        line("confirmations that came true", self.confirmed)?;
        line("confirmations out of reach", self.unreachable)?;
        line("slowest agreement, ms", self.slowest_agreement)?;
        for (name, &count) in &self.faults {
            line(name, count)?;
        }
        write!(f, "{:<34}{:>14x}", "trace", self.trace)
    }
}

/// Something that must not happen has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The seed that replays it.
    pub seed: u64,
    /// When, in milliseconds from the start of the schedule.
    pub at: u64,
    /// What.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {} at {} ms: {}", self.seed, self.at, self.what)
    }
}

impl std::error::Error for Violation {}

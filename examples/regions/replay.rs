//! Replays a trace on three replicas, once in each way, and keeps a journal of what could be seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::conflict::{Conflict, Place};
use super::exchange::{Cost, Disorder, Replica, Way, exchange};
use super::region::Region;
use super::trace::{Action, Network, Step, TraceError, Write};
use super::value::Value;

/// A trace, replayed in all three ways with one outcome.
pub struct Replay {
    pub journal: Journal,
    /// In the order of [`Way::ALL`].
    pub bills: [Bill; 3],
    pub disorder: Disorder,
}

/// What one way cost.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bill {
    pub connected: Cost,
    pub reunions: Cost,
}

/// What could be seen, by whom and when. It must be the same in each way.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Journal {
    pub writes: usize,
    /// Writes that had nothing to change.
    pub without_effect: usize,
    pub reunions: Vec<Reunion>,
    /// Every value at the end, the same in all regions.
    pub finally: BTreeMap<String, Shown>,
}

/// The end of a time in which the regions were cut off.
#[derive(Debug, PartialEq, Eq)]
pub struct Reunion {
    /// `None` if the trace ends before.
    pub line: Option<usize>,
    /// The values that were written to meanwhile.
    pub values: Vec<Seen>,
    /// How many other values there were.
    pub untouched: usize,
    pub conflicts: Vec<Found>,
}

/// What a value showed in each region, and then in all.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    pub name: String,
    pub type_name: &'static str,
    /// In the order of [`Region::ALL`]; `None` where it did not exist.
    pub apart: [Option<Vec<String>>; 3],
    pub together: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    pub name: String,
    pub conflict: Conflict,
    pub settled: Vec<Settlement>,
}

/// The write after which the conflict was gone.
#[derive(Debug, PartialEq, Eq)]
pub struct Settlement {
    pub region: Region,
    pub line: usize,
    /// What that place shows since then, if anything.
    pub shows: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Shown {
    pub items: Vec<String>,
    pub open_conflicts: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// The trace asks for something that cannot be done.
    Trace(TraceError),
    /// The replicas did not do what they must. That is an error of the library.
    Library(String),
}

/// Replays the trace in all three ways.
pub fn replay(steps: &[Step]) -> Result<Replay, Failure> {
    check_types(steps)?;
    let [state, delta, operations] = Way::ALL.map(|way| Run::of(way, steps));
    let (state, delta, operations) = (state?, delta?, operations?);
    for other in [&delta, &operations] {
        let same = other.journal == state.journal && other.canonical() == state.canonical();
        ensure(same, || format!("by {:?} and by {:?} the outcomes differ", state.way, other.way))?;
    }
    let bills = [state.bill, delta.bill, operations.bill];
    Ok(Replay { journal: state.journal, bills, disorder: operations.disorder })
}

/// A name belongs to one type, in all regions, also while they are cut off from each other.
fn check_types(steps: &[Step]) -> Result<(), Failure> {
    let mut types: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
    for step in steps {
        let Action::Write(write) = &step.action else { continue };
        let mine = write.change.type_name();
        let &mut (first, line) = types.entry(&write.name).or_insert((mine, step.line));
        if first != mine {
            let message = format!("{:?} is a {mine} here, but a {first} on line {line}", write.name);
            return Err(Failure::Trace(TraceError::at_line(step.line, message)));
        }
    }
    Ok(())
}

/// A replay in one way.
struct Run {
    way: Way,
    replicas: [Replica; 3],
    cut: bool,
    /// Who has written what the others have not been told.
    speaking: Option<Region>,
    written_while_cut: BTreeSet<String>,
    bill: Bill,
    disorder: Disorder,
    journal: Journal,
}

impl Run {
    fn of(way: Way, steps: &[Step]) -> Result<Self, Failure> {
        let mut run = Self {
            way,
            replicas: Region::ALL.map(Replica::new),
            cut: false,
            speaking: None,
            written_while_cut: BTreeSet::new(),
            bill: Bill::default(),
            disorder: Disorder::default(),
            journal: Journal::default(),
        };
        steps.iter().try_for_each(|step| run.step(step))?;
        run.finish()?;
        Ok(run)
    }

    fn step(&mut self, step: &Step) -> Result<(), Failure> {
        let wrong = |message: &str| Failure::Trace(TraceError::at_line(step.line, message.to_string()));
        match &step.action {
            Action::Write(write) => self.write(step.line, write),
            Action::Network(Network::Cut) if self.cut => Err(wrong("the regions are cut off already")),
            Action::Network(Network::Heal) if !self.cut => Err(wrong("the regions are not cut off")),
            Action::Network(Network::Sync) if self.cut => Err(wrong("the regions are cut off: heal first")),
            Action::Network(Network::Cut) => {
                self.exchange_connected()?;
                self.cut = true;
                Ok(())
            }
            Action::Network(Network::Heal) => self.reunite(Some(step.line)),
            Action::Network(Network::Sync) => self.exchange_connected(),
        }
    }

    fn write(&mut self, line: usize, write: &Write) -> Result<(), Failure> {
        if self.cut {
            self.written_while_cut.insert(write.name.clone());
        } else if self.speaking.is_some_and(|speaking| speaking != write.region) {
            // Connected means: one has seen what the others wrote before.
            self.exchange_connected()?;
        }
        let replica = &mut self.replicas[write.region.index()];
        let before = replica.get(&write.name).map_or_else(Vec::new, Value::conflicts);
        let changed = replica.write(write).map_err(|message| Failure::Trace(TraceError::at_line(line, message)))?;
        self.journal.writes += 1;
        self.journal.without_effect += usize::from(!changed);
        self.speaking = Some(write.region);
        let value = replica.get(&write.name);
        for place in before.iter().map(|conflict| &conflict.place) {
            let Some(value) = value.filter(|value| value.conflicts().iter().all(|now| now.place != *place)) else {
                continue;
            };
            let settlement = Settlement { region: write.region, line, shows: value.at(place) };
            self.journal.settle(&write.name, place, settlement);
        }
        Ok(())
    }

    fn exchange_connected(&mut self) -> Result<(), Failure> {
        self.speaking = None;
        exchange(&mut self.replicas, self.way, &mut self.bill.connected, &mut self.disorder).map_err(Failure::Library)
    }

    fn reunite(&mut self, line: Option<usize>) -> Result<(), Failure> {
        let names = std::mem::take(&mut self.written_while_cut);
        let apart = |name: &String| self.replicas.each_ref().map(|replica| Some(replica.get(name)?.reading()));
        let apart: Vec<_> = names.iter().map(apart).collect();
        self.cut = false;
        self.speaking = None;
        exchange(&mut self.replicas, self.way, &mut self.bill.reunions, &mut self.disorder)
            .map_err(Failure::Library)?;
        self.check_agreement()?;
        let untouched = self.replicas[0].values().len().saturating_sub(names.len());
        let mut reunion = Reunion { line, values: Vec::new(), untouched, conflicts: Vec::new() };
        for (name, apart) in names.into_iter().zip(apart) {
            let Some(value) = self.replicas[0].get(&name) else { continue };
            let found = value.conflicts().into_iter();
            reunion.conflicts.extend(found.map(|conflict| Found { name: name.clone(), conflict, settled: Vec::new() }));
            let (type_name, together) = (value.type_name(), value.reading());
            reunion.values.push(Seen { name, type_name, apart, together });
        }
        self.journal.reunions.push(reunion);
        Ok(())
    }

    /// At the end everyone meets, in any case.
    fn finish(&mut self) -> Result<(), Failure> {
        if self.cut {
            self.reunite(None)?
        } else {
            self.exchange_connected()?
        }
        self.check_agreement()?;
        let shown = |value: &Value| Shown { items: value.reading(), open_conflicts: value.conflicts().len() };
        let values = self.replicas[0].values().iter();
        self.journal.finally = values.map(|(name, value)| (name.clone(), shown(value))).collect();
        Ok(())
    }

    /// Whether all three regions hold the same values: versions, events, and conflicts.
    fn check_agreement(&self) -> Result<(), Failure> {
        let [first, others @ ..] = &self.replicas;
        for other in others {
            let names = first.values().keys().eq(other.values().keys());
            ensure(names, || format!("by {:?}, regions have different values", self.way))?;
            for ((name, mine), theirs) in first.values().iter().zip(other.values().values()) {
                let same = mine.same_state(theirs) && mine.conflicts() == theirs.conflicts();
                ensure(same, || format!("by {:?}, regions disagree about {name:?}", self.way))?;
            }
        }
        Ok(())
    }

    fn canonical(&self) -> BTreeMap<&str, Vec<u8>> {
        self.replicas[0].values().iter().map(|(name, value)| (name.as_str(), value.canonical())).collect()
    }
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(Failure::Library(otherwise())) }
}

impl Journal {
    /// Notes who settled a conflict, with the reunion that showed it last.
    fn settle(&mut self, name: &str, place: &Place, settlement: Settlement) {
        let mut found = self.reunions.iter_mut().rev().flat_map(|reunion| &mut reunion.conflicts);
        if let Some(found) = found.find(|found| found.name == name && found.conflict.place == *place) {
            found.settled.push(settlement);
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trace(error) => error.fmt(f),
            Self::Library(what) => write!(f, "the replicas do not agree: {what}"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<TraceError> for Failure {
    fn from(error: TraceError) -> Self {
        Self::Trace(error)
    }
}

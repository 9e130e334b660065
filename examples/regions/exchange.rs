//! The three ways in which a region tells another what it has written: by state, by delta, by
//! operations. In each of them a region speaks only of the values that it has written to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dotted::{Timestamp, VersionVector, Writer};

use super::region::Region;
use super::trace::Write;
use super::value::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    State,
    Delta,
    Operations,
}

/// The values of one region, and what it has not told the others yet.
pub struct Replica {
    writer: Writer,
    clock: Arc<AtomicU64>,
    values: BTreeMap<String, Value>,
    unsent: Unsent,
}

#[derive(Default)]
struct Unsent {
    names: BTreeSet<String>,
    operations: Vec<(String, Vec<u8>)>,
}

/// What was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    pub messages: u64,
    /// All bytes, of questions too.
    pub bytes: u64,
    /// The version vectors with which a receiver says what it knows already.
    pub questions: u64,
}

/// What the inboxes had to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Disorder {
    pub delivered: u64,
    /// Operations that came before others on which they depend.
    pub early: u64,
    /// Operations that came again.
    pub again: u64,
}

impl Way {
    pub const ALL: [Self; 3] = [Self::State, Self::Delta, Self::Operations];
}

impl Replica {
    pub fn new(region: Region) -> Self {
        let clock = Arc::new(AtomicU64::new(0));
        let hands = Arc::clone(&clock);
        let now = move || Timestamp::from_millis(hands.load(Ordering::Relaxed));
        let writer = Writer::with_clock(region.uuid(), now).named(region.name());
        Self { writer, clock, values: BTreeMap::new(), unsent: Unsent::default() }
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    pub fn values(&self) -> &BTreeMap<String, Value> {
        &self.values
    }

    /// Writes here, and says whether that changed anything.
    pub fn write(&mut self, write: &Write) -> Result<bool, String> {
        self.clock.store(write.at, Ordering::Relaxed);
        let operation = match self.values.get_mut(&write.name) {
            Some(value) => value.write(&mut self.writer, &write.change)?,
            None => self.create(write)?,
        };
        let Some(operation) = operation else { return Ok(false) };
        self.unsent.names.insert(write.name.clone());
        self.unsent.operations.push((write.name.clone(), operation));
        Ok(true)
    }

    /// A value exists from its first event on; before that, nobody could be told of it.
    fn create(&mut self, write: &Write) -> Result<Option<Vec<u8>>, String> {
        let mut value = Value::for_change(&write.change);
        let operation = value.write(&mut self.writer, &write.change)?;
        if operation.is_some() {
            self.values.insert(write.name.clone(), value);
        }
        Ok(operation)
    }

    fn value_like(&mut self, name: &str, theirs: &Value) -> &mut Value {
        self.values.entry(name.to_string()).or_insert_with(|| theirs.fresh())
    }
}

/// Every region tells both others what it has written since the last time.
pub fn exchange(replicas: &mut [Replica; 3], way: Way, cost: &mut Cost, disorder: &mut Disorder) -> Result<(), String> {
    for from in 0..replicas.len() {
        let unsent = std::mem::take(&mut replicas[from].unsent);
        for to in (0..replicas.len()).filter(|&to| to != from) {
            let Ok([sender, receiver]) = replicas.get_disjoint_mut([from, to]) else { continue };
            match way {
                Way::State => send_states(sender, receiver, &unsent, cost)?,
                Way::Delta => send_deltas(sender, receiver, &unsent, cost)?,
                Way::Operations => send_operations(sender, receiver, &unsent, cost, disorder)?,
            }
        }
    }
    Ok(())
}

/// The whole value, whatever the receiver knows.
fn send_states(sender: &Replica, receiver: &mut Replica, unsent: &Unsent, cost: &mut Cost) -> Result<(), String> {
    for (name, value) in sender.named(unsent) {
        let message = value.state();
        cost.count(&message);
        receiver.value_like(name, value).merge_state(&message)?;
    }
    Ok(())
}

/// The receiver says what it knows, and gets what it lacks.
fn send_deltas(sender: &Replica, receiver: &mut Replica, unsent: &Unsent, cost: &mut Cost) -> Result<(), String> {
    for (name, value) in sender.named(unsent) {
        let theirs = receiver.value_like(name, value);
        let question = theirs.version().encode();
        cost.count(&question);
        cost.questions += question.len() as u64;
        let known = VersionVector::decode(&question, &dotted::Limits::default()).map_err(|error| error.to_string())?;
        let message = value.delta_since(&known);
        cost.count(&message);
        theirs.apply_delta(&message)?;
    }
    Ok(())
}

/// Every write on its own. The network is a bad one, on purpose: in each batch the last operation
/// arrives first, and then all of them arrive again.
fn send_operations(
    sender: &Replica,
    receiver: &mut Replica,
    unsent: &Unsent,
    cost: &mut Cost,
    disorder: &mut Disorder,
) -> Result<(), String> {
    const BATCH: usize = 64;
    for batch in unsent.operations.chunks(BATCH) {
        batch.iter().for_each(|(_, operation)| cost.count(operation));
        for (name, operation) in batch.iter().rev().chain(batch) {
            let Some(theirs) = sender.get(name) else { continue };
            let value = receiver.value_like(name, theirs);
            let waiting = value.waiting();
            let changed = value.receive_operation(operation)?;
            disorder.delivered += 1;
            disorder.early += u64::from(value.waiting() > waiting);
            disorder.again += u64::from(!changed && value.waiting() == waiting);
        }
    }
    match unsent.names.iter().filter_map(|name| receiver.get(name)).map(Value::waiting).sum::<usize>() {
        0 => Ok(()),
        waiting => Err(format!("{waiting} operations still wait for others")),
    }
}

impl Replica {
    /// The values that it has to speak of.
    fn named<'a>(&'a self, unsent: &'a Unsent) -> impl Iterator<Item = (&'a str, &'a Value)> {
        unsent.names.iter().filter_map(|name| Some((name.as_str(), self.get(name)?)))
    }
}

impl Cost {
    fn count(&mut self, message: &[u8]) {
        self.messages += 1;
        self.bytes += message.len() as u64;
    }

    pub fn plus(self, other: Self) -> Self {
        Self {
            messages: self.messages + other.messages,
            bytes: self.bytes + other.bytes,
            questions: self.questions + other.questions,
        }
    }
}

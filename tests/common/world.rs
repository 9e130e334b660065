//! Replicas of one value, with writers, clones, backups, deltas and operations in flight, and the
//! oracle beside them.

use std::collections::{BTreeMap, BTreeSet};

use dotted::{
    ApplyError, Causal, CausalInbox, Crdt, Delta, Dot, Limits, MapBody, Operation, PnCounterBody, SetBody, Writer,
};

use super::model::{Action, Model, Past};
use super::random::Random;

/// Three kinds under one version vector: plain removals, stamped values, counts with resets.
pub type Body = (SetBody<u8>, MapBody<u8, u16>, PnCounterBody);
pub type Value = Causal<Body>;

#[derive(Clone)]
pub struct Replica {
    pub value: Value,
    pub known: Past,
}

pub struct World {
    pub model: Model,
    pub replicas: Vec<Replica>,
    pub writers: Vec<Writer>,
    /// Which put a dot is.
    puts: BTreeMap<Dot, usize>,
    backups: Vec<Replica>,
    deltas: Vec<(Delta<Body>, Past)>,
    /// Operations with the events that they carry.
    operations: Vec<(Operation<Body>, Past)>,
    inboxes: Vec<CausalInbox<Body>>,
    next_value: u16,
    next_seed: u64,
    /// By version, the first view that had it.
    views: BTreeMap<Vec<u8>, Vec<u8>>,
    pub checks: u64,
}

/// What went wrong.
pub type Check = Result<(), String>;

pub const KEYS: usize = 4;

impl World {
    pub fn new(replicas: usize) -> Self {
        let replica = Replica { value: Value::new(), known: Past::new() };
        Self {
            model: Model::default(),
            replicas: vec![replica; replicas],
            writers: (0..replicas as u64).map(|seed| Writer::from_seed(seed * 7 % 5 + 1)).collect(),
            puts: BTreeMap::new(),
            backups: Vec::new(),
            deltas: Vec::new(),
            operations: Vec::new(),
            inboxes: (0..replicas).map(|_| CausalInbox::new(64)).collect(),
            next_value: 0,
            next_seed: 100,
            views: BTreeMap::new(),
            checks: 0,
        }
    }

    /// One random step, and the checks after it.
    pub fn step(&mut self, random: &mut Random) -> Check {
        let at = random.below(self.replicas.len());
        let other = random.below(self.replicas.len());
        match random.below(100) {
            0..38 => self.write(at, random),
            38..50 => self.merge(at, other)?,
            50..58 => self.send_delta(at, other, random),
            58..70 => self.receive_delta(at, random)?,
            70..82 => self.receive_operation(at, random)?,
            82..86 => self.sync(at, other)?,
            86..88 => self.replicas[at].value.collect(),
            88..90 => self.collect_some(at, other, random),
            90..92 => self.replicas[at].value.compact(),
            92..94 => self.backups.push(self.replicas[at].clone()),
            94..96 => self.roll_back(at, random),
            96 => self.replicas[at] = self.replicas[other].clone(),
            97 => self.restart(at),
            98 => self.reload(at)?,
            _ => self.join(at)?,
        }
        self.check(at)
    }

    /// Some removals are discarded; now and then only those that another one has seen.
    fn collect_some(&mut self, at: usize, other: usize, random: &mut Random) {
        let upto = random.chance(30).then(|| self.replicas[other].value.version().clone());
        let value = &mut self.replicas[at].value;
        value.set_collectable(upto);
        let (before, at_most) = (value.removals(), 1 + random.below(3));
        let discarded = value.collect_some(at_most);
        assert!(discarded <= at_most && value.removals() == before - discarded);
    }

    /// All replicas exchange everything; then they must agree.
    pub fn settle(&mut self) -> Check {
        for round in 0..2 {
            for at in 0..self.replicas.len() {
                for other in 0..self.replicas.len() {
                    if round == 0 { self.merge(at, other)? } else { self.sync(at, other)? }
                }
            }
        }
        for at in 0..self.replicas.len() {
            self.check(at)?;
            if self.replicas[at].value != self.replicas[0].value {
                return Err("replicas that have exchanged everything differ".into());
            }
        }
        Ok(())
    }

    fn actions(&mut self, random: &mut Random) -> Vec<Action> {
        let count = if random.chance(25) { 1 + random.below(4) } else { 1 };
        let mut keys = BTreeSet::new();
        let mut actions = Vec::new();
        for _ in 0..count {
            let key = random.below(KEYS) as u8;
            let kind = random.below(10);
            let subject = ['s', 's', 's', 's', 'm', 'm', 'm', 'm', 'c', 'c'][kind];
            // One write per key: what a group means for two writes to a key is no question here.
            if !keys.insert((subject, if subject == 'c' { 0 } else { key })) {
                continue;
            }
            actions.push(match kind {
                0..2 => Action::Add(key),
                2..4 => Action::Remove(key),
                4..7 => {
                    self.next_value += 1;
                    Action::Put(key, self.next_value)
                }
                7 => Action::Take(key),
                8 => Action::Count([1_000_003, 20_011, -300_007, 7][random.below(4)]),
                _ => Action::Reset,
            });
        }
        actions
    }

    /// A write, or a group of writes, by any of the writers.
    fn write(&mut self, at: usize, random: &mut Random) {
        let by = if random.chance(15) { random.below(self.writers.len()) } else { at };
        let actions = self.actions(random);
        let Self { model, replicas, writers, puts, operations, .. } = self;
        let Replica { value, known } = &mut replicas[at];
        let (issued, operation) = value.edit_as_operation(&mut writers[by], |(mut set, mut map, mut count), edit| {
            let mut issued = Vec::new();
            for action in &actions {
                let dot = match *action {
                    Action::Add(key) => Some(set.insert(edit, key)),
                    Action::Remove(key) => set.remove(edit, &key),
                    Action::Put(key, value) => Some(map.insert(edit, key, value)),
                    Action::Take(key) => map.remove(edit, &key),
                    Action::Count(by) if by > 0 => count.increment(edit, by as u64).ok(),
                    Action::Count(by) => count.decrement(edit, by.unsigned_abs()).ok(),
                    Action::Reset => count.reset(edit),
                };
                issued.extend(dot.map(|dot| (action.clone(), dot)));
            }
            issued
        });
        let mut carried = Past::new();
        for (action, dot) in issued {
            let is_put = matches!(action, Action::Put(..));
            let number = model.issue(action, known);
            known.insert(number);
            carried.insert(number);
            if is_put {
                puts.insert(dot, number);
            }
        }
        if let Some(operation) = operation {
            operations.push((operation, carried));
        }
    }

    fn merge(&mut self, at: usize, from: usize) -> Check {
        let other = self.replicas[from].clone();
        let before = self.replicas[at].value.clone();
        let applied = self.replicas[at].value.merge(&other.value);
        self.replicas[at].known.extend(&other.known);
        if applied.changed() == (before.version() == self.replicas[at].value.version()) {
            return Err(format!("merge says {applied:?} of a version that says otherwise"));
        }
        Ok(())
    }

    /// A delta for someone, as it stands now: it may arrive late, twice, elsewhere, or never.
    fn send_delta(&mut self, from: usize, to: usize, random: &mut Random) {
        let sender = &self.replicas[from];
        let delta = if random.chance(15) {
            sender.value.delta_since(&dotted::VersionVector::new())
        } else {
            sender.value.delta_since(self.replicas[to].value.version())
        };
        // Through bytes, as on a network.
        let delta = Delta::decode(&delta.encode(), &Limits::default()).expect("what was encoded is decoded");
        self.deltas.push((delta, sender.known.clone()));
    }

    fn receive_delta(&mut self, at: usize, random: &mut Random) -> Check {
        if self.deltas.is_empty() {
            return Ok(());
        }
        let number = random.below(self.deltas.len());
        let (delta, known) =
            if random.chance(60) { self.deltas.swap_remove(number) } else { self.deltas[number].clone() };
        let replica = &mut self.replicas[at];
        let before = replica.value.encode();
        match replica.value.apply(delta) {
            Ok(_) => replica.known.extend(known),
            Err(_) if replica.value.encode() != before => return Err("a refused delta changed something".into()),
            Err(_) => {}
        }
        Ok(())
    }

    /// A delta for what the receiver has right now: it must apply.
    fn sync(&mut self, at: usize, from: usize) -> Check {
        let delta = self.replicas[from].value.delta_since(self.replicas[at].value.version());
        let merged = {
            let mut copy = self.replicas[at].value.clone();
            copy.merge(&self.replicas[from].value);
            copy
        };
        let known = self.replicas[from].known.clone();
        let replica = &mut self.replicas[at];
        replica.value.apply(delta).map_err(|error| format!("a delta for this very version: {error}"))?;
        replica.known.extend(known);
        if replica.value.canonical() != merged.canonical() {
            return Err("a delta and a merge differ".into());
        }
        Ok(())
    }

    fn receive_operation(&mut self, at: usize, random: &mut Random) -> Check {
        if self.operations.is_empty() {
            return Ok(());
        }
        // Mostly what is not known yet, in any order; sometimes anything, duplicates too.
        let number = random.below(self.operations.len());
        let operation = self.operations[number].0.clone();
        let bytes = operation.encode();
        let operation = Operation::decode(&bytes, &Limits::default()).map_err(|error| error.to_string())?;
        if operation.encode() != bytes {
            return Err("an operation is not encoded as it was".into());
        }
        let Self { replicas, inboxes, operations, .. } = self;
        let before = replicas[at].value.version().clone();
        let full = inboxes[at].receive(&mut replicas[at].value, operation).is_err();
        if full {
            inboxes[at] = CausalInbox::new(64);
        }
        // Whatever the inbox released by now is known. An operation is known iff its events are.
        if replicas[at].value.version() != &before {
            for (operation, carried) in operations.iter() {
                if operation.is_known(replicas[at].value.version()) {
                    replicas[at].known.extend(carried);
                }
            }
        }
        Ok(())
    }

    /// An old state comes back by assignment; the writer goes on.
    fn roll_back(&mut self, at: usize, random: &mut Random) {
        if !self.backups.is_empty() {
            self.replicas[at] = self.backups[random.below(self.backups.len())].clone();
        }
    }

    /// A new process: the value from storage, a new writer.
    fn restart(&mut self, at: usize) {
        self.next_seed += 1;
        self.writers[at] = Writer::from_seed(self.next_seed * 31 % 64 + 200 * self.next_seed);
        self.inboxes[at] = CausalInbox::new(64);
    }

    /// Through a snapshot in bytes, and through readable rows.
    fn reload(&mut self, at: usize) -> Check {
        let value = &mut self.replicas[at].value;
        let bytes = value.encode();
        let back = Value::decode(&bytes, &Limits::default()).map_err(|error| error.to_string())?;
        if back.encode() != bytes || back != *value {
            return Err("a snapshot does not come back as it was".into());
        }
        let json = serde_json::to_string(value).map_err(|error| error.to_string())?;
        let readable: Value = serde_json::from_str(&json).map_err(|error| format!("{error}: {json}"))?;
        if readable.encode() != bytes {
            return Err("readable rows do not come back as they were".into());
        }
        *value = back;
        Ok(())
    }

    /// An empty replica takes the place.
    fn join(&mut self, at: usize) -> Check {
        let from = (at + 1) % self.replicas.len();
        self.replicas[at] = Replica { value: Value::new(), known: Past::new() };
        self.restart(at);
        self.sync(at, from)
    }

    /// The oracle, the kernel's invariants, and: equal versions mean equal views.
    fn check(&mut self, at: usize) -> Check {
        self.checks += 1;
        let Replica { value, known } = &self.replicas[at];
        #[cfg(feature = "mutants")]
        value.assert_consistent();
        let answer = self.model.answer(known);
        let (set, map, count) = value.view();
        let shown: BTreeSet<u8> = set.iter().copied().collect();
        if shown != answer.set || set.len() != answer.set.len() {
            return Err(format!("the set shows {shown:?} instead of {:?}", answer.set));
        }
        for key in 0..KEYS as u8 {
            let versions = map.versions(&key);
            let dots: BTreeSet<usize> =
                versions.iter().filter_map(|version| self.puts.get(&version.dot)).copied().collect();
            let expected = answer.map.get(&key).cloned().unwrap_or_default();
            if dots != expected || versions.len() != expected.len() {
                return Err(format!("key {key} shows {dots:?} instead of {expected:?}"));
            }
            for version in versions {
                let put = &self.model.events[self.puts[&version.dot]].action;
                if *put != Action::Put(key, *version.value.expect("a put has a value")) {
                    return Err(format!("{put:?} shows {:?}", version.value));
                }
            }
        }
        if count.value() != answer.count {
            return Err(format!("the count is {} instead of {}", count.value(), answer.count));
        }
        let mut view = value.canonical();
        view.extend(format!("{:?} {:?} {:?}", map.conflicts(), map.iter().collect::<Vec<_>>(), shown).bytes());
        match self.views.entry(value.version().encode()) {
            std::collections::btree_map::Entry::Occupied(known) if *known.get() != view => {
                Err("equal versions, different states".into())
            }
            std::collections::btree_map::Entry::Occupied(_) => Ok(()),
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(view);
                Ok(())
            }
        }
    }
}

/// A whole random history: a phase of faults, then everyone exchanges everything.
pub fn run(seed: u64, steps: usize) -> Result<u64, String> {
    let mut random = Random::new(seed);
    let replicas = 2 + random.below(3);
    let mut world = World::new(replicas);
    for step in 0..steps {
        world.step(&mut random).map_err(|error| format!("seed {seed}, step {step}: {error}"))?;
    }
    world.settle().map_err(|error| format!("seed {seed}, at the end: {error}"))?;
    Ok(world.checks)
}

/// Kept for schedules: the error without its version.
pub fn name(error: &ApplyError) -> &'static str {
    match error {
        ApplyError::Gap { .. } => "Gap",
        ApplyError::Floor { .. } => "Floor",
        _ => "other",
    }
}

//! Copies of one storage that are resumed under one id, third parties beside them, and the oracle.
//!
//! A copy that meets someone who has seen more of its branches than ever left it takes a new id and
//! rebases. Only what is beyond repair is left out: two copies that send different events under one
//! name to parties that do not know of each other.

use std::collections::{BTreeMap, BTreeSet};

use dotted::{Crdt, Delta, Limits, Shared, Timestamp, VersionVector, Writer, WriterRecord};

use super::model::{Action, Model, Past};
use super::random::Random;
use super::world::{Body, Check, KEYS, Value};

struct Party {
    value: Value,
    known: Past,
    writer: Writer,
    /// What has left, of a copy.
    shared: Shared<Body>,
}

/// What a storage holds.
struct Disk {
    value: Vec<u8>,
    known: Past,
    record: WriterRecord,
}

pub struct Forks {
    model: Model,
    third: Vec<Party>,
    copies: Vec<Party>,
    disks: Vec<Disk>,
    /// What has left of copies, under any of their ids.
    left: VersionVector,
    puts: BTreeMap<u16, usize>,
    next_value: u16,
    next_seed: u64,
    views: BTreeMap<Vec<u8>, Vec<u8>>,
    pub checks: u64,
    pub rebases: u64,
}

fn clock() -> impl FnMut() -> Timestamp + Send + Sync {
    let mut millis = 1_000;
    move || {
        millis += 1;
        Timestamp::from_millis(millis)
    }
}

fn party(seed: u64) -> Party {
    let writer = Writer::from_seed(seed);
    Party { value: Value::new(), known: Past::new(), shared: Shared::new(writer.uuid()), writer }
}

impl Forks {
    pub fn new(random: &mut Random) -> Self {
        let mut first = party([1, 1_000][random.below(2)]);
        first.writer = Writer::from_seed([1, 1_000][random.below(2)]);
        first.shared = Shared::new(first.writer.uuid());
        Self {
            model: Model::default(),
            third: (0..1 + random.below(3)).map(|at| party(100 + at as u64)).collect(),
            copies: vec![first],
            disks: Vec::new(),
            left: VersionVector::new(),
            puts: BTreeMap::new(),
            next_value: 0,
            next_seed: 200,
            views: BTreeMap::new(),
            checks: 0,
            rebases: 0,
        }
    }

    fn new_writer(&mut self, random: &mut Random) -> Writer {
        self.next_seed += 1;
        // Before or behind all others in the order of ids.
        Writer::from_seed(if random.chance(50) { 1_000 - self.next_seed } else { 1_000 + self.next_seed })
    }

    pub fn step(&mut self, random: &mut Random) -> Check {
        let third = random.below(self.third.len());
        let copy = random.below(self.copies.len());
        match random.below(100) {
            0..12 => self.write_third(third, random),
            12..45 => self.write_copy(copy, random),
            45..52 => self.meet_third(third, random)?,
            52..74 => self.meet(copy, third, random)?,
            74..78 => self.meet_copies(copy, random)?,
            78..84 => self.save(copy),
            84..90 => self.resume(random),
            90..92 => self.third[third].value.collect(),
            92..95 => self.copies[copy].value.collect(),
            95..97 => self.restart(copy, random),
            97 => self.branch(copy, random),
            _ => self.roll_back(copy, random)?,
        }
        for at in 0..self.third.len() {
            self.check_third(at)?;
        }
        self.check_copy(copy)
    }

    /// All exchange everything; then they must agree.
    pub fn settle(&mut self, random: &mut Random) -> Check {
        for _ in 0..2 {
            for at in 0..self.third.len() {
                let next = (at + 1) % self.third.len();
                self.exchange_third(at, next)?;
            }
        }
        for _ in 0..2 {
            for copy in 0..self.copies.len() {
                self.meet(copy, 0, random)?;
                self.check_copy(copy)?;
            }
        }
        for at in 0..self.third.len() {
            self.exchange_third(at, 0)?;
            self.check_third(at)?;
        }
        let first = &self.third[0];
        for other in self.third.iter().chain(&self.copies) {
            if other.value != first.value || other.value.canonical() != first.value.canonical() {
                return Err(format!(
                    "those who have exchanged everything differ: {:?}\n{:?}",
                    first.value, other.value
                ));
            }
        }
        Ok(())
    }

    fn actions(&mut self, random: &mut Random) -> Vec<Action> {
        let mut keys = BTreeSet::new();
        let mut actions = Vec::new();
        for _ in 0..1 + random.below(3) {
            let key = random.below(KEYS) as u8;
            let kind = random.below(10);
            let subject = ['s', 's', 's', 'm', 'm', 'm', 'c', 'c', 'c', 'c'][kind];
            if !keys.insert((subject, if subject == 'c' { 0 } else { key })) {
                continue;
            }
            actions.push(match kind {
                0 => Action::Add(key),
                1 | 2 => [Action::Add(key), Action::Remove(key)][random.below(2)].clone(),
                3 | 4 => {
                    self.next_value += 1;
                    Action::Put(key, self.next_value)
                }
                5 => Action::Take(key),
                6..9 => Action::Count([1_000_003, 20_011, -300_007, 7][random.below(4)]),
                _ => Action::Reset,
            });
        }
        actions
    }

    fn write_third(&mut self, at: usize, random: &mut Random) {
        let actions = self.actions(random);
        write(&mut self.model, &mut self.puts, &mut self.third[at], &actions);
    }

    fn write_copy(&mut self, at: usize, random: &mut Random) {
        let actions = self.actions(random);
        write(&mut self.model, &mut self.puts, &mut self.copies[at], &actions);
    }

    /// The copy writes to a clone of its value, too, and merges it: its writer opens a branch.
    fn branch(&mut self, at: usize, random: &mut Random) {
        let (mine, other) = (self.actions(random), self.actions(random));
        let copy = &mut self.copies[at];
        let (value, known) = (copy.value.clone(), copy.known.clone());
        write(&mut self.model, &mut self.puts, copy, &mine);
        let (value, known) = (std::mem::replace(&mut copy.value, value), std::mem::replace(&mut copy.known, known));
        write(&mut self.model, &mut self.puts, copy, &other);
        copy.value.merge(&value);
        copy.known.extend(known);
    }

    fn exchange_third(&mut self, a: usize, b: usize) -> Check {
        if a == b {
            return Ok(());
        }
        let (value, known) = (self.third[b].value.clone(), self.third[b].known.clone());
        take(&mut self.third[a], &value, &known, true)?;
        let (value, known) = (self.third[a].value.clone(), self.third[a].known.clone());
        take(&mut self.third[b], &value, &known, false)
    }

    fn meet_third(&mut self, at: usize, random: &mut Random) -> Check {
        let other = random.below(self.third.len());
        if at != other {
            let (value, known) = (self.third[other].value.clone(), self.third[other].known.clone());
            take(&mut self.third[at], &value, &known, random.chance(50))?;
        }
        Ok(())
    }

    /// Takes a new id if the peer's version says so; whether an exchange is possible.
    fn notice(&mut self, at: usize, value: &Value, known: &Past, random: &mut Random) -> Result<bool, String> {
        let fork = self.copies[at].shared.forked_by(value.version());
        if fork.is_some() {
            let mut writer = self.new_writer(random);
            let copy = &mut self.copies[at];
            copy.value.rebase(value, &copy.shared, &mut writer).map_err(|error| error.to_string())?;
            copy.known.extend(known);
            copy.shared = Shared::new(writer.uuid());
            copy.writer = writer;
            self.rebases += 1;
            sound(&copy.value)?;
            return Ok(true);
        }
        let copy = &self.copies[at];
        let uuid = copy.writer.uuid();
        let collides = copy.value.version().iter().filter(|(id, _)| id.uuid() == uuid).any(|(id, counter)| {
            let shared = copy.shared.last(&id);
            counter > shared && self.left.get(&id) > shared
        });
        Ok(!collides)
    }

    /// Everything of a copy has left.
    fn sent(&mut self, at: usize) {
        let copy = &mut self.copies[at];
        copy.shared.note(&copy.value);
        self.left.join(copy.value.version());
    }

    fn meet(&mut self, at: usize, third: usize, random: &mut Random) -> Check {
        let (value, known) = (self.third[third].value.clone(), self.third[third].known.clone());
        if !self.notice(at, &value, &known, random)? {
            return Ok(());
        }
        take(&mut self.copies[at], &value, &known, random.chance(50))?;
        let (value, known) = (self.copies[at].value.clone(), self.copies[at].known.clone());
        self.sent(at);
        take(&mut self.third[third], &value, &known, random.chance(50))
    }

    /// Two copies meet: the one that notices takes from the other.
    fn meet_copies(&mut self, at: usize, random: &mut Random) -> Check {
        let other = random.below(self.copies.len());
        let (value, known) = (self.copies[other].value.clone(), self.copies[other].known.clone());
        let sends_what_collides = {
            let peer = &self.copies[other];
            peer.value
                .version()
                .iter()
                .filter(|(id, _)| id.uuid() == peer.writer.uuid())
                .any(|(id, counter)| counter > peer.shared.last(&id) && self.left.get(&id) > peer.shared.last(&id))
        };
        if at == other || sends_what_collides || self.copies[at].shared.forked_by(value.version()).is_none() {
            return Ok(());
        }
        self.notice(at, &value, &known, random)?;
        self.sent(other);
        Ok(())
    }

    /// A backup, of what has left: a copy that starts from what has not is another's past beyond telling.
    fn save(&mut self, at: usize) {
        let copy = &self.copies[at];
        let all_left = copy
            .value
            .version()
            .iter()
            .all(|(id, counter)| id.uuid() != copy.writer.uuid() || counter <= copy.shared.last(&id));
        if all_left {
            let record = copy.writer.record();
            self.disks.push(Disk { value: copy.value.encode(), known: copy.known.clone(), record });
        }
    }

    /// Someone starts a copy from a backup, whether or not others run.
    fn resume(&mut self, random: &mut Random) {
        if self.disks.is_empty() || self.copies.len() > 3 {
            return;
        }
        let disk = &self.disks[random.below(self.disks.len())];
        let value = Value::decode(&disk.value, &Limits::default()).expect("what was encoded is decoded");
        let record = WriterRecord::decode(&disk.record.encode(), &Limits::default()).expect("so is the record");
        let shared = Shared::of(&value, record.uuid());
        let writer = Writer::resume_exclusive_with_clock(record, clock());
        self.copies.push(Party { value, known: disk.known.clone(), writer, shared });
    }

    /// A copy restarts, with nothing lost; only if all has left, for what was loaded counts as left.
    fn restart(&mut self, at: usize, random: &mut Random) {
        let before = self.disks.len();
        self.save(at);
        if let Some(disk) = self.disks.get(before) {
            let record = if random.chance(50) { disk.record.clone() } else { self.copies[at].writer.reserve(0) };
            self.copies[at].writer = Writer::resume_exclusive_with_clock(record, clock());
            self.copies[at].shared = Shared::of(&self.copies[at].value, self.copies[at].writer.uuid());
        }
    }

    /// An old state of the same writer comes back by assignment; the writer goes on.
    fn roll_back(&mut self, at: usize, random: &mut Random) -> Check {
        if self.disks.is_empty() {
            return Ok(());
        }
        let disk = &self.disks[random.below(self.disks.len())];
        if disk.record.uuid() == self.copies[at].writer.uuid() {
            let copy = &mut self.copies[at];
            let old = Value::decode(&disk.value, &Limits::default()).map_err(|error| error.to_string())?;
            // A state that this very copy had: nothing in it that it has not seen.
            if old.version() <= copy.value.version() && disk.known.is_subset(&copy.known) {
                copy.value = old;
                copy.known = disk.known.clone();
            }
        }
        Ok(())
    }

    fn check_third(&mut self, at: usize) -> Check {
        let Self { model, third, puts, views, checks, .. } = self;
        *checks += 1;
        answers(model, puts, &third[at])?;
        let value = &third[at].value;
        let view = value.canonical();
        let first = views.entry(value.version().encode()).or_insert_with(|| view.clone());
        if *first == view { Ok(()) } else { Err("equal versions, different states".into()) }
    }

    fn check_copy(&mut self, at: usize) -> Check {
        self.checks += 1;
        answers(&self.model, &self.puts, &self.copies[at])
    }
}

fn write(model: &mut Model, puts: &mut BTreeMap<u16, usize>, party: &mut Party, actions: &[Action]) {
    let Party { value, known, writer, .. } = party;
    let issued = value.edit(writer, |(mut set, mut map, mut count), edit| {
        let mut wrote = |action: &Action| match *action {
            Action::Add(key) => Some(set.insert(edit, key)),
            Action::Remove(key) => set.remove(edit, &key),
            Action::Put(key, value) => Some(map.insert(edit, key, value)),
            Action::Take(key) => map.remove(edit, &key),
            Action::Count(by) if by > 0 => count.increment(edit, by as u64).ok(),
            Action::Count(by) => count.decrement(edit, by.unsigned_abs()).ok(),
            Action::Reset => count.reset(edit),
        };
        actions.iter().filter(|action| wrote(action).is_some()).cloned().collect::<Vec<_>>()
    });
    for action in issued {
        let put = if let Action::Put(_, value) = action { Some(value) } else { None };
        let number = model.issue(action, known);
        known.insert(number);
        puts.extend(put.map(|value| (value, number)));
    }
}

/// By merging, or by a delta through bytes.
fn take(party: &mut Party, value: &Value, known: &Past, by_delta: bool) -> Check {
    if by_delta {
        let bytes = value.delta_since(party.value.version()).encode();
        let delta = Delta::decode(&bytes, &Limits::default()).map_err(|error| error.to_string())?;
        party.value.apply(delta).map_err(|error| format!("a delta for this very version: {error}"))?;
    } else {
        party.value.merge(value);
    }
    party.known.extend(known);
    Ok(())
}

/// The kernel's invariants, and that it comes back from bytes as it was.
pub fn sound(value: &Value) -> Check {
    #[cfg(feature = "mutants")]
    value.assert_consistent();
    let bytes = value.encode();
    let back = Value::decode(&bytes, &Limits::default()).map_err(|error| error.to_string())?;
    if back.encode() != bytes || back != *value {
        return Err("a rebased value does not come back as it was".into());
    }
    let json = serde_json::to_string(value).map_err(|error| error.to_string())?;
    let back: Value = serde_json::from_str(&json).map_err(|error| error.to_string())?;
    if back.encode() == bytes { Ok(()) } else { Err("nor from readable rows".into()) }
}

fn answers(model: &Model, puts: &BTreeMap<u16, usize>, party: &Party) -> Check {
    #[cfg(feature = "mutants")]
    party.value.assert_consistent();
    let answer = model.answer(&party.known);
    let (set, map, count) = party.value.view();
    let shown: BTreeSet<u8> = set.iter().copied().collect();
    if shown != answer.set {
        return Err(format!("the set shows {shown:?} instead of {:?}", answer.set));
    }
    for key in 0..KEYS as u8 {
        let versions = map.versions(&key);
        let shown: BTreeSet<usize> = versions.iter().filter_map(|version| puts.get(version.value?)).copied().collect();
        let expected = answer.map.get(&key).cloned().unwrap_or_default();
        if shown != expected || versions.len() != expected.len() {
            return Err(format!("key {key} shows {shown:?} instead of {expected:?}"));
        }
    }
    if count.value() != answer.count {
        return Err(format!("the count is {} instead of {}", count.value(), answer.count));
    }
    Ok(())
}

/// A whole random history. Returns the checks and the rebases.
pub fn run(seed: u64, steps: usize) -> Result<(u64, u64), String> {
    let mut random = Random::new(seed);
    let mut forks = Forks::new(&mut random);
    for step in 0..steps {
        forks.step(&mut random).map_err(|error| format!("seed {seed}, step {step}: {error}"))?;
    }
    forks.settle(&mut random).map_err(|error| format!("seed {seed}, at the end: {error}"))?;
    Ok((forks.checks, forks.rebases))
}

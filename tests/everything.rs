//! Random histories of a value with everything in it, records too, driven in every way that the
//! interface offers: after each step, equal versions mean that everything readable is equal.
//!
//! It knows nothing of what is right, only that replicas must agree; what is right is the oracle's.

mod common;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use common::random::Random;
use dotted::{
    Causal, CausalInbox, Crdt, Delta, Edit, Fragment, Limits, MapBody, Operation, PnCounterBody, RecordBody, SetBody,
    Writer,
};

type Body = (SetBody<u8>, MapBody<u8, u8>, PnCounterBody, RecordBody<u8>);
type Value = Causal<Body>;

struct World {
    replicas: Vec<Value>,
    writers: Vec<Writer>,
    inboxes: Vec<CausalInbox<Body>>,
    backups: Vec<Value>,
    deltas: Vec<Delta<Body>>,
    operations: Vec<Operation<Body>>,
    /// By version, all that can be read.
    seen: BTreeMap<Vec<u8>, (Vec<u8>, String)>,
}

/// A few writes, maybe several on one key.
fn write<'e>(random: &mut Random, parts: <Body as Fragment>::Mut<'e>, edit: &mut Edit<'e>) {
    let (mut set, mut map, mut count, mut record) = parts;
    for _ in 0..1 + random.below(4) {
        let (key, value) = (random.below(4) as u8, random.below(3) as u8);
        let field = ["a", "b", "c"][random.below(3)];
        match random.below(17) {
            0..2 => _ = set.insert(edit, key),
            2 => _ = set.remove(edit, &key),
            3 => _ = set.clear(edit),
            4..6 => _ = map.insert(edit, key, value),
            6 => _ = map.remove(edit, &key),
            7 => _ = count.increment(edit, 1 + u64::from(value)),
            8 => _ = count.decrement(edit, 1),
            9 => _ = count.reset(edit),
            10..13 => _ = record.set(edit, field, value),
            13 => _ = record.remove(edit, field),
            14 => _ = record.delete(edit),
            15 => _ = record.erase(edit),
            _ => _ = record.purge(edit),
        }
    }
}

fn reads(value: &Value) -> String {
    let (set, map, count, record) = value.view();
    let maps = (map.iter().collect::<Vec<_>>(), map.conflicts());
    let records = (record.iter().collect::<Vec<_>>(), record.conflicts(), record.len());
    format!("{value:?} {:?} {maps:?} {} {records:?}", set.iter().collect::<Vec<_>>(), count.value())
}

impl World {
    fn new(random: &mut Random) -> Self {
        let mut ids = [1, 2, 3];
        if random.chance(50) {
            ids.reverse();
        }
        Self {
            replicas: vec![Value::new(); 4],
            writers: ids.map(Writer::from_seed).into(),
            inboxes: (0..4).map(|_| CausalInbox::new(64)).collect(),
            backups: Vec::new(),
            deltas: Vec::new(),
            operations: Vec::new(),
            seen: BTreeMap::new(),
        }
    }

    fn step(&mut self, random: &mut Random) {
        let (at, from) = (random.below(4), random.below(4));
        match random.below(20) {
            0..9 => self.write(at, random),
            9..11 => {
                let other = self.replicas[from].clone();
                self.replicas[at].merge(&other);
            }
            11 => self.send(at, from),
            12..14 => self.receive_delta(at, random),
            14..16 => self.receive_operation(at, random),
            16 if random.chance(50) => self.replicas[at].collect(),
            16 => self.replicas[at].compact(),
            17 => self.reload(at, random),
            18 => self.backups.push(self.replicas[at].clone()),
            _ if self.backups.is_empty() || random.chance(50) => self.replicas[at] = self.replicas[from].clone(),
            _ => self.replicas[at] = self.backups[random.below(self.backups.len())].clone(),
        }
    }

    /// In each of the ways to write: plain, tried, given up, recorded, and cut short by a panic.
    fn write(&mut self, at: usize, random: &mut Random) {
        let (value, writer) = (&mut self.replicas[at], &mut self.writers[random.below(3)]);
        let way = random.below(8);
        let mut inner = Random::new(random.next());
        match way {
            0..3 => value.edit(writer, |parts, edit| write(&mut inner, parts, edit)),
            3 => {
                let before = value.encode();
                let failed = value.try_edit(writer, |parts, edit| {
                    write(&mut inner, parts, edit);
                    Err::<(), ()>(())
                });
                assert!(failed.is_err() && value.encode() == before);
            }
            4 => {
                let nothing = inner.chance(30);
                let tried = value.try_edit(writer, |parts, edit| {
                    if !nothing {
                        write(&mut inner, parts, edit);
                    }
                    Ok::<(), ()>(())
                });
                assert!(tried.is_ok());
            }
            5 => {
                let unwound = catch_unwind(AssertUnwindSafe(|| {
                    value.edit(writer, |parts, edit| {
                        write(&mut inner, parts, edit);
                        resume_unwind(Box::new(()))
                    })
                }));
                assert!(unwound.is_err());
            }
            _ => {
                let (_, operation) = value.edit_as_operation(writer, |parts, edit| write(&mut inner, parts, edit));
                if let Some(operation) = operation {
                    let bytes = operation.encode();
                    let read = Operation::decode(&bytes, &Limits::default()).expect("it was encoded");
                    assert_eq!(read.encode(), bytes);
                    self.operations.push(if inner.chance(50) { operation } else { read });
                }
            }
        }
    }

    fn send(&mut self, at: usize, from: usize) {
        let known = self.replicas[at].version().clone();
        let delta = self.replicas[from].delta_since(&known);
        let mut bytes = Vec::new();
        self.replicas[from].encode_delta_since(&known, &mut bytes);
        assert_eq!(delta.encode(), bytes);
        self.deltas.push(Delta::decode(&bytes, &Limits::default()).expect("it was encoded"));
    }

    fn receive_delta(&mut self, at: usize, random: &mut Random) {
        if self.deltas.is_empty() {
            return;
        }
        let delta = self.deltas[random.below(self.deltas.len())].clone();
        let before = self.replicas[at].encode();
        if self.replicas[at].apply(delta).is_err() {
            assert_eq!(self.replicas[at].encode(), before);
        }
    }

    fn receive_operation(&mut self, at: usize, random: &mut Random) {
        if self.operations.is_empty() {
            return;
        }
        let operation = self.operations[random.below(self.operations.len())].clone();
        if random.chance(50) {
            _ = self.replicas[at].apply_operation(operation);
        } else {
            _ = self.inboxes[at].receive(&mut self.replicas[at], operation);
        }
    }

    fn reload(&mut self, at: usize, random: &mut Random) {
        let value = &mut self.replicas[at];
        let bytes = value.encode();
        let back: Value = if random.chance(50) {
            Value::decode(&bytes, &Limits::default()).expect("it was encoded")
        } else {
            serde_json::from_str(&serde_json::to_string(value).expect("it is written")).expect("it is read")
        };
        assert!(back == *value && back.encode() == bytes);
        *value = back;
    }

    fn check(&mut self) {
        for value in &self.replicas {
            #[cfg(feature = "mutants")]
            value.assert_consistent();
            let now = (value.canonical(), reads(value));
            let before = self.seen.entry(value.version().encode()).or_insert_with(|| now.clone());
            assert_eq!(*before, now, "equal versions, different reads");
        }
    }

    /// Everyone's news, by merging in one order and by deltas in the other.
    fn settle(&self) {
        let (mut merged, mut applied) = (Value::new(), Value::new());
        self.replicas.iter().for_each(|replica| _ = merged.merge(replica));
        for replica in self.replicas.iter().rev() {
            applied.apply(replica.delta_since(applied.version())).expect("it is for this version");
        }
        assert!(merged == applied && merged.canonical() == applied.canonical());
        assert_eq!(reads(&merged), reads(&applied));
    }
}

#[test]
fn replicas_agree_whatever_is_done_to_them() {
    let histories = std::env::var("DOTTED_HISTORIES").ok().and_then(|text| text.parse().ok()).unwrap_or(3_000u64);
    for seed in 0..histories {
        let outcome = catch_unwind(|| {
            let mut random = Random::new(seed);
            let mut world = World::new(&mut random);
            for _ in 0..30 + random.below(40) {
                world.step(&mut random);
                world.check();
            }
            world.settle();
        });
        if let Err(panic) = outcome {
            println!("seed {seed}");
            resume_unwind(panic);
        }
    }
}

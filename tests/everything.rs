//! Random histories of a value with everything in it, records too, driven in every way that the
//! interface offers: after each step, equal versions mean that everything readable is equal.
//!
//! It knows nothing of what is right, only that replicas must agree; what is right is the oracle's.

mod common;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use common::parallel;
use common::random::Random;
use dotted::{
    Ask, BoundedCounterBody, Causal, CausalInbox, ClaimsBody, Crdt, DeletePolicy, DeleteWins, Deletes, Delta, Dispute,
    Edit, Fragment, LedgerBody, Limits, MapBody, Operation, PnCounterBody, RecordBody, ReplicaId, RequestId, Resolver,
    SetBody, StoreBody, Transfer, ValueKind, Versioned, View, Writer,
};
use uuid::Uuid;

/// The types on their own, and a store in which the same is done to values of the same types.
type Body = (SetBody<u8>, MapBody<u8, u8>, PnCounterBody, (Records, StoreBody, BoundedCounterBody, Facts));
type Facts = (LedgerBody<Transfer>, ClaimsBody<Arc<str>>);
type Records = (RecordBody<u8>, RecordBody<u8, DeleteWins>, RecordBody<u8, Ask>);
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
    let (mut set, mut map, mut count, (records, mut store, mut bounded, (mut ledger, mut claims))) = parts;
    let (mut record, mut deleting, mut asking) = records;
    // To all three records, and to those in the store.
    macro_rules! records {
        (|$record:ident| $write:expr, |$named:ident| $write_named:expr) => {{
            let $record = &mut record;
            _ = $write;
            let $record = &mut deleting;
            _ = $write;
            let $record = &mut asking;
            _ = $write;
            let mut $named = store.record("x");
            _ = $write_named;
            let mut $named = store.record_with("deleting", Deletes::DeleteWins);
            _ = $write_named;
            let mut $named = store.record_with("asking", Deletes::Ask);
            _ = $write_named;
        }};
    }
    for _ in 0..1 + random.below(4) {
        let (key, value) = (random.below(4) as u8, random.below(3) as u8);
        let field = ["a", "b", "c"][random.below(3)];
        let (text, by) = (key.to_string(), 1 + u64::from(value));
        match random.below(35) {
            0..2 => _ = (set.insert(edit, key), store.set("x").insert(edit, key.into())),
            2 => _ = (set.remove(edit, &key), store.set("x").remove(edit, &i64::from(key))),
            3 => _ = (set.clear(edit), store.set("x").clear(edit)),
            4..6 => {
                map.insert(edit, key, value);
                store.map("x").insert(edit, text.into(), value.into());
            }
            6 => _ = (map.remove(edit, &key), store.map("x").remove(edit, &*text)),
            7 => _ = (count.increment(edit, by), store.counter("x").increment(edit, by)),
            8 => _ = (count.decrement(edit, 1), store.counter("x").decrement(edit, 1)),
            9 => _ = (count.reset(edit), store.counter("x").reset(edit)),
            10..13 => records!(|record| record.set(edit, field, value), |named| named.set(edit, field, value.into())),
            13 => records!(|record| record.remove(edit, field), |named| named.remove(edit, field)),
            14 => records!(|record| record.delete(edit), |named| named.delete(edit)),
            15 => records!(|record| record.erase(edit), |named| named.erase(edit)),
            16 => records!(|record| record.purge(edit), |named| named.purge(edit)),
            21 => records!(|record| record.restore(edit), |named| named.restore(edit)),
            22 => records!(|record| record.trim_siblings(edit, 1), |named| named.trim_siblings(edit, 1)),
            23 => {
                records!(|record| record.resolve_all(edit, Resolver::Earliest).expect("it is a function"), |named| {
                    named.resolve_all(edit, Resolver::Earliest).expect("it is a function")
                });
            }
            24 => {
                let (alone, named) = (map.trim_siblings(edit, 1), store.map("x").trim_siblings(edit, 1));
                assert_eq!(alone.len(), named.len());
            }
            17..20 => {
                let name = ["y", "z"][random.below(2)];
                match random.below(8) {
                    7 => _ = store.bounded_counter(name).increment(edit, 1),
                    0 => _ = store.counter(name).increment(edit, 1),
                    1 => _ = store.register(name).set(edit, value.into()),
                    2 => _ = store.multi_register(name).set(edit, value.into()),
                    3 => _ = store.flag(name).enable(edit),
                    4 => _ = store.set(name).insert(edit, key.into()),
                    5 => _ = store.map(name).insert(edit, field.into(), value.into()),
                    _ => _ = store.record(name).set(edit, field, value.into()),
                }
            }
            20 => _ = store.remove(edit, ["y", "z"][random.below(2)]),
            26 => {
                let done = bounded.increment(edit, by);
                assert_eq!(done.is_ok(), store.bounded_counter("x").increment(edit, by).is_ok());
            }
            27 => {
                let (done, named) =
                    (bounded.try_decrement(edit, by), store.bounded_counter("x").try_decrement(edit, by));
                assert_eq!(done.err(), named.err());
            }
            28 => {
                let to = ReplicaId::from_seed(1 + random.below(3) as u64);
                let to = ReplicaId::new(to.uuid(), random.below(3) as u32);
                let (done, named) =
                    (bounded.transfer(edit, &to, by), store.bounded_counter("x").transfer(edit, &to, by));
                assert_eq!(done.err(), named.err());
            }
            29 => {
                let (id, entry) = (request(random), transfer(random));
                let done = ledger.record(edit, id, entry.clone());
                assert_eq!(done.err(), store.ledger("x").record(edit, id, entry).err());
            }
            30 => {
                let (id, entry) = (request(random), transfer(random));
                let done = ledger.resolve(edit, id, entry.clone()).unwrap();
                assert_eq!(done.is_some(), store.ledger("x").resolve(edit, id, entry).unwrap().is_some());
            }
            31 => {
                let RequestId { client, number } = request(random);
                if random.chance(50) {
                    let done = ledger.dismiss(edit, RequestId { client, number });
                    let named = store.ledger("x").dismiss(edit, RequestId { client, number });
                    assert_eq!(done.is_some(), named.is_some());
                } else if random.chance(20) {
                    // A block of them, so that there is something to fold.
                    for number in 0..64 {
                        let (id, entry) = (RequestId { client, number }, transfer(random));
                        let done = ledger.record(edit, id, entry.clone());
                        assert_eq!(done.err(), store.ledger("x").record(edit, id, entry).err());
                    }
                    assert_eq!(ledger.fold(edit, client), store.ledger("x").fold(edit, client));
                }
            }
            32..35 => {
                let (me, resource) = (MEMBERS[random.below(3)], Arc::from(field));
                match random.below(4) {
                    0 | 1 => {
                        let done = claims.claim(edit, Arc::clone(&resource), me, &MEMBERS);
                        assert_eq!(done.err(), store.claims("x").claim(edit, resource, me, &MEMBERS).err());
                    }
                    2 => {
                        let done = claims.release(edit, &resource, me);
                        assert_eq!(done.is_some(), store.claims("x").release(edit, &resource, me).is_some());
                    }
                    _ => {
                        let done = claims.acknowledge(edit, me, &MEMBERS);
                        assert_eq!(done.is_some(), store.claims("x").acknowledge(edit, me, &MEMBERS).is_some());
                    }
                }
            }
            _ => {
                let alone = map.resolve_all(edit, Resolver::Latest).expect("it is a function");
                let named = store.map("x").resolve_all(edit, Resolver::Latest).expect("it is a function");
                assert_eq!(alone.len(), named.len());
            }
        }
    }
}

const MEMBERS: [Uuid; 3] = [Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3)];

fn request(random: &mut Random) -> RequestId {
    RequestId { client: MEMBERS[random.below(2)], number: [0, 1, 63, 64][random.below(4)] }
}

fn transfer(random: &mut Random) -> Transfer {
    Transfer { from: "ana".into(), to: "ben".into(), amount: 1 + random.below(2) as u64 }
}

fn integer(value: &dotted::Value) -> u8 {
    u8::try_from(value.as_integer().expect("an integer")).expect("a byte")
}

fn check_record<P: DeletePolicy>(record: View<'_, Versioned<u8, P>>, store: View<'_, dotted::ByName>, name: &str) {
    let named = store.record_with(name, P::default().deletes());
    let fields: BTreeMap<_, _> = record.iter().map(|(field, &value)| (field, value)).collect();
    assert_eq!(fields, named.iter().map(|(field, value)| (field, integer(value))).collect());
    let (mut conflicts, mut in_store) = (record.conflicts(), named.conflicts());
    conflicts.sort_by_key(|found| found.key.clone());
    in_store.sort_by_key(|found| found.key.clone());
    assert_eq!(conflicts.len(), in_store.len());
    for (alone, of_store) in conflicts.iter().zip(&in_store) {
        assert_eq!((alone.key, alone.kind), (of_store.key, of_store.kind));
        let values = |version: &dotted::Version<&dotted::Value>| (version.value.map(integer), version.timestamp);
        let alone = alone.versions.iter().map(|version| (version.value.copied(), version.timestamp));
        assert!(alone.eq(of_store.versions.iter().map(values)));
    }
}

/// A value in a store shows what one of its type shows on its own.
fn check_mirror(value: &Value) {
    let (set, map, count, ((record, deleting, asking), store, bounded, (ledger, claims))) = value.view();
    assert!(set.iter().copied().eq(store.set("x").iter().map(integer)));
    assert_eq!(set.len(), store.set("x").len());
    let entries = map.iter().map(|(&key, &value)| (key.to_string(), value));
    assert!(entries.eq(store.map("x").iter().map(|(key, value)| (key.to_string(), integer(value)))));
    assert_eq!(count.value(), store.counter("x").value());
    // Whatever was cloned, rolled back or is only partly known: nobody has spent what was not his.
    assert_eq!(bounded.holders(), store.bounded_counter("x").holders());
    assert!(bounded.overdrawn() == 0 && bounded.value() >= 0);
    assert_eq!(bounded.value(), bounded.holders().iter().map(|(_, rights)| rights).sum());
    let named = store.ledger("x");
    assert_eq!(ledger.total(), named.total());
    let requests: BTreeMap<_, _> = ledger.requests().collect();
    assert_eq!(requests, named.requests().collect());
    // Where several say different things, the versions are in the order of their dots in both.
    let dispute = |found: &Dispute<'_, Transfer>| {
        (found.id, found.folded, found.versions.iter().map(|version| version.value.cloned()).collect::<Vec<_>>())
    };
    let alone: Vec<_> = ledger.disputes().iter().map(dispute).collect();
    assert_eq!(alone, named.disputes().iter().map(dispute).collect::<Vec<_>>());
    for resource in claims.resources() {
        assert_eq!(claims.seat(resource, &MEMBERS), store.claims("x").seat(resource, &MEMBERS));
    }
    let standing = |mut standing: Vec<(&Arc<str>, Uuid, u64)>| {
        standing.sort();
        standing.into_iter().map(|(resource, member, round)| (resource.clone(), member, round)).collect::<Vec<_>>()
    };
    assert_eq!(standing(claims.standing()), standing(store.claims("x").standing()));
    check_record(record, store, "x");
    check_record(deleting, store, "deleting");
    check_record(asking, store, "asking");
    let mut conflicts: Vec<_> =
        map.conflicts().iter().map(|found| (found.key.to_string(), found.versions.len())).collect();
    let mut in_store: Vec<_> =
        store.map("x").conflicts().iter().map(|found| (found.key.to_string(), found.versions.len())).collect();
    conflicts.sort();
    in_store.sort();
    assert_eq!(conflicts, in_store);
    for named in store.names() {
        assert!(["x", "y", "z", "deleting", "asking"].contains(&&*named.name));
        match named.kind {
            ValueKind::Set => assert!(!store.set(&named.name).is_empty()),
            ValueKind::Map => assert!(!store.map(&named.name).is_empty()),
            ValueKind::Record => assert!(!store.record(&named.name).is_empty()),
            ValueKind::Register => assert!(store.register(&named.name).get().is_some()),
            ValueKind::MultiRegister => assert!(!store.multi_register(&named.name).is_empty()),
            ValueKind::Flag => assert!(store.flag(&named.name).is_enabled()),
            _ => {}
        }
    }
}

fn reads(value: &Value) -> String {
    check_mirror(value);
    let (set, map, count, ((record, deleting, asking), store, bounded, (ledger, claims))) = value.view();
    let facts = (ledger.total(), ledger.requests().collect::<Vec<_>>(), ledger.disputes(), claims.standing());
    let maps = (map.iter().collect::<Vec<_>>(), map.conflicts());
    let records = (record.iter().collect::<Vec<_>>(), record.conflicts(), record.len());
    let policies = (deleting.iter().collect::<Vec<_>>(), asking.iter().collect::<Vec<_>>());
    let bounded = (bounded.value(), bounded.holders());
    let store = (store.names().collect::<Vec<_>>(), store.conflicts());
    format!(
        "{value:?} {:?} {maps:?} {} {records:?} {policies:?} {bounded:?} {store:?} {facts:?}",
        set.iter().collect::<Vec<_>>(),
        count.value()
    )
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
    parallel::for_each(0..histories, |seed| {
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
    });
}

//! The log of conflicts: merged like a set although it is bounded, and fed by what changed.

use dotted::replication::{Config, ConflictId, ConflictLog, LogConfig, LogKeys, LogPlace, PeerId, Replica, Role};
use dotted::{ConflictKind, Crdt, DeltaCrdt, Named, Origin, Store, StoreKey, ValueKind, Watched, Writer};

/// Conflicts about eight prices and one record.
fn store() -> Store {
    let (mut a, mut b) = (Writer::from_seed(1), Writer::from_seed(2));
    let mut here = Store::new();
    here.record("order").set(&mut a, "state", "open");
    let mut there = here.clone();
    for number in 0..8 {
        here.map("prices").insert(&mut a, format!("item {number}"), 1);
        there.map("prices").insert(&mut b, format!("item {number}"), 2);
    }
    here.record("order").delete(&mut a);
    there.record("order").set(&mut b, "state", "paid");
    here.merge(&there);
    here
}

fn config(entries: usize) -> LogConfig {
    LogConfig { entries, ..LogConfig::default() }
}

fn price(item: &str) -> StoreKey {
    StoreKey::new(Named { name: "prices".into(), kind: ValueKind::Map }, Some(item.into())).expect("a key of a map")
}

#[cfg(feature = "quickcheck")]
mod laws {
    use dotted::{Applied, laws};
    use quickcheck::{Arbitrary, Gen};

    use super::*;

    #[derive(Clone, Debug)]
    struct Log(ConflictLog);

    impl Crdt for Log {
        fn merge(&mut self, other: &Self) -> Applied {
            self.0.merge(&other.0)
        }

        fn same_state(&self, other: &Self) -> bool {
            self.0.same_state(&other.0)
        }
    }

    impl Arbitrary for Log {
        fn arbitrary(g: &mut Gen) -> Self {
            let store = store();
            // Some never see all, and all keep three: entries come and go.
            let mut log = ConflictLog::new(config(3));
            for conflict in store.conflicts() {
                if bool::arbitrary(g) {
                    log.note(&conflict, u64::from(u8::arbitrary(g) % 6));
                }
            }
            Self(log)
        }
    }

    #[test]
    fn bounded_logs_merge_like_sets() {
        laws::crdt::<Log>();
    }
}

#[test]
fn what_changed_is_noted_and_nothing_else() {
    let (mut a, mut b) = (Writer::from_seed(3), Writer::from_seed(4));
    let mut there = store();
    let mut here = Watched::new(store());
    let mut log = ConflictLog::default();
    here.edit(&mut a, |mut store, edit| store.map("prices").insert(edit, "new".into(), 1.into()));
    assert_eq!(here.poll_changes().map(|batch| log.note_batch(here.store(), &batch, 1)), Some(0), "no conflict yet");
    there.map("prices").insert(&mut b, "new", 2);
    there.map("prices").insert(&mut b, "other", 2);
    let known = store().version().clone();
    here.apply(there.delta_since(&known)).expect("it builds on what is known");
    let batch = here.poll_changes().expect("the delta");
    assert_eq!((batch.origin, log.len()), (Origin::Remote, 0));
    assert_eq!(log.note_batch(here.store(), &batch, 2), 1, "one of the keys that changed");
    assert_eq!(log.note_batch(here.store(), &batch, 3), 0, "once");
    assert_eq!(log.iter().map(|entry| entry.noted).collect::<Vec<_>>(), [2]);
    assert_eq!(log.note_all(here.store(), 4), 9, "and all that were there before");
}

/// As an application does it: what a message brought is noted before the next one.
#[test]
fn replicas_note_the_same_conflicts() {
    let peers = [PeerId::from_seed(1), PeerId::from_seed(2)];
    let id = "6f1c1f7a-5b0c-4c60-9b0e-2b8f4a3f9d11".parse().expect("an id");
    let mut replicas = [0, 1].map(|at| {
        let config = Config::new(peers[at], id, at as u64);
        let mut replica = Replica::new(Watched::default(), Writer::from_seed(at as u64 + 1), config);
        replica.join(peers[1 - at], Role::Voter).expect("there is room");
        replica
    });
    let mut logs = [1, 2].map(|_| ConflictLog::default());
    for (at, replica) in replicas.iter_mut().enumerate() {
        let write = |value: &mut Watched, writer: &mut Writer| {
            value.edit(writer, |mut store, edit| {
                store.register("owner").set(edit, (at as i64).into());
                store.set("cart").insert(edit, 1.into());
            });
        };
        replica.update(write).expect("nobody else writes under this id");
    }
    for now in (0..2_000).step_by(10) {
        for at in 0..2 {
            replicas[at].tick(now);
            while let Some(message) = replicas[at].poll_transmit() {
                let other = &mut replicas[1 - at];
                other.handle(peers[at], &message.bytes, now).expect("it is sound");
                let log = &mut logs[1 - at];
                let note = |value: &mut Watched, _: &mut Writer| {
                    while let Some(batch) = value.poll_changes() {
                        log.note_batch(value.store(), &batch, now);
                    }
                };
                other.update(note).expect("nobody else writes under this id");
            }
        }
    }
    let names = |log: &ConflictLog| log.iter().map(|entry| entry.id).collect::<Vec<_>>();
    assert_eq!((logs[0].len(), names(&logs[0])), (1, names(&logs[1])));
}

#[test]
fn entries_are_found_by_kind_and_key_and_counted() {
    let store = store();
    let mut log = ConflictLog::default();
    assert_eq!(log.note_all(&store, 5), 9);
    assert_eq!(
        log.counts().into_iter().collect::<Vec<_>>(),
        [(ConflictKind::WriteWrite, 8), (ConflictKind::UpdateDelete, 1)]
    );
    assert_eq!(log.of_kind(ConflictKind::UpdateDelete).count(), 1);
    let entry = log.of_key(&price("item 3")).next().expect("it is in conflict");
    assert_eq!(entry.id, ConflictId::of(entry.versions.iter().rev().map(|version| version.dot)));
    assert_eq!(
        entry.versions.iter().map(|version| version.value.clone()).collect::<Vec<_>>(),
        [Some(1.into()), Some(2.into())]
    );
    let mut other = ConflictLog::default();
    other.note_all(&store, 9);
    assert!(log.merge(&other).changed() && !log.merge(&other).changed());
    assert_eq!((log.len(), log.iter().all(|entry| entry.noted == 9)), (9, true), "one name everywhere");
}

/// Names of conflicts are the same on all machines and in all releases.
#[test]
fn a_conflict_has_the_same_name_everywhere() {
    let mut log = ConflictLog::default();
    log.note_all(&store(), 0);
    let entry = log.of_key(&price("item 0")).next().expect("it is in conflict");
    let mut bytes = Vec::new();
    for dot in entry.versions.iter().map(|version| version.dot) {
        bytes.extend(dot.replica.uuid().as_bytes());
        bytes.extend(dot.replica.branch().to_le_bytes());
        bytes.extend(dot.counter.to_le_bytes());
    }
    assert_eq!(entry.id.to_string(), format!("{:016x}", xxhash_rust::xxh64::xxh64(&bytes, 0)));
    assert_eq!(entry.id.to_string(), "2444f04227a34ac1");
}

#[test]
fn what_is_settled_is_not_unresolved() {
    let mut store = store();
    let mut log = ConflictLog::new(config(4));
    log.note_all(&store, 1);
    assert_eq!((log.len(), log.unresolved(&store).count()), (4, 4));
    let settled = log.iter().next().expect("four are kept").clone();
    let LogPlace::Plain { name, of, key } = settled.place else { panic!("keys are kept") };
    let key = StoreKey::new(Named { name, kind: of }, key).expect("it was one");
    store.resolve(&mut Writer::from_seed(9), &key, 7).expect("a value can be written there");
    assert_eq!(log.unresolved(&store).count(), 3);
    assert!(log.unresolved(&store).all(|entry| entry.id != settled.id));
}

#[test]
fn a_log_can_know_nothing_that_is_personal() {
    let store = store();
    let all = LogConfig::default();
    for keys in [LogKeys::Hashed(7), LogKeys::Omitted] {
        let mut log = ConflictLog::new(LogConfig { values: false, keys, ..all.clone() });
        log.note_all(&store, 1);
        let mut plain = ConflictLog::new(all.clone());
        plain.note_all(&store, 2);
        // Nor does it learn it from another log.
        log.merge(&plain);
        let mut lines = String::new();
        log.write_json_lines(&mut lines).expect("a string takes all");
        assert!(!["prices", "item", "paid", "state"].iter().any(|word| lines.contains(word)), "{lines}");
        assert_eq!(lines.lines().count(), 9);
        let of_key = log.of_key(&price("item 3")).count();
        assert_eq!(of_key, usize::from(keys != LogKeys::Omitted));
        assert_eq!(log.unresolved(&store).count(), 9, "names are of dots alone");
    }
}

#[test]
fn lines_are_json() {
    let mut log = ConflictLog::new(LogConfig { versions: 1, ..LogConfig::default() });
    log.note_all(&store(), 3);
    let mut lines = String::new();
    log.write_json_lines(&mut lines).expect("a string takes all");
    let all: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("each line is one")).collect();
    assert_eq!(all.len(), 9);
    let order = all.iter().find(|entry| entry["name"] == "order").expect("the record");
    assert_eq!((&order["kind"], &order["key"], &order["noted"]), (&"update-delete".into(), &"state".into(), &3.into()));
    assert_eq!((order["versions"].as_array().map(Vec::len), &order["omitted"]), (Some(1), &1.into()));
}

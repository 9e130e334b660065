//! What users may rely on beyond convergence: no-ops that say so, limits, failed edits, listed changes.

mod common;

use std::collections::BTreeSet;

use common::random::Random;
use dotted::{
    Applied, ApplyError, Causal, CausalInbox, ChangeKind, Crdt, Delta, DwFlag, EwFlag, GCounter, InboxFull, Limits,
    LwwMap, LwwRegister, MapBody, MvRegister, Operation, OrSet, Overflow, PnCounter, ReplicaId, Resolver, SetBody,
    Timestamp, VersionVector, VersionedRecord, Writer,
};

#[test]
fn what_brings_nothing_new_says_so_and_changes_nothing() {
    let mut writer = Writer::from_seed(1);
    let mut set: OrSet<u8> = OrSet::new();
    set.extend(&mut writer, 0..9);
    let before = set.encode();
    let same = set.clone();
    assert_eq!(set.merge(&same), Applied::UNCHANGED);
    assert_eq!(set.merge(&OrSet::new()), Applied::UNCHANGED);
    for known in [VersionVector::new(), same.version().clone()] {
        assert_eq!(set.apply(same.delta_since(&known)), Ok(Applied::UNCHANGED));
    }
    assert!(same.delta_since(same.version()).is_empty());
    assert_eq!(set.encode(), before);
    assert_eq!(set.remove(&mut writer, &77), None, "nothing visible, no event");
    assert_eq!(set.version(), same.version());
}

#[test]
fn counts_do_not_wrap() {
    let mut writer = Writer::from_seed(1);
    let mut growing = GCounter::new();
    growing.increment(&mut writer, u64::MAX).expect("it fits");
    let before = growing.encode();
    assert_eq!(growing.increment(&mut writer, 1), Err(Overflow));
    assert_eq!(growing.encode(), before);
    growing.increment(&mut Writer::from_seed(2), 1).expect("another writer has room");
    assert_eq!(growing.value(), u128::from(u64::MAX) + 1);

    let mut counter = PnCounter::new();
    counter.increment(&mut writer, u64::MAX).expect("it fits");
    counter.reset(&mut writer);
    assert_eq!(counter.value(), 0);
    assert_eq!(counter.increment(&mut writer, 1), Err(Overflow), "a reset does not rewind");
    counter.decrement(&mut writer, u64::MAX).expect("the way down has room");
    assert_eq!(counter.value(), -i128::from(u64::MAX));
}

/// A peer may claim any counter of anybody's branch. The writer goes on under another one.
#[test]
fn a_branch_that_others_claim_is_left() {
    let mut writer = Writer::from_seed(1);
    let mut set: OrSet<u8> = OrSet::new();
    set.insert(&mut writer, 1);
    let claim: VersionVector = [(ReplicaId::from_seed(1), (1 << 42) - 1)].into_iter().collect();
    let mut bytes = claim.encode();
    bytes[5] = 1; // a state, of a set, without events
    bytes.splice(7..8, [1, 7]);
    let end = bytes.len() - 4;
    bytes.splice(end..end, [0; 5]);
    let end = bytes.len() - 4;
    let checksum = (xxhash_rust::xxh64::xxh64(&bytes[..end], 0) as u32).to_le_bytes();
    bytes[end..].copy_from_slice(&checksum);
    let liar = OrSet::decode(&bytes, &Limits::default()).expect("well formed");
    set.merge(&liar);
    let dot = set.insert(&mut writer, 2);
    assert_eq!((dot.replica.branch(), dot.counter), (1, 1));
}

#[test]
fn a_failed_edit_leaves_value_and_writer_as_they_were() {
    let mut writer = Writer::from_seed(1);
    let mut set: OrSet<u8> = OrSet::new();
    set.insert(&mut writer, 1);
    let before = set.encode();
    for fresh in [false, true] {
        let mut other = if fresh { OrSet::new() } else { set.clone() };
        let failed: Result<(), &str> = other.try_edit(&mut writer, |mut set, edit| {
            set.insert(edit, 2);
            set.remove(edit, &1);
            Err("no")
        });
        assert_eq!(failed, Err("no"));
        assert_eq!(other.len(), usize::from(!fresh));
    }
    assert_eq!(set.encode(), before);
    let dot = set.insert(&mut writer, 3);
    assert_eq!((dot.replica.branch(), dot.counter), (0, 2), "no dot was lost");
    let done: Result<_, ()> = set.try_edit(&mut writer, |mut set, edit| Ok(set.insert(edit, 4)));
    assert_eq!(done.map(|dot| dot.counter), Ok(3));
}

/// What was written stays, as one group, and the value goes on.
#[test]
fn an_edit_that_unwinds_keeps_what_it_wrote() {
    let mut writer = Writer::from_seed(1);
    let mut set: OrSet<u8> = OrSet::new();
    let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        set.edit(&mut writer, |mut set, edit| {
            set.insert(edit, 1);
            std::panic::resume_unwind(Box::new(()));
        })
    }));
    assert!(unwound.is_err());
    set.insert(&mut writer, 2);
    let mut other = OrSet::new();
    other.merge(&set);
    assert!(other == set && other.len() == 2);
    // An operation after it names what the lost one brought.
    let (_, operation) = set.edit_as_operation(&mut writer, |mut set, edit| set.insert(edit, 3));
    other.apply_operation(operation.expect("something was written")).expect("it is ready");
    assert!(other == set);
}

#[test]
fn an_inbox_is_bounded_and_gives_back_what_does_not_fit() {
    let mut writer = Writer::from_seed(1);
    let mut sender: OrSet<u8> = OrSet::new();
    let operations: Vec<Operation<SetBody<u8>>> =
        (0..5).filter_map(|i| sender.edit_as_operation(&mut writer, |mut set, edit| set.insert(edit, i)).1).collect();
    let mut receiver = OrSet::new();
    let mut inbox = CausalInbox::new(3);
    for operation in &operations[1..4] {
        assert_eq!(inbox.receive(&mut receiver, operation.clone()).expect("there is room"), Applied::UNCHANGED);
    }
    assert!(matches!(receiver.can_apply_operation(&operations[4]), Err(ApplyError::Gap { .. })));
    let Err(InboxFull(back)) = inbox.receive(&mut receiver, operations[4].clone()) else { panic!("it is full") };
    assert_eq!(back.dot(), operations[4].dot());
    let applied = inbox.receive(&mut receiver, operations[0].clone()).expect("it is ready");
    assert_eq!((applied.events, inbox.len()), (4, 0));
    inbox.receive(&mut receiver, back).expect("it is ready");
    assert!(receiver == sender);
}

#[test]
fn an_inbox_is_bounded_by_bytes_and_forgets_what_has_come_in_another_way() {
    let mut writer = Writer::from_seed(1);
    let mut sender: OrSet<String> = OrSet::new();
    let mut insert = |text: String| sender.edit_as_operation(&mut writer, |mut set, edit| set.insert(edit, text)).1;
    let operations: Vec<Operation<SetBody<String>>> =
        (0..6).filter_map(|i| insert(i.to_string().repeat(1_000))).collect();
    let lens = operations.iter().map(|operation| operation.encode().len());
    let most = lens.skip(1).take(3).sum();
    let (mut receiver, mut inbox) = (OrSet::new(), CausalInbox::new(100).with_bytes(most));
    for operation in &operations[1..4] {
        _ = inbox.receive(&mut receiver, operation.clone()).expect("there is room");
        // Twice is once.
        _ = inbox.receive(&mut receiver, operation.clone()).expect("it is there");
    }
    assert_eq!((inbox.len(), inbox.bytes()), (3, most));
    let Err(InboxFull(back)) = inbox.receive(&mut receiver, operations[5].clone()) else { panic!("it is full") };
    assert_eq!((inbox.len(), inbox.bytes()), (3, most));
    // What the first three say comes with a delta, and makes room.
    let mut halfway = OrSet::new();
    operations[..3].iter().for_each(|operation| _ = halfway.apply_operation(operation.clone()).expect("in order"));
    _ = receiver.merge(&halfway);
    _ = inbox.receive(&mut receiver, back).expect("there is room");
    assert_eq!(inbox.len(), 2);
    _ = inbox.receive(&mut receiver, operations[4].clone()).expect("there is room");
    inbox.flush(&mut receiver);
    assert_eq!((inbox.len(), inbox.bytes()), (0, 0));
    assert!(receiver == sender);
}

/// A type whose values all have one hash costs comparisons, and no memory.
#[test]
fn values_of_one_hash_are_told_apart() {
    #[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
    struct Same(u32);
    impl std::hash::Hash for Same {
        fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
    }
    let (mut writer, mut set) = (Writer::from_seed(1), OrSet::new());
    set.extend(&mut writer, (0..12_000).map(Same));
    (0..12_000).step_by(2).for_each(|at| _ = set.remove(&mut writer, &Same(at)));
    assert_eq!(set.len(), 6_000);
    assert!(set.contains(&Same(1)) && !set.contains(&Same(2)));
    let back = OrSet::<Same>::decode(&set.encode(), &Limits::default()).expect("it is well formed");
    assert!(back == set);
}

/// The listed changes are exactly the difference between before and after.
#[test]
fn listed_changes_are_the_difference() {
    type Value = Causal<(SetBody<u8>, MapBody<u8, u16>)>;
    let mut random = Random::new(5);
    for _ in 0..300 {
        let mut writers = [1, 2, 3].map(Writer::from_seed);
        let mut replicas = vec![Value::new(); 3];
        for step in 0..40 {
            let (at, from) = (random.below(3), random.below(3));
            let key = random.below(5) as u8;
            match random.below(8) {
                0..2 => _ = replicas[at].edit(&mut writers[at], |(mut set, _), edit| set.insert(edit, key)),
                2 => _ = replicas[at].edit(&mut writers[at], |(mut set, _), edit| set.remove(edit, &key)),
                3..5 => _ = replicas[at].edit(&mut writers[at], |(_, mut map), edit| map.insert(edit, key, step)),
                5 => _ = replicas[at].edit(&mut writers[at], |(_, mut map), edit| map.remove(edit, &key)),
                6 => replicas[at].collect(),
                _ => check_changes(&mut replicas, at, from, random.chance(50)),
            }
        }
    }

    fn versions(value: &Value) -> Vec<(u8, bool, Vec<dotted::Dot>)> {
        let (set, map) = value.view();
        let dots = |key| map.versions(&key).iter().map(|version| version.dot).collect();
        (0..5).map(|key| (key, set.contains(&key), dots(key))).collect()
    }

    fn check_changes(replicas: &mut [Value], at: usize, from: usize, by_delta: bool) {
        let before = versions(&replicas[at]);
        let other = replicas[from].clone();
        let mut listed = BTreeSet::new();
        let mut visit = |change: dotted::Either<dotted::Change<'_, u8>, dotted::Change<'_, u8>>| {
            let (part, change) = match change {
                dotted::Either::Left(change) => ('s', change),
                dotted::Either::Right(change) => ('m', change),
            };
            assert!(listed.insert((part, *change.key, format!("{:?}", change.kind))), "listed twice");
        };
        let applied = if by_delta {
            let delta = other.delta_since(replicas[at].version());
            replicas[at].apply_with(delta, &mut visit).expect("it is for this version")
        } else {
            replicas[at].merge_with(&other, &mut visit).expect("it fits")
        };
        let mut expected = BTreeSet::new();
        for ((key, was_in, was), (_, is_in, is)) in before.iter().zip(versions(&replicas[at])) {
            if *was_in != is_in {
                expected.insert((
                    's',
                    *key,
                    format!("{:?}", if is_in { ChangeKind::Added } else { ChangeKind::Removed }),
                ));
            }
            let kind = match (was.is_empty(), is.is_empty()) {
                (true, false) => ChangeKind::Added,
                (false, true) => ChangeKind::Removed,
                _ => ChangeKind::Updated,
            };
            if *was != is {
                expected.insert(('m', *key, format!("{kind:?}")));
            }
        }
        // An element of the set that was added again elsewhere is updated, though it looks the same.
        let visible: BTreeSet<_> =
            listed.iter().filter(|(part, _, kind)| *part == 'm' || kind != "Updated").cloned().collect();
        assert_eq!(visible, expected);
        assert_eq!(applied.keys, listed.len());
    }
}

#[test]
fn resolvers_choose_by_time_or_by_writer() {
    let stamped = |seed: u64, millis: u64| {
        Writer::with_clock(ReplicaId::from_seed(seed).uuid(), move || Timestamp::from_millis(millis))
    };
    let mut maps: Vec<LwwMap<String, u8>> = vec![LwwMap::new(); 3];
    for (at, map) in (0u8..).zip(&mut maps) {
        map.insert(&mut stamped(u64::from(at) + 1, [20, 10, 15][usize::from(at)]), "k".into(), at);
    }
    let mut map = LwwMap::new();
    maps.iter().for_each(|other| _ = map.merge(other));
    assert_eq!(map.get("k"), Some(&0));
    let by = |resolver| map.get_by("k", resolver).expect("it is a function").value().copied();
    assert_eq!(by(Resolver::Earliest), Some(1));
    let priority = [ReplicaId::from_seed(9).uuid(), ReplicaId::from_seed(3).uuid()];
    assert_eq!(by(Resolver::Priority(&priority)), Some(2));
    assert_eq!(by(Resolver::Priority(&[])), Some(0));
    assert_eq!(by(Resolver::KeepAll), None);
    assert_eq!(map.conflicts()[0].versions.len(), 3);
    map.remove(&mut Writer::from_seed(7), "k");
    assert_eq!((map.get("k"), map.conflicts().len()), (None, 0));
}

#[test]
fn erasing_forgets_values_and_purging_forgets_deletions() {
    let mut writer = Writer::from_seed(1);
    let mut record: VersionedRecord<String> = VersionedRecord::new();
    record.extend(&mut writer, [("name", "Ana".to_string()), ("city", "Recife".to_string())]);
    record.delete(&mut writer).expect("it was there");
    assert!(record.is_empty());
    assert!(String::from_utf8_lossy(&record.encode()).contains("Recife"));
    record.erase(&mut writer).expect("there were values");
    assert!(!String::from_utf8_lossy(&record.encode()).contains("Recife"));
    assert_eq!(record.erase(&mut writer), None);
    record.purge(&mut writer).expect("there was a deletion");
    assert_eq!(record.purge(&mut writer), None);
    record.collect();
    record.set(&mut writer, "name", "Bruno".into());
    assert_eq!(record.iter().collect::<Vec<_>>(), [("name", &"Bruno".to_string())]);
}

#[test]
fn values_can_be_sent_between_threads() {
    fn is_send_and_sync<T: Send + Sync + 'static>() {}
    is_send_and_sync::<(GCounter, PnCounter, EwFlag, DwFlag, OrSet<String>, LwwMap<String, u8>)>();
    is_send_and_sync::<(LwwRegister<u8>, MvRegister<u8>, VersionedRecord<String>, Writer, VersionVector)>();
    is_send_and_sync::<(Delta<SetBody<u8>>, Operation<SetBody<u8>>, CausalInbox<SetBody<u8>>)>();
}

#[test]
fn debug_shows_the_value_in_the_same_order_everywhere() {
    // Elements in another order than the ids of their writers.
    let mut writers = [9, 2, 5].map(|seed| (seed, Writer::from_seed(seed)));
    let mut replicas = vec![OrSet::new(); 3];
    for (replica, (seed, writer)) in replicas.iter_mut().zip(&mut writers) {
        replica.insert(writer, 100 - *seed);
        replica.insert(writer, *seed);
    }
    let (mut forward, mut backward) = (OrSet::new(), OrSet::new());
    replicas.iter().for_each(|replica| _ = forward.merge(replica));
    replicas.iter().rev().for_each(|replica| _ = backward.merge(replica));
    assert_eq!(format!("{forward:?}"), "{98, 2, 95, 5, 91, 9}");
    assert_eq!(format!("{backward:?}"), "{98, 2, 95, 5, 91, 9}");
}

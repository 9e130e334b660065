//! What an adversarial review found: each of these failed once.

use dotted::replication::{Config, PeerId, Replica, Role, Timing};
use dotted::{Crdt, DeltaCrdt, OrSet, Store, ValueKind, VersionVector, Watched, Writer};
use uuid::Uuid;

type Set = OrSet<u64>;

const STORE: Uuid = Uuid::from_u128(42);

fn peer(at: u64) -> PeerId {
    PeerId::from_seed(at)
}

fn replica(at: u64, value: Set, seed: u64) -> Replica<Set> {
    Replica::new(value, Writer::from_seed(seed), Config::new(peer(at), STORE, at))
}

/// Runs two replicas with a network that loses nothing until `end`. Returns how many messages there were.
fn run<C: DeltaCrdt>(a: &mut Replica<C>, b: &mut Replica<C>, start: u64, end: u64) -> usize {
    let mut sent = 0;
    for now in (start..end).step_by(10) {
        a.tick(now);
        b.tick(now);
        while let Some(message) = a.poll_transmit() {
            sent += 1;
            _ = b.handle(a.me(), &message.bytes, now);
        }
        while let Some(message) = b.poll_transmit() {
            sent += 1;
            _ = a.handle(b.me(), &message.bytes, now);
        }
    }
    sent
}

#[test]
fn a_delta_of_a_state_that_was_rolled_back_does_not_block_its_peer() {
    let (mut a, mut b) = (replica(1, Set::new(), 1), replica(2, Set::new(), 2));
    a.join(peer(2), Role::Voter).unwrap();
    b.join(peer(1), Role::Voter).unwrap();
    run(&mut a, &mut b, 0, 1_000);
    let before = a.value().clone();
    a.update(|set, writer| set.insert(writer, 1)).unwrap();
    // The delta is made, and does not leave before the value goes back.
    for now in (1_000..2_000).step_by(10) {
        a.tick(now);
    }
    a.update(|set, _| *set = before.clone()).unwrap();
    a.update(|set, writer| set.insert(writer, 2)).unwrap();
    run(&mut a, &mut b, 2_000, 20_000);
    assert!(b.value().contains(&2), "what was written after a roll-back arrives");
    assert_eq!(a.value(), b.value());
}

#[test]
fn what_was_rolled_back_is_not_durable_any_more() {
    let mut writer = Writer::from_seed(1);
    let mut set = Set::new();
    set.insert(&mut writer, 1);
    let old = set.clone();
    let mut third = Writer::from_seed(9);
    set.insert(&mut third, 2);
    let full = set.clone();
    let mut a = Replica::new(set, writer, Config::new(peer(1), STORE, 1).durable());
    assert_eq!(*a.published(), *full.version());
    a.update(|set, _| *set = old.clone()).unwrap();
    a.persisted(old.version());
    // It comes back from a peer, and is not in storage yet.
    a.update(|set, _| set.merge(&full)).unwrap();
    assert_eq!(*a.published(), *old.version(), "only what is durable is published");
}

#[test]
fn two_replicas_with_many_writers_start_to_talk() {
    let mut value = Set::new();
    for at in 0..4_000 {
        value.insert(&mut Writer::from_seed(1_000 + at), at);
    }
    let (mut a, mut b) = (replica(1, value.clone(), 1), replica(2, value, 2));
    a.join(peer(2), Role::Voter).unwrap();
    b.join(peer(1), Role::Voter).unwrap();
    a.update(|set, writer| set.insert(writer, 9_999)).unwrap();
    run(&mut a, &mut b, 0, 60_000);
    assert!(b.value().contains(&9_999));
}

#[test]
fn a_heartbeat_that_is_never_does_not_overflow() {
    let timing = Timing { heartbeat: u64::MAX, ..Timing::default() };
    let config = Config::new(peer(1), STORE, 1).with_timing(timing);
    let mut a: Replica<Set> = Replica::new(Set::new(), Writer::from_seed(1), config);
    a.join(peer(2), Role::Voter).unwrap();
    for now in 0..100 {
        a.tick(now);
    }
    for _ in 0..3 {
        a.tick(u64::MAX);
    }
}

#[test]
fn a_snapshot_does_not_outlive_a_rebase() {
    for seed in [2, 3, 4, 5, 6, 7, 8] {
        let (mut old, mut other) = (Writer::from_seed(1), Writer::from_seed(50));
        let mut store = Watched::new(Store::new());
        let shared = store.shared(old.uuid());
        let mut theirs = Watched::new(Store::new());
        theirs.edit(&mut other, |mut store, edit| {
            store.set("s").insert(edit, "theirs".into());
            store.multi_register("m").set(edit, "theirs".into());
            store.register("r").set(edit, "theirs".into())
        });
        store.edit(&mut old, |mut store, edit| {
            store.set("s").insert(edit, "mine".into());
            store.multi_register("m").set(edit, "mine".into());
            store.register("r").set(edit, "mine".into())
        });
        store.merge(&theirs);
        let kinds = [("s", ValueKind::Set), ("m", ValueKind::MultiRegister), ("r", ValueKind::Register)];
        kinds.iter().for_each(|&(name, kind)| _ = store.snapshot(name, kind));
        let revision = store.revision();
        while store.poll_changes().is_some() {}
        DeltaCrdt::rebase(&mut store, &shared, &mut Writer::from_seed(seed * 20)).unwrap();
        let mut fresh = Watched::new(store.store().clone());
        for (name, kind) in kinds {
            assert_eq!(store.snapshot(name, kind), fresh.snapshot(name, kind), "{name} {seed}");
        }
        assert_ne!(store.revision(), revision);
        assert!(store.poll_changes().is_some());
    }
}

#[test]
fn what_an_edit_wrote_before_it_unwound_is_shown() {
    let mut writer = Writer::from_seed(1);
    let mut store = Watched::new(Store::new());
    assert_eq!(*store.snapshot("x", ValueKind::Set), dotted::Snapshot::Set(vec![]));
    let edit = std::panic::AssertUnwindSafe(|| {
        store.edit(&mut writer, |mut store, edit| {
            store.set("x").insert(edit, 1.into());
            panic!("on purpose");
        })
    });
    assert!(std::panic::catch_unwind(edit).is_err());
    assert!(store.store().view().set("x").contains(&1i64));
    assert_eq!(*store.snapshot("x", ValueKind::Set), dotted::Snapshot::Set(vec![1.into()]));
}

#[test]
fn everything_can_be_sent_to_another_thread() {
    fn both<T: Send + Sync>() {}
    fn send<T: Send>() {}
    both::<Store>();
    both::<Watched>();
    both::<Writer>();
    send::<Replica<Store>>();
    both::<Replica<Watched>>();
    both::<VersionVector>();
}

//! Two that write under one id, and states that differ where they must not.

use dotted::replication::{Config, Event, PeerId, Replica, ReplicaError, Role, Timing, Topology, WriteError};
use dotted::{Forked, ReplicaId, Store, Writer};

use crate::net::*;

/// The disk of 0 was copied: a second process writes under the same id, and a peer hears of it.
#[test]
fn a_fork_is_noticed_and_ends_with_a_new_writer() {
    let mut net = Net::group(3, &Topology::FullMesh, 1);
    net.insert(0, 1);
    net.run(5_000);
    // The copy, which talks to 2 only.
    let mut copy = Writer::from_seed(1);
    let mut value = Set::new();
    value.insert(&mut copy, 1);
    value.insert(&mut copy, 100);
    let delta = value.delta_since(net.replicas[2].value().version());
    net.replicas[2].update(|set, _| set.apply(delta).unwrap()).unwrap();
    net.run(2_000);
    let fork = Forked { replica: ReplicaId::from_seed(1), issued: 1, seen: 2 };
    assert_eq!(net.replicas[0].forked(), Some(fork));
    assert_eq!(net.replicas[0].update(|_, _| -> () { panic!("not called") }), Err(WriteError::Forked(fork)));
    assert!(net.take_events(0).contains(&Event::Forked { peer: peer(2), fork }));
    assert!(net.errors.contains(&(0, ReplicaError::Forked { peer: peer(2), fork })));
    assert!(!net.replicas[0].value().contains(&100), "nothing is taken in under that id");
    let before = net.log.len();
    net.run(100_000);
    assert!(net.log.len() - before < 150, "no storm: {}", net.log.len() - before);

    let old = net.replicas[0].rebase(Writer::from_seed(50)).unwrap();
    assert!(old.owns(&fork.replica));
    net.insert(0, 2);
    net.run_until(400_000, Net::converged);
    assert!([1, 2, 100].iter().all(|element| net.replicas[1].value().contains(element)));
    assert_eq!(net.replicas[0].forked(), None);
}

/// B5: peers that have seen as much as the writer issued, on whatever clone of the value, are no fork.
#[test]
fn going_back_is_no_fork() {
    let mut net = Net::group(2, &Topology::FullMesh, 1);
    net.insert(0, 1);
    let old = net.replicas[0].value().clone();
    net.insert(0, 2);
    net.run_until(5_000, Net::converged);
    net.replicas[0].update(|set, _| *set = old).unwrap();
    net.insert(0, 3);
    net.run_until(60_000, Net::converged);
    assert_eq!(net.replicas[1].value().len(), 3);
    assert!(net.replicas[0].forked().is_none() && net.errors.is_empty());
    net.insert(1, 4);
    net.run_until(5_000, Net::converged);
}

/// A value goes back to what it was before a delta that is still remembered as complete.
#[test]
fn what_was_thrown_away_is_taken_in_again() {
    let timing = Timing { heartbeat: 5_000, ..Timing::default() };
    let mut net = Net::group_with(2, 1, |at| config(at).with_timing(timing.clone()));
    net.run(1_000);
    let old = net.replicas[1].value().clone();
    net.insert(0, 1);
    net.run_until(5_000, Net::converged);
    net.run(1_000);
    net.replicas[1].update(|set, _| *set = old).unwrap();
    net.run_until(30_000, Net::converged);
}

/// Two start with the same id and the same counters, and whatever they hold may have left: equal versions, different
/// states.
#[test]
fn an_audit_finds_what_version_vectors_cannot_show() {
    let timing = Timing { heartbeat: 1_000, audit_every: 2, ..Timing::default() };
    let make = |at: usize| {
        let (mut set, mut writer) = (Set::new(), Writer::from_seed(1));
        set.insert(&mut writer, at as u64);
        Replica::new(set, writer, config(at).with_timing(timing.clone()))
    };
    let mut net = Net::of((0..2).map(make).collect(), 1);
    net.join_all();
    net.run(20_000);
    let version = net.replicas[0].value().version().clone();
    for at in 0..2 {
        let diverged = Event::Diverged { peer: peer(1 - at), version: version.clone() };
        assert_eq!(net.events[at].iter().filter(|event| **event == diverged).count(), 1, "once");
    }
    assert!(!net.converged());
}

/// A disk is copied, and both machines go on with the same writer, cut off from each other. The second one finds
/// out from a peer that the first one has told, takes a new writer, and nothing is lost: neither what
/// it wrote, nor what it removed, nor what either counted.
#[test]
fn a_copied_disk_loses_nothing() {
    let store = "6f1c1f7a-5b0c-4c60-9b0e-2b8f4a3f9d11".parse().unwrap();
    let mut disk = Store::new();
    let mut before = Writer::from_seed(1);
    disk.counter("n").increment(&mut before, 100).unwrap();
    disk.set("s").extend(&mut before, ["old", "gone"]);
    let record = before.record();
    let clock = || dotted::Timestamp::from_millis(1);
    let start = |number: u64, value: Store, writer: Writer| {
        let mut replica = Replica::new(value, writer, Config::new(PeerId::from_seed(number), store, number));
        (0..3)
            .filter(|&other| other != number)
            .for_each(|other| replica.join(PeerId::from_seed(other), Role::Voter).unwrap());
        replica
    };
    let mut group = vec![
        start(0, disk.clone(), Writer::resume_exclusive_with_clock(record.clone(), clock)),
        start(1, disk.clone(), Writer::resume_exclusive_with_clock(record, clock)),
        start(2, Store::new(), Writer::from_seed(3)),
    ];
    let mut now = 0;
    let mut run = |group: &mut Vec<Replica<Store>>, cut: usize, until: u64| {
        while now < until {
            now += 10;
            // Who has no connection fetches no messages: what is fetched may have left.
            for from in (0..3).filter(|&from| from != cut) {
                group[from].tick(now);
                while let Some(message) = group[from].poll_transmit() {
                    let to = (0..3).find(|&to| group[to].me() == message.to).unwrap();
                    if to != cut {
                        let me = group[from].me();
                        _ = group[to].handle(me, &message.bytes, now);
                    }
                }
            }
        }
    };
    let first = |store: &mut Store, writer: &mut Writer| {
        store.counter("n").increment(writer, 7).unwrap();
        store.set("s").insert(writer, "of the first");
        store.counter("n").increment(writer, 1).unwrap();
    };
    group[0].update(first).unwrap();
    let second = |store: &mut Store, writer: &mut Writer| {
        store.counter("n").increment(writer, 20).unwrap();
        store.set("s").remove(writer, "gone");
    };
    group[1].update(second).unwrap();
    run(&mut group, 1, 5_000);
    assert_eq!(group[2].value().view().counter("n").value(), 108);
    run(&mut group, 3, 10_000);
    assert!(group[1].forked().is_some() && group[0].forked().is_none());
    group[1].rebase(Writer::from_seed(9)).unwrap();
    run(&mut group, 3, 100_000);
    for replica in &group {
        let view = replica.value().view();
        assert_eq!(view.counter("n").value(), 128);
        assert_eq!(view.set("s").iter().filter_map(|value| value.as_text()).collect::<Vec<_>>().len(), 2);
        assert!(view.set("s").contains("of the first") && !view.set("s").contains("gone"));
        assert_eq!(replica.value().canonical(), group[0].value().canonical());
        assert!(replica.forked().is_none());
    }
}

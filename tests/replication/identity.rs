//! Two that write under one id, and states that differ where they must not.

use dotted::replication::{Event, Forked, Replica, ReplicaError, Timing, Topology};
use dotted::{Dot, ReplicaId, Writer};

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
    let dot = Dot::new(ReplicaId::from_seed(1), 2);
    assert_eq!(net.replicas[0].forked(), Some(dot));
    assert_eq!(net.replicas[0].update(|_, _| -> () { panic!("not called") }), Err(Forked { dot }));
    assert!(net.take_events(0).contains(&Event::Forked { peer: peer(2), dot }));
    assert!(net.errors.contains(&(0, ReplicaError::Forked { peer: peer(2), dot })));
    assert!(!net.replicas[0].value().contains(&100), "nothing is taken in under that id");
    let before = net.log.len();
    net.run(100_000);
    assert!(net.log.len() - before < 150, "no storm: {}", net.log.len() - before);

    let old = net.replicas[0].replace_writer(Writer::from_seed(50));
    assert!(old.owns(&dot.replica));
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

/// The same id in two processes, the same counters: equal versions, different states.
#[test]
fn an_audit_finds_what_version_vectors_cannot_show() {
    let timing = Timing { heartbeat: 1_000, audit_every: 2, ..Timing::default() };
    let make = |at: usize| Replica::new(Set::new(), Writer::from_seed(1), config(at).with_timing(timing.clone()));
    let mut net = Net::of((0..2).map(make).collect(), 1);
    net.join_all();
    net.insert(0, 1);
    net.insert(1, 2);
    net.run(20_000);
    let version = net.replicas[0].value().version().clone();
    for at in 0..2 {
        let diverged = Event::Diverged { peer: peer(1 - at), version: version.clone() };
        assert_eq!(net.events[at].iter().filter(|event| **event == diverged).count(), 1, "once");
    }
    assert!(!net.converged());
}

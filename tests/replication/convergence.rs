//! How fast, with how much, and that it ends.

use dotted::replication::{Bounds, Config, Event, PeerId, Replica, ReplicaError, Role, Timing, Topology};
use dotted::{Causal, DecodeError, Limits, LwwMap, MapBody, PnCounterBody, SetBody, VersionVector, Writer};

use crate::net::*;

#[test]
fn two_replicas_agree_within_one_and_a_half_round_trips() {
    const HOP: u64 = 100;
    let mut net = Net::group(2, &Topology::FullMesh, 1);
    net.faults.delay = (HOP, HOP);
    net.fill(0, 0..10);
    net.fill(1, 100..110);
    // Only one of them speaks.
    while net.replicas[1].poll_transmit().is_some() {}
    let took = net.run_until(10_000, Net::converged);
    assert_eq!(took, 3 * HOP);
    assert!(net.count(0, PART) == 2 && net.count(0, NACK) == 0, "one delta each way");
    net.run(5 * HOP);
    assert_eq!((net.log.len(), net.count(0, PART)), (6, 2), "Have; Delta, Have; Delta, Have; Have");
}

#[test]
fn to_see_that_nothing_is_missing_takes_less_than_100_bytes_and_the_vector() {
    let mut net = Net::group(2, &Topology::FullMesh, 1);
    net.fill(0, 0..1000);
    net.insert(1, 5000);
    net.run(10_000);
    assert!(net.converged());
    let before = net.log.len();
    net.run(40_000);
    let heartbeats = &net.log[before..];
    assert!(!heartbeats.is_empty());
    let version = net.replicas[0].value().version();
    let vector = version.encode().len() - VersionVector::new().encode().len();
    for sent in heartbeats {
        assert_eq!(sent.kind(), HAVE);
        assert_eq!(sent.bytes.len() - vector, 40, "without the vector of {vector} bytes");
    }
    // And there is no answer: each is a heartbeat of its own, which takes 22.5 s at least.
    assert!(heartbeats.iter().filter(|sent| sent.from == 0).count() <= 2);
}

#[test]
fn a_converged_group_falls_silent() {
    let random = Topology::Random { fan_out: 2 };
    for topology in [Topology::FullMesh, Topology::Ring, Topology::Star { hub: peer(2) }, random] {
        let mut net = Net::group(7, &topology, 3);
        for at in 0..7 {
            net.insert(at, at as u64);
        }
        net.run_until(60_000, Net::converged);
        net.run(20_000);
        let before = net.log.len();
        net.run(600_000);
        assert_eq!(net.count(before, PART) + net.count(before, NACK), 0, "no byte of state");
        let beats = net.log.len() - before;
        assert!(beats <= 7 * 600_000 / 22_500, "{topology:?}: {beats} heartbeats");
        assert!(net.count(before, AUDIT) > 0 && net.errors.is_empty());
        assert!(!net.events.iter().flatten().any(|event| matches!(event, Event::Diverged { .. })));
    }
}

/// A group in which nothing was ever written.
#[test]
fn an_empty_group_is_silent_too() {
    let mut net = Net::group(4, &Topology::FullMesh, 1);
    net.run(20_000);
    let before = net.log.len();
    net.run(100_000);
    assert!(net.log.len() - before <= 4 * 5);
    assert_eq!(net.count(0, PART), 0);
}

#[test]
fn a_new_joiner_is_served_at_once() {
    let mut net = Net::group(3, &Topology::FullMesh, 1);
    net.fill(0, 0..500);
    net.run(10_000);
    net.events.push(Vec::new());
    net.replicas.push(replica(config(3)));
    net.join_all();
    // To the joiner, and back: without a tick of anybody.
    assert_eq!(net.run_until(1000, Net::converged), 2 * 10);
    net.run(20_000);
    let before = net.log.len();
    net.run(60_000);
    assert_eq!(net.count(before, PART), 0);
}

/// Until a peer had said how long messages may be, none above 64 KiB were sent: not even the `Have` that would have told
/// it. So two replicas that had both seen more than some 3,400 writers never began to talk.
#[test]
fn replicas_that_have_seen_many_writers_find_each_other() {
    let mut set = Set::new();
    for writer in 100..5_100 {
        set.insert(&mut Writer::from_seed(writer), writer);
    }
    let start = |at: usize| Replica::new(set.clone(), Writer::from_seed(at as u64), config(at));
    let mut net = Net::of((0..2).map(start).collect(), 1);
    net.join_all();
    net.insert(0, 1);
    net.insert(1, 2);
    net.run_until(1_000, Net::converged);
    assert!(net.converged() && net.replicas[0].value().contains(&2));
}

/// Whoever took in a push thought that its sender lacked what others had pushed meanwhile, and pushed that: where all wrote
/// at once each change came to each from nearly all.
#[test]
fn in_a_full_mesh_each_change_comes_from_its_writer_alone() {
    const COUNT: usize = 12;
    let mut net = Net::group(COUNT, &Topology::FullMesh, 1);
    net.run(10_000);
    (0..COUNT).for_each(|at| net.fill(at, 10 * at as u64..10 * at as u64 + 10));
    let before = net.log.len();
    let took = net.run_until(1_000, Net::converged);
    assert_eq!(took, 20 + 10, "the debounce and one way");
    net.run(20_000);
    assert_eq!(net.count(before, PART), COUNT * (COUNT - 1));
}

/// Whoever heard a rumor and had told before what it has said nothing, and waited for a delta until it tried again.
#[test]
fn a_rumor_is_answered_at_once() {
    let mut net = Net::group(3, &Topology::Random { fan_out: 2 }, 1);
    net.run(10_000);
    net.insert(0, 1);
    assert_eq!(net.run_until(5_000, Net::converged), 20 + 3 * 10, "the debounce; Have, Have, Delta");
}

#[test]
fn changes_are_gathered_and_pushed_once() {
    let mut net = Net::group(2, &Topology::FullMesh, 1);
    net.run(5_000);
    let before = net.log.len();
    for element in 0..10 {
        net.insert(0, element);
        net.run(1);
    }
    net.run(1_000);
    assert!(net.converged());
    assert_eq!(net.log.len() - before, 2, "one delta, and one Have as its answer");
}

#[test]
fn every_topology_carries_every_change_to_everybody() {
    let custom = Topology::Custom(vec![peer(0), peer(1)]);
    let random = Topology::Random { fan_out: 2 };
    for topology in [Topology::FullMesh, Topology::Ring, Topology::Star { hub: peer(1) }, random, custom] {
        for seed in 0..20 {
            let mut net = Net::group(8, &topology, seed);
            net.faults = if seed % 2 == 0 { CALM } else { STORM };
            for round in 0..10 {
                for at in 0..8 {
                    net.insert(at, round * 100 + at as u64);
                    net.remove(at, (round * 100 + at as u64 * 7) % 50);
                }
                net.run(seed * 5);
            }
            net.faults.late = 0;
            let took = net.run_until(400_000, Net::converged);
            assert!(took < 60_000 || seed % 2 == 1, "{topology:?} {seed}: {took} ms");
        }
    }
}

#[test]
fn the_topology_can_change_while_it_runs() {
    let mut net = Net::group(6, &Topology::Ring, 1);
    let mut element = 0;
    let random = Topology::Random { fan_out: 1 };
    for topology in [Topology::Star { hub: peer(5) }, Topology::FullMesh, random, Topology::Ring] {
        for at in 0..6 {
            net.insert(at, element);
            element += 1;
            net.replicas[at].set_topology(topology.clone());
            assert_eq!(net.replicas[at].topology(), &topology);
        }
        net.run_until(200_000, Net::converged);
    }
    assert_eq!(net.replicas[3].value().len() as u64, element);
}

/// Someone is cut off, all go on writing, and the two halves meet again.
#[test]
fn partitions_heal() {
    let mut net = Net::group(4, &Topology::FullMesh, 1);
    net.run(1_000);
    for (a, b) in [(0, 2), (0, 3), (1, 2), (1, 3)] {
        net.cut.extend([(a, b), (b, a)]);
    }
    for at in 0..4 {
        net.fill(at, at as u64 * 100..at as u64 * 100 + 10);
    }
    net.run(300_000);
    assert_eq!(net.replicas[0].value(), net.replicas[1].value());
    assert_eq!(net.replicas[0].value().len(), 20);
    let before = net.log.len();
    net.run(60_000);
    assert!(net.count(before, PART) == 0, "peers that do not answer are only probed");
    net.cut.clear();
    let took = net.run_until(120_000, Net::converged);
    assert!(took <= 40_000, "{took} ms");
}

#[test]
fn it_works_for_any_type_and_is_deterministic() {
    type Value = Causal<(SetBody<u8>, MapBody<String, u16>, PnCounterBody)>;
    let run = || {
        let (a, b) = (PeerId::from_seed(1), PeerId::from_seed(2));
        let make = |at: u64, me| -> Replica<Value> {
            Replica::new(Value::new(), Writer::from_seed(at), Config::new(me, STORE, at))
        };
        let (mut here, mut there) = (make(1, a), make(2, b));
        here.join(b, Role::Voter).unwrap();
        there.join(a, Role::Voter).unwrap();
        let mut bytes = Vec::new();
        for now in (0..3_000).step_by(7) {
            if now % 35 == 0 && now < 2_000 {
                let write = |value: &mut Value, writer: &mut Writer| {
                    value.edit(writer, |(mut set, mut map, mut count), edit| {
                        set.insert(edit, now as u8);
                        map.insert(edit, now.to_string(), now as u16);
                        count.increment(edit, now).unwrap();
                    });
                };
                here.update(write).unwrap();
                there.update(write).unwrap();
            }
            here.tick(now);
            there.tick(now);
            while let Some(message) = here.poll_transmit() {
                bytes.push(message.bytes.clone());
                there.handle(a, &message.bytes, now).unwrap();
            }
            while let Some(message) = there.poll_transmit() {
                bytes.push(message.bytes.clone());
                here.handle(b, &message.bytes, now).unwrap();
            }
        }
        assert_eq!(here.value(), there.value());
        bytes
    };
    assert_eq!(run(), run());

    let log = |seed| {
        let mut net = Net::group(5, &Topology::Random { fan_out: 2 }, seed);
        net.faults = STORM;
        for at in 0..5 {
            net.fill(at, at as u64 * 10..at as u64 * 20);
        }
        net.run(30_000);
        net.log
    };
    assert_eq!(log(4), log(4));
    assert_ne!(log(4), log(5));
}

/// A map with conflicts, over the wire, in a ring.
#[test]
fn conflicts_arrive_everywhere() {
    let names = [0, 1, 2].map(PeerId::from_seed);
    let mut replicas: Vec<Replica<LwwMap<u8, u8>>> = (0..3)
        .map(|at| {
            let config =
                Config::new(names[at], STORE, at as u64).with_timing(Timing { debounce: 0, ..Timing::default() });
            Replica::new(LwwMap::new(), Writer::from_seed(at as u64), config.with_topology(Topology::Ring))
        })
        .collect();
    for (at, replica) in replicas.iter_mut().enumerate() {
        names.iter().filter(|name| **name != names[at]).for_each(|name| replica.join(*name, Role::Voter).unwrap());
        replica.update(|map, writer| _ = map.insert(writer, 1, at as u8)).unwrap();
    }
    for now in 0..1000 {
        for at in 0..3 {
            replicas[at].tick(now);
            while let Some(message) = replicas[at].poll_transmit() {
                let to = names.iter().position(|&name| name == message.to).unwrap();
                replicas[to].handle(names[at], &message.bytes, now).unwrap();
            }
        }
    }
    for replica in &replicas {
        assert_eq!(replica.value().conflicts()[0].versions.len(), 3);
        assert_eq!(replica.value(), replicas[0].value());
    }
}

/// The application's data has a schema: deltas carry it, and a peer with another one refuses them.
#[test]
fn the_schema_of_the_application_travels() {
    let with = |schema: u32| Bounds { decode: Limits::default().with_schema(schema), ..Bounds::default() };
    let mut net = Net::group_with(2, 1, |at| config(at).with_bounds(with(7)));
    net.insert(0, 1);
    net.run_until(5_000, Net::converged);
    let mut net = Net::group_with(2, 1, |at| config(at).with_bounds(with(at as u32)));
    net.insert(0, 1);
    net.run(5_000);
    assert!(net.replicas[1].value().is_empty());
    assert!(net.errors.iter().any(|(at, error)| {
        *at == 1 && matches!(error, ReplicaError::BadDelta { error: DecodeError::WrongSchema { found: 0 }, .. })
    }));
}

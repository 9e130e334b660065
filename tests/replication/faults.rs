//! Loss, old copies, restores, crashes: schedules that a lesser protocol does not survive, or never ends.

use dotted::replication::{Bounds, Event, Refusal, Replica, Role, Timing, Topology};
use dotted::{Limit, Limits, Writer};

use crate::net::*;

/// Made anew for each retry, a delta of many parts would never arrive here.
#[test]
fn a_large_delta_arrives_in_parts_under_loss_from_a_writing_sender() {
    for seed in 0..5 {
        let mut net = Net::group_with(2, seed, |at| config(at).with_bounds(small_messages()));
        net.fill(0, 0..20_000);
        net.faults = Faults { loss: 30, twice: 5, late: 2, delay: (5, 60) };
        let mut element = 1 << 32;
        let start = net.now;
        while net.replicas[1].value().len() < 20_000 {
            net.insert(0, element);
            element += 1;
            net.run(25);
            assert!(net.now < start + 60_000, "seed {seed}");
        }
        assert!(net.log.iter().all(|sent| sent.bytes.len() <= 1024));
        // The parts of the first delta, and not many times as many.
        let parts = net.count(0, PART);
        assert!((60..700).contains(&parts), "{parts} parts");
        net.faults = CALM;
        net.run_until(60_000, Net::converged);
    }
}

#[test]
fn a_peer_restored_from_a_backup_gets_what_it_lost() {
    let mut net = Net::group_with(2, 1, |at| config(at).with_timing(no_heartbeat()));
    net.fill(0, 0..10);
    net.run(5_000);
    let backup = net.replicas[1].value().clone();
    net.fill(0, 10..20);
    net.remove(0, 3);
    net.run(5_000);
    assert!(net.replicas[0].is_in_sync_with(peer(1)));
    // Another writer, an old state.
    net.replicas[1] = Replica::new(backup, Writer::from_seed(77), config(1));
    net.replicas[1].join(peer(0), Role::Voter).unwrap();
    assert!(net.run_until(5_000, Net::converged) <= 30);
    net.run(5_000);
    assert!(net.replicas[0].is_in_sync_with(peer(1)) && net.replicas[1].value().len() == 19);
}

/// A claim from before the restore arrives after it: a push builds on what is not there any more.
#[test]
fn a_gap_is_answered_by_sending_again() {
    let mut net = Net::group_with(2, 1, |at| config(at).with_timing(no_heartbeat()));
    net.fill(0, 0..10);
    net.run(5_000);
    let backup = net.replicas[1].value().clone();
    net.fill(0, 10..20);
    net.run(5_000);
    let old = net.log.iter().rev().find(|sent| sent.from == 1 && sent.kind() == HAVE).cloned().unwrap();
    net.replicas[1] = Replica::new(backup, Writer::from_seed(77), config(1).with_timing(no_heartbeat()));
    net.replicas[1].join(peer(0), Role::Voter).unwrap();
    while net.replicas[1].poll_transmit().is_some() {}
    net.inject(net.now, old);
    net.insert(0, 99);
    let before = net.log.len();
    let took = net.run_until(5_000, Net::converged);
    assert!(took <= 60, "at once: {took} ms");
    assert_eq!((net.count(before, NACK), net.count(before, PART)), (1, 2));
    assert!(net.errors.is_empty());
}

/// S1: a delta that was made for an empty receiver, which is not empty any more when it arrives.
#[test]
fn a_floor_is_answered_by_sending_again() {
    let mut net = Net::group(3, &Topology::Custom(Vec::new()), 1);
    net.insert(0, 1);
    let delta = net.replicas[0].value().delta_since(net.replicas[2].value().version());
    net.replicas[1].update(|set, _| set.apply(delta).unwrap()).unwrap();
    net.replicas[0]
        .update(|set, writer| {
            set.insert(writer, 2);
            set.remove(writer, &1);
            set.compact();
        })
        .unwrap();
    for at in 0..3 {
        net.replicas[at].set_topology(Topology::FullMesh);
    }
    // 2 asks 0, and learns from 1 before the answer is there.
    while net.replicas[0].poll_transmit().is_some() {}
    while net.replicas[1].poll_transmit().is_some() {}
    let ask = std::iter::from_fn(|| net.replicas[2].poll_transmit()).find(|sent| sent.to == peer(0)).unwrap();
    net.replicas[0].handle(peer(2), &ask.bytes, 0).unwrap();
    let from_0 = net.replicas[0].poll_transmit().unwrap();
    assert_eq!(from_0.bytes[5], PART);
    let delta = net.replicas[1].value().delta_since(net.replicas[2].value().version());
    net.replicas[2].update(|set, _| set.apply(delta).unwrap()).unwrap();
    net.replicas[2].handle(peer(0), &from_0.bytes, 0).unwrap();
    assert!(net.replicas[2].value().contains(&1), "not taken in");
    let answer = std::iter::from_fn(|| net.replicas[2].poll_transmit()).find(|sent| sent.to == peer(0)).unwrap();
    assert_eq!(answer.bytes[5], NACK);
    net.replicas[0].handle(peer(2), &answer.bytes, 0).unwrap();
    let again = net.replicas[0].poll_transmit().unwrap();
    assert_eq!((again.to, again.bytes[5]), (peer(2), PART), "at once");
    net.replicas[2].handle(peer(0), &again.bytes, 0).unwrap();
    assert!(net.replicas[2].value().iter().eq([&2]));
    net.run_until(60_000, Net::converged);
    assert!(net.replicas[2].value().iter().eq([&2]));
}

#[test]
fn every_message_may_come_again_much_later() {
    let mut net = Net::group(4, &Topology::Ring, 1);
    for round in 0..20u64 {
        for at in 0..4 {
            net.insert(at, round * 10 + at as u64);
            net.remove(at, round * 7 % 50);
        }
        net.run(100);
    }
    net.run_until(60_000, Net::converged);
    net.run(10_000);
    let state = net.replicas[0].value().encode();
    let version = net.replicas[0].value().version().clone();
    for (at, sent) in net.log.clone().into_iter().enumerate() {
        net.inject(net.now + at as u64 * 3, sent);
    }
    net.run(60_000);
    assert!(net.converged() && net.replicas[0].value().version() == &version);
    assert_eq!(net.replicas[0].value().encode(), state);
    assert!(net.errors.is_empty(), "{:?}", net.errors.first());
    let before = net.log.len();
    net.run(100_000);
    assert_eq!(net.count(before, PART), 0);
}

/// What is more than a peer accepts, as it says, is not even sent; the sender is told once.
#[test]
fn what_is_too_big_for_a_peer_is_not_sent() {
    let bounds = Bounds { decode: Limits::default().with_bytes(600), ..Bounds::default() };
    let mut net = Net::group_with(2, 1, |at| if at == 1 { config(1).with_bounds(bounds.clone()) } else { config(0) });
    net.fill(0, 0..1000);
    net.run(400_000);
    assert!(net.replicas[1].value().is_empty());
    assert_eq!(net.count(0, PART), 0);
    for element in 0..100 {
        net.insert(0, 5_000 + element);
        net.run(4_000);
    }
    assert_eq!(net.count(0, PART), 0);
    let events = net.take_events(0);
    let told = |event: &&Event| matches!(event, Event::TooLarge { peer: to, allowed: 600, bytes, largest: Some(_) } if *to == peer(1) && *bytes > 600);
    assert_eq!(events.iter().filter(told).count(), 1, "{events:?}");
    assert_eq!((net.take_events(1), net.errors.len()), (Vec::new(), 0));
    // It accepts more from now on.
    let (value, writer) = std::mem::replace(&mut net.replicas[1], replica(config(1))).into_parts();
    net.replicas[1] = Replica::new(value, writer, config(1).with_bounds(Bounds::default()));
    net.replicas[1].join(peer(0), Role::Voter).unwrap();
    net.run(60_000);
    assert!(net.converged());
}

#[test]
fn a_slow_transport_holds_nothing_up_and_nothing_piles_up() {
    let mut net = Net::group(2, &Topology::FullMesh, 1);
    net.run(1_000);
    net.down.insert(0);
    for round in 0..1000 {
        net.insert(0, round);
        let now = net.now + round * 50;
        net.replicas[0].tick(now);
    }
    let waiting: Vec<_> = std::iter::from_fn(|| net.replicas[0].poll_transmit()).collect();
    assert!(waiting.len() <= 2, "{}", waiting.len());
}

#[test]
fn events_that_do_not_fit_are_counted() {
    let bounds = Bounds { events: 3, ..Bounds::default() };
    let mut net = Net::group_with(2, 1, |at| config(at).with_bounds(bounds.clone()));
    net.run(1_000);
    let mut to_1 = Vec::new();
    for element in 0..10 {
        net.insert(0, element);
        let now = net.now + 100 * element;
        for due in [now, now + 50] {
            net.replicas[0].tick(due);
        }
        while let Some(message) = net.replicas[0].poll_transmit() {
            to_1.push(message.bytes.clone());
            net.replicas[1].handle(peer(0), &message.bytes, now).unwrap();
        }
        while let Some(message) = net.replicas[1].poll_transmit() {
            net.replicas[0].handle(peer(1), &message.bytes, now).unwrap();
        }
    }
    let events: Vec<Event> = std::iter::from_fn(|| net.replicas[1].poll_event()).collect();
    assert_eq!(events.len(), 4);
    assert_eq!(events[3], Event::EventsLost(7));
}

/// With durable storage nothing is said, sent or acknowledged that a crash could take back.
#[test]
fn nothing_leaves_before_it_is_durable() {
    let mut net = Net::group_with(2, 1, |at| if at == 0 { config(0).durable() } else { config(1) });
    net.run(1_000);
    let before = net.log.len();
    net.insert(0, 1);
    let dot = net.insert(1, 2);
    net.run(30_000);
    assert!(net.replicas[0].value().contains(&2));
    assert!(net.replicas[1].value().is_empty() || !net.replicas[1].value().contains(&1));
    assert!(!net.replicas[1].is_in_sync_with(peer(0)), "not acknowledged either");
    assert!(net.replicas[0].published().is_empty());
    assert!(net.log[before..].iter().filter(|sent| sent.from == 0).all(|sent| sent.kind() == HAVE));

    // It crashes: what nobody has seen may be written again under the same names.
    let version = net.replicas[0].value().version().clone();
    net.replicas[0].persisted(&version);
    net.run(10);
    assert!(net.replicas[1].known_of(peer(0)).unwrap().contains(&dot), "acknowledged at once now");
    net.run_until(40_000, Net::converged);
    net.run(1_000);
    assert!(net.replicas[1].is_in_sync_with(peer(0)));
}

/// What is durable lags behind one that writes without a pause; deltas leave all the same.
#[test]
fn durability_may_lag_behind_for_ever() {
    let mut net = Net::group_with(2, 1, |at| config(at).durable());
    let mut lag = std::collections::VecDeque::new();
    for element in 0..200 {
        net.insert(0, element);
        lag.push_back(net.replicas[0].value().version().clone());
        if lag.len() > 5 {
            let upto = lag.pop_front().unwrap();
            net.replicas[0].persisted(&upto);
        }
        let upto = net.replicas[1].value().version().clone();
        net.replicas[1].persisted(&upto);
        net.run(25);
        assert!(net.replicas[1].value().version().is_within(&net.replicas[0].published()));
    }
    assert!(net.replicas[1].value().len() > 150);
}

/// A message from before a crash that comes after it says what is not true any more.
#[test]
fn what_a_peer_said_before_it_started_again_is_passed_over() {
    let timing = Timing { heartbeat: u64::MAX, ..Timing::default() };
    let run = |net: &mut Net, millis| {
        let until = net.now + millis;
        while net.now < until {
            net.now += 10;
            let now = net.now;
            for (at, to) in [(0, 1), (1, 0)] {
                net.replicas[at].tick(now);
                while let Some(message) = net.replicas[at].poll_transmit() {
                    net.replicas[to].handle(peer(at), &message.bytes, now).unwrap();
                }
            }
        }
    };
    let mut net = Net::group(2, &Topology::FullMesh, 1);
    for at in 0..2 {
        net.replicas[at] = replica(config(at).with_timing(timing.clone()));
        net.replicas[at].join(peer(1 - at), Role::Voter).unwrap();
    }
    net.insert(0, 1);
    run(&mut net, 2_000);
    // It says what it has, which takes long.
    assert!(net.replicas[1].connected(peer(0)));
    let late = net.replicas[1].poll_transmit().expect("it says what it has");
    // It starts again, with nothing. What it is sent then gets lost.
    let mut config = config(1).with_timing(timing);
    config.seed = 77;
    net.replicas[1] = Replica::new(Set::new(), Writer::from_seed(77), config);
    net.replicas[1].join(peer(0), Role::Voter).unwrap();
    let now = net.now;
    net.replicas[1].tick(now);
    let asks = net.replicas[1].poll_transmit().expect("it asks");
    net.replicas[0].handle(peer(1), &asks.bytes, now).unwrap();
    while net.replicas[0].poll_transmit().is_some() {}
    net.replicas[0].handle(peer(1), &late.bytes, now).unwrap();
    assert_ne!(net.replicas[0].known_of(peer(1)), Some(net.replicas[0].value().version()));
    run(&mut net, 10_000);
    assert!(net.replicas[1].value().contains(&1));
}

#[test]
#[cfg(feature = "mutants")]
fn sessions_are_needed() {
    use dotted::mutants::{Mutant, with};
    let ignored = || with(Mutant::SessionsIgnored, what_a_peer_said_before_it_started_again_is_passed_over);
    assert!(std::panic::catch_unwind(ignored).is_err());
}

/// Two processes with one id: each is served when it takes its turn, and somebody is told.
#[test]
fn two_processes_that_say_to_be_one_peer_are_noticed() {
    let mut here = replica(config(0));
    here.join(peer(1), Role::Voter).unwrap();
    let mut twins: Vec<_> = [5, 6]
        .into_iter()
        .map(|seed| {
            let mut config = config(1);
            config.seed = seed;
            let mut twin = Replica::new(Set::new(), Writer::from_seed(seed), config);
            twin.join(peer(0), Role::Voter).unwrap();
            twin
        })
        .collect();
    let mut now = 0;
    let mut told = 0;
    for _ in 0..40 {
        for twin in &mut twins {
            now += 100;
            twin.connected(peer(0));
            twin.tick(now);
            while let Some(message) = twin.poll_transmit() {
                here.handle(peer(1), &message.bytes, now).unwrap();
            }
        }
        while let Some(event) = here.poll_event() {
            told += usize::from(event == Event::TwoSessions { peer: peer(1) });
        }
    }
    assert_eq!(told, 1);
}

/// A peer that is full says so once, and gets what it lacks as soon as there is room; whoever comes near is told.
#[test]
fn a_full_peer_is_not_served_again_before_something_changes() {
    let mut net = Net::group(2, &Topology::FullMesh, 1);
    let mut tight = config(1);
    tight.bounds.decode = Limits::default().with_events(12);
    net.replicas[1] = replica(tight);
    net.replicas[1].join(peer(0), Role::Voter).unwrap();
    // What an observer has room for stops nobody.
    net.replicas[0].join(peer(1), Role::Observer).unwrap();
    net.fill(0, 0..8);
    net.run(5_000);
    assert_eq!(net.replicas[1].value().len(), 8);
    assert!(net.take_events(1).iter().all(|event| !matches!(event, Event::NearlyFull { .. })));
    net.insert(0, 8);
    net.run(5_000);
    let near = Event::NearlyFull { limit: Limit::Events, used: 9, allowed: 12 };
    assert_eq!(net.take_events(1).iter().filter(|event| **event == near).count(), 1);
    net.fill(0, 9..20);
    let before = net.count(0, PART);
    net.run(3_600_000);
    assert_eq!(net.count(0, PART) - before, 1, "it is refused once");
    let refused = |event: &&Event| matches!(event, Event::Refused { why: Refusal::TooBig, .. });
    assert_eq!(net.take_events(0).iter().filter(refused).count(), 1);
    assert_eq!(net.take_events(1).iter().filter(|event| matches!(event, Event::NearlyFull { .. })).count(), 0);
    // What it holds is as it was, and what it writes itself leaves.
    assert_eq!(net.replicas[1].value().len(), 9);
    // There is room again.
    (0..15).for_each(|element| net.remove(0, element));
    net.replicas[0].update(|set, _| set.compact()).unwrap();
    net.run(60_000);
    assert!(net.converged());
    assert_eq!(net.replicas[1].value().len(), 5);
}

//! Members and confirmations.

use dotted::replication::{
    Bounds, Event, JoinError, Level, ReplicaError, Role, Ticket, Timing, TooManyTickets, Topology,
};

use crate::net::*;

fn settled(net: &mut Net, at: usize, ticket: Ticket) -> Option<Event> {
    net.take_events(at).into_iter().find(|event| {
        matches!(event, Event::Confirmed { ticket: of } | Event::Unreachable { ticket: of, .. } if *of == ticket)
    })
}

#[test]
fn confirmations_come_in_every_topology() {
    for topology in
        [Topology::FullMesh, Topology::Ring, Topology::Star { hub: peer(0) }, Topology::Random { fan_out: 2 }]
    {
        for faults in [CALM, STORM] {
            let mut net = Net::group(7, &topology, 1);
            net.faults = faults;
            net.run(5_000);
            let dot = net.insert(3, 1);
            let deadline = net.now + 100_000;
            let levels = [Level::Local, Level::Count(3), Level::Majority, Level::All];
            let tickets = levels.map(|level| net.replicas[3].confirm(dot, level, deadline).unwrap());
            assert_eq!(settled(&mut net, 3, tickets[0]), Some(Event::Confirmed { ticket: tickets[0] }));
            let start = net.now;
            let mut came = Vec::new();
            while came.len() < 3 {
                net.run(10);
                came.extend(net.take_events(3).into_iter().filter_map(|event| match event {
                    Event::Confirmed { ticket } => Some(ticket),
                    Event::Unreachable { missing, .. } => panic!("{topology:?}: {missing:?}"),
                    _ => None,
                }));
            }
            assert_eq!(came, tickets[1..], "{topology:?}");
            assert!((0..7).all(|at| net.replicas[at].value().contains(&1)), "it is true");
            if faults.loss == 0 {
                assert!(net.now - start < 4_000, "{topology:?}: {}", net.now - start);
            }
            // Nobody asks any more.
            net.faults = CALM;
            net.run(120_000);
            let before = net.log.len();
            net.run(100_000);
            assert!(net.log.len() - before <= 7 * 5, "{topology:?}: {}", net.log.len() - before);
        }
    }
}

#[test]
fn who_cannot_be_reached_is_named() {
    for topology in [Topology::FullMesh, Topology::Ring, Topology::Star { hub: peer(0) }] {
        let mut net = Net::group(5, &topology, 1);
        net.run(5_000);
        net.down.insert(2);
        let dot = net.insert(4, 1);
        let deadline = net.now + 10_000;
        let all = net.replicas[4].confirm(dot, Level::All, deadline).unwrap();
        let majority = net.replicas[4].confirm(dot, Level::Majority, deadline).unwrap();
        net.run(9_000);
        assert_eq!(settled(&mut net, 4, majority), Some(Event::Confirmed { ticket: majority }));
        net.run(1_000);
        let missing = vec![peer(2)];
        assert_eq!(settled(&mut net, 4, all), Some(Event::Unreachable { ticket: all, missing }), "{topology:?}");

        // Without a connection it counts as before: all are all.
        for at in [0, 1, 3, 4] {
            assert!(net.replicas[at].disconnected(peer(2)) && !net.replicas[at].disconnected(peer(2)));
        }
        let deadline = net.now + 10_000;
        let all = net.replicas[4].confirm(dot, Level::All, deadline).unwrap();
        net.run(10_000);
        let missing = vec![peer(2)];
        assert_eq!(settled(&mut net, 4, all), Some(Event::Unreachable { ticket: all, missing }), "{topology:?}");

        // It comes back, and catches up at once.
        net.down.clear();
        for at in [0, 1, 3, 4] {
            assert!(net.replicas[at].connected(peer(2)) && net.replicas[2].connected(peer(at)));
        }
        let deadline = net.now + 2_000;
        let all = net.replicas[4].confirm(dot, Level::All, deadline).unwrap();
        net.run_until(1_000, Net::converged);
        net.run(2_000);
        assert_eq!(settled(&mut net, 4, all), Some(Event::Confirmed { ticket: all }), "{topology:?}");
    }
}

/// Whoever waited is gone. What the others relayed for it must not be passed on between them for ever,
/// however short their heartbeats are.
#[test]
fn nobody_goes_on_asking_for_one_that_is_gone() {
    for topology in [Topology::FullMesh, Topology::Ring, Topology::Star { hub: peer(1) }] {
        let timing = Timing { heartbeat: 2_000, watch: 5_000, ..Timing::default() };
        let mut net =
            Net::group_with(5, 1, |at| config(at).with_timing(timing.clone()).with_topology(topology.clone()));
        net.run(5_000);
        net.down.insert(2);
        let dot = net.insert(0, 1);
        net.replicas[0].confirm(dot, Level::All, 1 << 40).unwrap();
        net.run(3_000);
        net.down.insert(0);
        net.run(60_000);
        let before = net.log.len();
        net.run(60_000);
        let (beats, probes) = (3 * 60_000 / 1_500, 3 * 2 * 3);
        assert!(net.log.len() - before <= beats + probes, "{topology:?}: {}", net.log.len() - before);
        let quiet = net.log[before..].iter().map(|sent| sent.bytes.len()).max();
        assert!(quiet.unwrap() < 150, "{topology:?}: nothing but heartbeats");
    }
}

/// Rounds are numbered by the clock of whoever waits, and others remember the greatest number.
#[test]
fn rounds_go_on_after_a_start_with_a_smaller_clock() {
    for topology in [Topology::Ring, Topology::Star { hub: peer(1) }] {
        let mut net = Net::group(7, &topology, 1);
        net.run(5_000);
        let dot = net.insert(0, 1);
        net.run(2_000);
        for ahead in [1 << 40, u64::MAX] {
            net.replicas[0].tick(ahead);
            net.replicas[0].confirm(dot, Level::All, u64::MAX).unwrap();
            net.replicas[0].tick(ahead.saturating_add(10_000));
            net.run(1_000);
            let config = net.replicas[0].config().clone();
            let (value, writer) = std::mem::replace(&mut net.replicas[0], replica(config.clone())).into_parts();
            net.replicas[0] = dotted::replication::Replica::new(value, writer, config);
            for at in 1..7 {
                net.replicas[0].join(peer(at), Role::Voter).unwrap();
            }
            net.run(1_000);
            _ = net.take_events(0);
            let all = net.replicas[0].confirm(dot, Level::All, net.now + 10_000).unwrap();
            net.run(10_000);
            assert_eq!(settled(&mut net, 0, all), Some(Event::Confirmed { ticket: all }), "{topology:?} {ahead}");
        }
    }
}

#[test]
fn confirmations_wait_for_durability() {
    let mut net = Net::group_with(2, 1, |at| config(at).durable());
    net.run(1_000);
    let dot = net.insert(0, 1);
    let local = net.replicas[0].confirm(dot, Level::Local, 1 << 40).unwrap();
    let all = net.replicas[0].confirm(dot, Level::All, 1 << 40).unwrap();
    net.run(2_000);
    assert_eq!(settled(&mut net, 0, local), None);
    let upto = net.replicas[0].value().version().clone();
    net.replicas[0].persisted(&upto);
    assert_eq!(settled(&mut net, 0, local), Some(Event::Confirmed { ticket: local }));
    net.run_until(20_000, Net::converged);
    net.run(5_000);
    assert_eq!(settled(&mut net, 0, all), None, "the other one could still lose it");
    net.replicas[1].persisted(&upto);
    net.run(10);
    assert_eq!(settled(&mut net, 0, all), Some(Event::Confirmed { ticket: all }));
}

#[test]
fn there_are_only_so_many_tickets() {
    let bounds = Bounds { tickets: 2, ..Bounds::default() };
    let mut net = Net::group_with(2, 1, |at| config(at).with_bounds(bounds.clone()));
    let dot = net.insert(0, 1);
    let replica = &mut net.replicas[0];
    replica.confirm(dot, Level::Local, 9).unwrap();
    replica.confirm(dot, Level::All, 9).unwrap();
    assert_eq!(replica.confirm(dot, Level::Local, 9), Err(TooManyTickets));
    assert!(matches!(replica.poll_event(), Some(Event::Confirmed { .. })));
    replica.confirm(dot, Level::Local, 9).unwrap();
    // The deadline comes without any message.
    replica.tick(9);
    let events: Vec<Event> = std::iter::from_fn(|| replica.poll_event()).collect();
    assert!(
        matches!(&events[..], [Event::Confirmed { .. }, Event::Unreachable { missing, .. }] if missing == &[peer(1)])
    );
}

#[test]
fn who_is_retired_or_unknown_is_refused() {
    let mut net = Net::group(3, &Topology::FullMesh, 1);
    net.insert(2, 7);
    net.run(5_000);
    assert!(net.replicas[0].retire(peer(2)) && !net.replicas[0].retire(peer(2)));
    assert_eq!(net.replicas[0].members(), [peer(1)]);
    assert!(net.replicas[0].value().contains(&7), "what it wrote stays");
    assert_eq!(net.replicas[0].join(peer(2), Role::Voter), Err(JoinError::Retired));
    assert_eq!(net.replicas[0].join(peer(0), Role::Voter), Err(JoinError::Myself));
    let before = net.replicas[0].value().encode();
    net.insert(2, 8);
    net.run(300);
    assert!(net.errors.contains(&(0, ReplicaError::Retired { peer: peer(2) })));
    net.errors.clear();
    assert_eq!(net.replicas[0].value().encode(), before);
    let stranger = net.replicas[0].handle(peer(9), b"anything", net.now);
    assert_eq!(stranger, Err(ReplicaError::NotMember { peer: peer(9) }));
}

#[test]
fn there_are_only_so_many_members() {
    let bounds = Bounds { members: 2, ..Bounds::default() };
    let mut one = replica(config(0).with_bounds(bounds));
    for at in 1..3 {
        one.join(peer(at), Role::Voter).unwrap();
        one.join(peer(at), Role::Voter).unwrap();
    }
    assert_eq!(one.join(peer(3), Role::Voter), Err(JoinError::Full));
    one.retire(peer(1));
    one.join(peer(3), Role::Voter).unwrap();
    for at in 5..50 {
        one.retire(peer(at));
    }
    assert_eq!(one.members(), [peer(2), peer(3)]);
}

#[test]
fn a_member_without_a_connection_is_heard_and_not_answered() {
    let mut net = Net::group(2, &Topology::FullMesh, 1);
    net.run(1_000);
    net.replicas[0].disconnected(peer(1));
    net.insert(0, 1);
    net.insert(1, 2);
    net.run(5_000);
    assert!(net.replicas[0].value().contains(&2), "what was on its way is taken in");
    assert!(!net.replicas[1].value().contains(&1), "and nothing is sent");
    net.replicas[0].connected(peer(1));
    net.run_until(1_000, Net::converged);
}

/// A majority of three is two, however many links are down.
#[test]
fn a_majority_does_not_shrink_with_the_connections() {
    let mut net = Net::group(3, &Topology::FullMesh, 1);
    net.run(5_000);
    for other in [1, 2] {
        net.down.insert(other);
        assert!(net.replicas[0].disconnected(peer(other)));
    }
    let dot = net.insert(0, 1);
    let deadline = net.now + 5_000;
    let majority = net.replicas[0].confirm(dot, Level::Majority, deadline).unwrap();
    let two = net.replicas[0].confirm(dot, Level::Count(2), deadline).unwrap();
    net.run(5_000);
    let missing = vec![peer(1), peer(2)];
    let unreachable = |ticket| Event::Unreachable { ticket, missing: missing.clone() };
    let events = net.take_events(0);
    assert!([majority, two].into_iter().all(|ticket| events.contains(&unreachable(ticket))));
    // Those that are gone for good do not count.
    assert!(net.replicas[0].retire(peer(1)) && net.replicas[0].retire(peer(2)));
    let deadline = net.now + 5_000;
    let majority = net.replicas[0].confirm(dot, Level::Majority, deadline).unwrap();
    assert_eq!(settled(&mut net, 0, majority), Some(Event::Confirmed { ticket: majority }));
}

#[test]
#[cfg(feature = "mutants")]
fn an_electorate_of_those_who_are_connected_is_noticed() {
    use dotted::mutants::{Mutant, with};
    let shrinks = || with(Mutant::ElectorateIsConnected, a_majority_does_not_shrink_with_the_connections);
    assert!(std::panic::catch_unwind(shrinks).is_err());
}

/// Observers read and write like all others, and count for nothing.
#[test]
fn observers_do_not_count() {
    let mut net = Net::group(4, &Topology::FullMesh, 1);
    for at in 0..2 {
        for observer in [2, 3] {
            net.replicas[at].join(peer(observer), Role::Observer).unwrap();
        }
    }
    net.run(2_000);
    net.down.insert(1);
    let dot = net.insert(0, 1);
    net.run(2_000);
    assert!(net.replicas[2].value().contains(&1) && net.replicas[3].value().contains(&1));
    let deadline = net.now + 5_000;
    let levels = [Level::Majority, Level::All, Level::Count(2)];
    let tickets = levels.map(|level| net.replicas[0].confirm(dot, level, deadline).unwrap());
    net.run(5_000);
    let events = net.take_events(0);
    let missing = || vec![peer(1)];
    assert!(tickets.iter().all(|&ticket| events.contains(&Event::Unreachable { ticket, missing: missing() })));
    net.down.clear();
    let deadline = net.now + 60_000;
    let tickets = levels.map(|level| net.replicas[0].confirm(dot, level, deadline).unwrap());
    net.run(60_000);
    let events = net.take_events(0);
    assert!(tickets.iter().all(|&ticket| events.contains(&Event::Confirmed { ticket })));
    // One that is to count counts from then on.
    net.replicas[0].join(peer(2), Role::Voter).unwrap();
    net.down.insert(2);
    let dot = net.insert(0, 2);
    let deadline = net.now + 5_000;
    let all = net.replicas[0].confirm(dot, Level::All, deadline).unwrap();
    net.run(5_000);
    let missing = vec![peer(2)];
    assert_eq!(settled(&mut net, 0, all), Some(Event::Unreachable { ticket: all, missing }));
}

/// Nothing is made for a peer without a connection, and both sides speak as soon as there is one.
#[test]
fn a_healed_cut_takes_a_round_trip_however_long_it_was() {
    for cut in [5_000, 20_000, 40_000, 3_600_000] {
        let mut net = Net::group(2, &Topology::FullMesh, 1);
        net.run(5_000);
        net.down.insert(1);
        assert!(net.replicas[0].disconnected(peer(1)) && net.replicas[1].disconnected(peer(0)));
        net.insert(0, 1);
        net.insert(1, 2);
        let until = net.now + cut;
        while net.now < until {
            net.now = until.min(net.now + 1_000);
            for at in 0..2 {
                let now = net.now;
                net.replicas[at].tick(now);
                assert_eq!(net.replicas[at].poll_transmit(), None);
            }
        }
        net.down.clear();
        assert!(net.replicas[0].connected(peer(1)) && net.replicas[1].connected(peer(0)));
        let healed = net.now;
        net.run_until(1_000, Net::converged);
        assert!(net.now - healed <= 300, "{cut}: {} ms", net.now - healed);
    }
}

/// Observers that come and go do not use up the places of a group.
#[test]
fn observers_without_a_connection_make_room() {
    let mut net = Net::group(1, &Topology::FullMesh, 1);
    let replica = &mut net.replicas[0];
    let members = Bounds::default().members;
    replica.join(peer(1), Role::Voter).unwrap();
    replica.disconnected(peer(1));
    for visitor in 2..3 * members {
        replica.join(peer(visitor), Role::Observer).unwrap();
        assert!(replica.disconnected(peer(visitor)));
    }
    assert_eq!(replica.members().len(), members);
    assert!(replica.members().contains(&peer(1)), "a voter stays");
    assert_eq!(replica.connected_members(), []);
}

//! The clock that a replica is given jumps, and is set back.

use dotted::replication::{Event, Level, Topology};

use crate::net::{Net, peer};

/// A replica was told a time far ahead, by a timer gone wrong or by a system clock that was mended. How long what it
/// writes takes to arrive, before and after.
fn around_a_jump(ahead: u64) -> (u64, u64) {
    let mut net = Net::group(3, &Topology::FullMesh, 1);
    net.run(5_000);
    net.insert(0, 1);
    let before = net.run_until(60_000, Net::converged);
    net.replicas[0].tick(ahead);
    net.run(1_000);
    net.insert(0, 2);
    let after = net.run_until(60_000, Net::converged);
    assert!(net.converged());
    let next = net.replicas[0].poll_timeout().expect("heartbeats");
    assert!((net.now..net.now + 60_000).contains(&next), "{next} at {}", net.now);
    (before, after)
}

#[test]
fn a_clock_that_jumps_and_is_set_back_harms_nobody() {
    for ahead in [1 << 20, 1 << 40, u64::MAX - 1, u64::MAX] {
        let (before, after) = around_a_jump(ahead);
        assert!(after <= 2 * before, "{after} ms, {before} before a jump to {ahead}");
    }
}

#[test]
fn deadlines_follow_the_clock_that_was_set() {
    let mut net = Net::group(2, &Topology::FullMesh, 1);
    net.run(5_000);
    net.replicas[0].tick(u64::MAX);
    net.replicas[0].tick(net.now);
    net.run(1_000);
    net.cut.insert((0, 1));
    net.cut.insert((1, 0));
    let dot = net.insert(0, 1);
    let ticket = net.replicas[0].confirm(dot, Level::All, net.now + 3_000).unwrap();
    net.run(2_900);
    let expired = Event::Unreachable { ticket, missing: vec![peer(1)] };
    assert!(!net.take_events(0).contains(&expired), "too early");
    net.run(200);
    assert!(net.take_events(0).contains(&expired), "too late");
}

#[test]
#[cfg(feature = "mutants")]
fn a_clock_that_is_waited_for_is_noticed() {
    use dotted::mutants::{Mutant, with};
    let waits = || with(Mutant::ClockStaysAhead, || around_a_jump(1 << 40));
    assert!(std::panic::catch_unwind(waits).is_err());
}

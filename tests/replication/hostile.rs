//! What comes from a peer is bounded, typed and harmless.

use dotted::replication::{Bounds, Config, PeerId, ReplicaError, Role};
use dotted::{DecodeError, OrSet, VersionVector, Writer};
use uuid::Uuid;
use xxhash_rust::xxh64::xxh64;

use crate::net::*;

fn reseal(bytes: &mut [u8]) {
    let at = bytes.len() - 4;
    let checksum = (xxh64(&bytes[..at], 0) as u32).to_le_bytes();
    bytes[at..].copy_from_slice(&checksum);
}

/// Messages of all kinds between two replicas.
fn messages() -> (Net, Vec<Sent>) {
    let mut net = Net::group_with(2, 1, |at| config(at).with_bounds(small_messages()));
    net.faults = Faults { loss: 30, ..CALM };
    net.fill(0, 0..6_000);
    net.run(3_000);
    net.fill(1, 5_000..5_010);
    net.run(400_000);
    let log = net.log.clone();
    for kind in [HAVE, PART, NACK, AUDIT] {
        assert!(log.iter().any(|sent| sent.kind() == kind), "{kind}");
    }
    (net, log)
}

#[test]
fn mutated_messages_change_nothing_but_what_is_believed() {
    let (mut net, log) = messages();
    let mut random = Random::new(5);
    let state = net.replicas[0].value().encode();
    let mut refused = 0;
    for round in 0..60_000u64 {
        let sent = &log[random.below(log.len())];
        let mut bytes = sent.bytes.clone();
        for _ in 0..1 + random.below(3) {
            let at = random.below(bytes.len());
            match random.below(4) {
                0 => bytes[at] = random.next() as u8,
                1 => bytes[at] ^= 1 << random.below(8),
                2 => bytes.insert(at, [0, 1, 0x7f, 0x80, 0xff][random.below(5)]),
                _ => _ = bytes.remove(at),
            }
        }
        if bytes.len() > 4 && random.chance(80) {
            reseal(&mut bytes);
        }
        // Slowly, so that the peer is not muted all the time.
        let at = net.now + round * 100;
        net.replicas[0].tick(at);
        refused += u32::from(net.replicas[0].handle(peer(1), &bytes, at).is_err());
        while net.replicas[0].poll_transmit().is_some() {}
        while net.replicas[0].poll_event().is_some() {}
    }
    assert!(refused > 10_000);
    assert_eq!(net.replicas[0].value().encode(), state, "a delta has a checksum and a hash of its own");
}

#[test]
fn bad_messages_have_names_and_a_budget() {
    let (mut net, log) = messages();
    let now = net.now + 100_000;
    let good = &log.iter().find(|sent| sent.kind() == HAVE).unwrap().bytes;
    let state = net.replicas[0].value().encode();
    let replica = &mut net.replicas[0];
    let malformed = |error| Err(ReplicaError::Malformed { peer: peer(1), error });
    assert_eq!(replica.handle(peer(1), b"", now), malformed(DecodeError::Truncated));
    assert_eq!(replica.handle(peer(1), b"garbage at length", now), malformed(DecodeError::NotDotted));
    let mut version = good.clone();
    version[4] = 9;
    assert_eq!(replica.handle(peer(1), &version, now), malformed(DecodeError::UnsupportedVersion(9)));
    let mut kind = good.clone();
    kind[5] = 77;
    reseal(&mut kind);
    assert_eq!(replica.handle(peer(1), &kind, now), malformed(DecodeError::WrongKind));
    assert_eq!(replica.handle(peer(1), &good[..good.len() - 1], now), malformed(DecodeError::Checksum));
    let long = vec![0; 1025];
    assert_eq!(replica.handle(peer(1), &long, now), Err(ReplicaError::TooLong { peer: peer(1), bytes: 1025 }));
    let mut store = good.clone();
    store[10] ^= 1;
    reseal(&mut store);
    assert_eq!(replica.handle(peer(1), &store, now), Err(ReplicaError::WrongStore { peer: peer(1) }));

    // An extension that need not be understood, and one that must be.
    let extended = |id: u8| {
        let mut bytes = good.clone();
        bytes.splice(8..9, [3, id, 1, 0]);
        reseal(&mut bytes);
        bytes
    };
    assert_eq!(replica.handle(peer(1), &extended(2), now), Ok(()));
    assert_eq!(replica.handle(peer(1), &extended(3), now), malformed(DecodeError::UnsupportedExtension(3)));

    let mut muted = 0;
    for _ in 0..100 {
        muted += u32::from(replica.handle(peer(1), b"garbage", now) == Err(ReplicaError::Muted { peer: peer(1) }));
    }
    assert!(muted >= 90);
    assert_eq!(replica.handle(peer(1), good, now), Err(ReplicaError::Muted { peer: peer(1) }));
    assert_eq!(replica.handle(peer(1), good, now + 2_000), Ok(()), "not for ever");
    assert_eq!(replica.value().encode(), state);
}

/// Limits, forks and strangers are nobody's fault: a peer is muted for what no sound peer sends, and for nothing else.
#[test]
fn only_malformed_messages_mute() {
    let (mut net, log) = messages();
    let (now, own) = (net.now + 100_000, net.insert(0, 9_999));
    let good = &log.iter().find(|sent| sent.kind() == HAVE).unwrap().bytes;
    let replica = &mut net.replicas[0];
    let mut store = good.clone();
    store[10] ^= 1;
    reseal(&mut store);
    for _ in 0..1_000 {
        assert_eq!(replica.handle(peer(1), &store, now), Err(ReplicaError::WrongStore { peer: peer(1) }));
        let long = ReplicaError::TooLong { peer: peer(1), bytes: 1025 };
        assert_eq!(replica.handle(peer(1), &[0; 1025], now), Err(long));
    }
    assert_eq!(replica.handle(peer(1), good, now), Ok(()));

    // Somebody who writes under the same id is told so each time.
    let mut twin = VersionVector::new();
    twin.join(replica.value().version());
    twin.join(&[(own.replica, own.counter + 5)].into_iter().collect());
    let forked = claim_of(&twin, peer(1)).poll_transmit().unwrap();
    for _ in 0..1_000 {
        let error = replica.handle(peer(1), &forked.bytes, now).unwrap_err();
        assert!(matches!(error, ReplicaError::Forked { .. }) && !error.is_malformed(), "{error}");
    }
    assert_eq!(replica.handle(peer(1), good, now), Ok(()));
}

/// The messages with parts of one large delta.
fn large_delta() -> Vec<Vec<u8>> {
    let (_, log) = messages();
    let parts = log.into_iter().filter(|sent| sent.kind() == PART && sent.from == 0).map(|sent| sent.bytes);
    parts.collect()
}

fn receiver(bounds: Bounds) -> dotted::replication::Replica<Set> {
    let mut receiver = replica(config(1).with_bounds(bounds));
    for at in [0, 2, 3] {
        receiver.join(peer(at), Role::Voter).unwrap();
    }
    receiver
}

/// How many messages of a kind it has to say.
fn said(replica: &mut dotted::replication::Replica<Set>, kind: u8) -> usize {
    std::iter::from_fn(|| replica.poll_transmit()).filter(|sent| sent.bytes[5] == kind).count()
}

/// A list of what is missing costs as much as there are parts.
#[test]
fn who_calls_every_part_the_last_is_answered_at_a_bounded_rate() {
    let asks = |part: &Vec<u8>| {
        let mut receiver = receiver(small_messages());
        receiver.handle(peer(0), part, 0).unwrap();
        said(&mut receiver, NACK) == 1
    };
    let last = large_delta().into_iter().find(asks).expect("one of them is the last");
    let mut receiver = receiver(Bounds { work_burst: 5, work_per_second: 1, ..small_messages() });
    let mut answers = 0;
    for _ in 0..1_000 {
        receiver.handle(peer(0), &last, 0).unwrap();
        answers += said(&mut receiver, NACK);
    }
    assert_eq!(answers, 5);
    // The rest is asked for all the same, later.
    receiver.tick(5_000);
    assert!(said(&mut receiver, NACK) > 0);
}

/// What is staged is bounded for all peers together, and whoever has most of it gives way.
#[test]
fn incomplete_deltas_are_bounded_in_total() {
    let mut parts = large_delta();
    parts.sort();
    parts.dedup();
    let most = parts.iter().map(Vec::len).sum();
    let mut bounds = Bounds { staged_bytes: most, ..small_messages() };
    bounds.decode = bounds.decode.with_bytes(most);
    let mut receiver = receiver(bounds);
    let (mut sent, mut greatest) = (0, 0);
    for at in [0, 2, 3] {
        for part in &parts[..parts.len() / 2] {
            sent += part.len();
            receiver.handle(peer(at), part, 0).unwrap();
            greatest = greatest.max(receiver.staged_bytes());
        }
    }
    assert!(sent > most && greatest > most / 3 && greatest <= most, "{sent} {greatest} {most}");
}

/// A part that announces a delta which cannot be, and a delta of another type.
#[test]
fn forged_deltas_are_refused() {
    let store: Uuid = STORE;
    let mut replica = replica(config(0));
    replica.join(peer(1), Role::Voter).unwrap();
    // Another type, correctly sealed.
    let other: OrSet<String> = {
        let mut set = OrSet::new();
        set.insert(&mut Writer::from_seed(9), "text".to_string());
        set
    };
    let mut liar = dotted::replication::Replica::new(other, Writer::from_seed(8), Config::new(peer(1), store, 1));
    liar.join(peer(0), Role::Voter).unwrap();
    let ask = replica.poll_transmit().unwrap();
    liar.handle(peer(0), &ask.bytes, 0).unwrap();
    let part = std::iter::from_fn(|| liar.poll_transmit()).find(|sent| sent.bytes[5] == PART).unwrap();
    let error = replica.handle(peer(1), &part.bytes, 0).unwrap_err();
    assert!(matches!(error, ReplicaError::BadDelta { .. }), "{error}");
    assert!(replica.value().version().is_empty());
    let nack = std::iter::from_fn(|| replica.poll_transmit()).find(|sent| sent.bytes[5] == NACK).unwrap();
    liar.handle(peer(0), &nack.bytes, 0).unwrap();
    assert!(liar.poll_transmit().is_none(), "not sent again at once");

    // A delta that is longer than any state may be.
    let mut huge = part.bytes.clone();
    let at = 9 + 16 + 8;
    assert!(huge[at] < 0x80);
    huge.splice(at..at + 1, [0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
    reseal(&mut huge);
    assert!(replica.handle(peer(1), &huge, 0).is_err());
}

/// Claims that cannot be met cost a few messages, not a conversation without end.
#[test]
fn claims_of_what_does_not_exist_are_followed_for_a_while_only() {
    let mut net = Net::group_with(2, 1, |at| config(at).with_timing(no_heartbeat()));
    net.insert(0, 1);
    net.run(5_000);
    net.down.insert(1);
    let mut claim: VersionVector = [(dotted::ReplicaId::from_seed(500), 9)].into_iter().collect();
    claim.join(net.replicas[0].value().version());
    let mut liar = claim_of(&claim, peer(1));
    let before = net.log.len();
    let bytes = std::iter::from_fn(|| liar.poll_transmit()).next().unwrap().bytes;
    net.inject(net.now, Sent { at: net.now, from: 1, to: 0, bytes });
    net.run(1_000_000);
    assert!((5..12).contains(&(net.log.len() - before)), "{}", net.log.len() - before);
}

/// A peer that asks all the time gets deltas at a bounded rate.
#[test]
fn who_asks_all_the_time_is_served_at_a_bounded_rate() {
    let bounds = Bounds { work_burst: 5, work_per_second: 1, ..Bounds::default() };
    let mut asked = replica(config(0).with_bounds(bounds));
    asked.join(peer(1), Role::Voter).unwrap();
    asked.update(|set, writer| set.extend(writer, 0..100)).unwrap();
    let mut fresh = replica(config(1));
    fresh.join(peer(0), Role::Voter).unwrap();
    let ask = fresh.poll_transmit().unwrap();
    let mut parts = 0;
    for now in 0..10_000 {
        asked.handle(peer(1), &ask.bytes, now).unwrap();
        // It claims to have got it, and to have lost it again.
        parts += std::iter::from_fn(|| asked.poll_transmit()).filter(|sent| sent.bytes[5] == PART).count();
        let mut there = claim_of(asked.value().version(), peer(1));
        let have = there.poll_transmit().unwrap();
        asked.handle(peer(1), &have.bytes, now).unwrap();
        asked.tick(now);
    }
    assert!((5..=30).contains(&parts), "{parts}");
}

/// A replica that says that it has seen so much: its state is a forged one.
fn claim_of(version: &VersionVector, me: PeerId) -> dotted::replication::Replica<Set> {
    let mut bytes = version.encode();
    bytes[5] = 1; // a state, of a set, without events
    bytes.splice(7..8, [1, 7]);
    let end = bytes.len() - 4;
    bytes.splice(end..end, [0; 5]);
    reseal(&mut bytes);
    let value = Set::decode(&bytes, &dotted::Limits::default()).expect("well formed");
    let mut liar = dotted::replication::Replica::new(value, Writer::from_seed(999), Config::new(me, STORE, 9));
    liar.join(peer(0), Role::Voter).unwrap();
    liar
}

/// What members announce that nobody else has heard of is remembered up to a bound for all of them.
#[test]
fn announced_writers_are_bounded_in_total() {
    let bounds = Bounds { known_writers: 1_000, ..Bounds::default() };
    let mut net = Net::group_with(9, 1, |at| config(at).with_bounds(bounds.clone()));
    net.insert(0, 1);
    net.run(2_000);
    for liar in 2..9u64 {
        let mut claim: VersionVector =
            (0..500).map(|at| (dotted::ReplicaId::from_seed(1_000 * liar + at), 1)).collect();
        claim.join(net.replicas[0].value().version());
        let mut sender = claim_of(&claim, peer(liar as usize));
        let bytes = std::iter::from_fn(|| sender.poll_transmit()).next().unwrap().bytes;
        net.replicas[0].handle(peer(liar as usize), &bytes, net.now).unwrap();
        let known = |at| net.replicas[0].known_of(peer(at)).map_or(0, VersionVector::len);
        let unknown: usize = (2..9).map(|at| known(at).saturating_sub(1)).sum();
        assert!((500..=1_000).contains(&unknown), "{unknown}");
        // What it has of the rest is remembered.
        assert!((2..9).all(|at| known(at) >= 1));
    }
    net.insert(1, 2);
    net.run_until(60_000, Net::converged);
}

//! Claims on what only one can have: nobody is told that a claim is confirmed that is not.

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::random::Random;
use dotted::replication::{Config, PeerId, Replica, Reservation, Reservations, Role};
use dotted::{ClaimError, Claims, Crdt, Named, Seat, Snapshot, Store, StoreKey, Value, ValueKind, Watched, Writer};
use uuid::Uuid;

type Seats = Claims<String>;

const MEMBERS: [Uuid; 3] = [Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3)];

fn seat() -> String {
    "12A".into()
}

/// A member's writer, whose clock stands.
fn writer(member: usize) -> Writer {
    Writer::from_seed(member as u64)
}

#[test]
fn a_claim_is_confirmed_when_all_have_answered() {
    let [mut a, mut b, mut c] = [0, 1, 2].map(writer);
    let mut tokyo = Seats::new();
    assert_eq!(tokyo.seat(&seat(), &MEMBERS), Seat::Free);
    tokyo.claim(&mut a, seat(), MEMBERS[0], &MEMBERS).expect("it is free");
    let tentative = Seat::Tentative { holder: MEMBERS[0], round: 0 };
    assert_eq!(tokyo.seat(&seat(), &MEMBERS), tentative);

    let (mut london, mut paulo) = (tokyo.clone(), tokyo.clone());
    assert!(london.acknowledge(&mut b, MEMBERS[1], &MEMBERS).is_some());
    assert!(london.acknowledge(&mut b, MEMBERS[1], &MEMBERS).is_none(), "once is enough");
    tokyo.merge(&london);
    assert_eq!(tokyo.seat(&seat(), &MEMBERS), tentative);
    paulo.acknowledge(&mut c, MEMBERS[2], &MEMBERS);
    tokyo.merge(&paulo);
    assert_eq!(tokyo.seat(&seat(), &MEMBERS), Seat::Confirmed { holder: MEMBERS[0], round: 0 });
    assert_eq!(tokyo.claimed(&seat(), MEMBERS[0]), Some(0));
}

#[test]
fn of_two_claims_one_is_confirmed_and_the_other_lost() {
    let [mut a, mut b, mut c] = [0, 1, 2].map(writer);
    let (mut tokyo, mut london, mut paulo) = (Seats::new(), Seats::new(), Seats::new());
    tokyo.claim(&mut a, seat(), MEMBERS[0], &MEMBERS).expect("it is free");
    london.claim(&mut b, seat(), MEMBERS[1], &MEMBERS).expect("it is free there");
    paulo.merge(&london);
    paulo.acknowledge(&mut c, MEMBERS[2], &MEMBERS);
    london.merge(&paulo);
    assert_eq!(london.seat(&seat(), &MEMBERS), Seat::Tentative { holder: MEMBERS[1], round: 0 });
    london.merge(&tokyo);
    tokyo.merge(&london);
    let Seat::Confirmed { holder, round: 0 } = london.seat(&seat(), &MEMBERS) else { panic!("all have answered") };
    assert_eq!(tokyo.seat(&seat(), &MEMBERS), Seat::Confirmed { holder, round: 0 });
    for (value, writer, member) in [(&mut tokyo, &mut a, MEMBERS[0]), (&mut london, &mut b, MEMBERS[1])] {
        let before = value.encode();
        assert_eq!(value.claim(writer, seat(), member, &MEMBERS), Err(ClaimError::Taken { holder }));
        assert_eq!(value.encode(), before);
    }
}

#[test]
fn what_is_released_can_be_claimed_again_in_another_round() {
    let [mut a, mut b, mut c] = [0, 1, 2].map(writer);
    let mut value = Seats::new();
    value.claim(&mut a, seat(), MEMBERS[0], &MEMBERS).expect("it is free");
    assert!(value.release(&mut b, &seat(), MEMBERS[1]).is_none(), "it has no claim");
    assert!(value.release(&mut a, &seat(), MEMBERS[0]).is_some());
    assert!(value.release(&mut a, &seat(), MEMBERS[0]).is_none());
    // Someone may have claimed it as well: it is not free before all have answered.
    let taken = Err(ClaimError::Taken { holder: MEMBERS[0] });
    assert_eq!(value.claim(&mut b, seat(), MEMBERS[1], &MEMBERS), taken);
    value.acknowledge(&mut b, MEMBERS[1], &MEMBERS);
    value.acknowledge(&mut c, MEMBERS[2], &MEMBERS);
    assert_eq!(value.seat(&seat(), &MEMBERS), Seat::Free);
    value.claim(&mut b, seat(), MEMBERS[1], &MEMBERS).expect("it is free");
    assert_eq!(value.seat(&seat(), &MEMBERS), Seat::Tentative { holder: MEMBERS[1], round: 1 });
}

#[test]
fn only_members_claim_and_answer() {
    let mut a = writer(0);
    let stranger = Uuid::from_u128(9);
    let mut value = Seats::new();
    assert_eq!(value.claim(&mut a, seat(), stranger, &MEMBERS), Err(ClaimError::NotAMember));
    assert!(value.acknowledge(&mut a, stranger, &MEMBERS).is_none());
    assert!(value.version().is_empty());
}

#[test]
fn a_name_that_is_in_use_twice_is_shown() {
    let [mut a, mut b] = [0, 1].map(writer);
    let (mut tokyo, mut copy) = (Seats::new(), Seats::new());
    tokyo.claim(&mut a, seat(), MEMBERS[0], &MEMBERS).expect("it is free");
    copy.claim(&mut b, seat(), MEMBERS[0], &MEMBERS).expect("it is free there");
    copy.release(&mut b, &seat(), MEMBERS[0]);
    tokyo.merge(&copy);
    let member = MEMBERS[0];
    assert_eq!(tokyo.seat(&seat(), &MEMBERS), Seat::Contested { member });
    assert_eq!(tokyo.claim(&mut a, seat(), member, &MEMBERS), Err(ClaimError::Contested { member }));
}

/// A member answered on two copies of its value. The two answers named different times, which counted as a contradiction:
/// the seat was contested for ever, whoever released it.
#[test]
fn two_copies_that_answer_do_not_contradict_each_other() {
    let [mut a, mut b, mut c] = [0, 1, 2].map(writer);
    let mut here = Seats::new();
    here.claim(&mut a, seat(), MEMBERS[0], &MEMBERS).expect("it is free");
    let mut there = here.clone();
    here.acknowledge(&mut b, MEMBERS[1], &MEMBERS).expect("it has not answered here");
    there.acknowledge(&mut b, MEMBERS[1], &MEMBERS).expect("nor there");
    here.merge(&there);
    here.acknowledge(&mut c, MEMBERS[2], &MEMBERS);
    assert_eq!(here.seat(&seat(), &MEMBERS), Seat::Confirmed { holder: MEMBERS[0], round: 0 });
    here.release(&mut a, &seat(), MEMBERS[0]);
    assert_eq!(here.seat(&seat(), &MEMBERS), Seat::Free);
}

/// Behind the last round, which only forged statements name, there was the last round again: whoever claimed it had it
/// confirmed at once.
#[test]
fn a_forged_last_round_is_confirmed_to_nobody_else() {
    let [mut a, mut b] = [0, 1].map(writer);
    let members = &MEMBERS[..2];
    let mut here = Seats::new();
    here.claim(&mut a, seat(), members[0], members).expect("it is free");
    here.acknowledge(&mut b, members[1], members);
    here.release(&mut a, &seat(), members[0]);
    assert_eq!(here.seat(&seat(), members), Seat::Free);
    let json = serde_json::to_string(&here).expect("it is written");
    let json = json.replace("\"round\":0", &format!("\"round\":{}", u64::MAX));
    let mut forged: Seats = serde_json::from_str(&json).expect("members may say so");
    let taken = Err(ClaimError::Taken { holder: members[0] });
    assert_eq!(forged.claim(&mut b, seat(), members[1], members), taken);
    assert_eq!(forged.claim(&mut a, seat(), members[0], members), taken);
}

/// Three replicas that gossip: cut in two, the seat is claimed on both sides; when they are reunited one is
/// told that it has it, and the other that it does not.
#[test]
fn both_claimants_are_told() {
    let peers = [1, 2, 3].map(PeerId::from_seed);
    let mut replicas = peers.map(|me| {
        let seed = me.uuid().as_u64_pair().0;
        let config = Config::new(me, Uuid::from_u128(9), seed);
        let mut replica = Replica::new(Seats::new(), Writer::from_seed(seed), config);
        peers
            .iter()
            .filter(|&&peer| peer != me)
            .for_each(|&peer| replica.join(peer, Role::Voter).expect("there is room"));
        replica
    });
    let mut desks = peers.map(|me| Reservations::new(me, &peers));
    let mut told: [Vec<Reservation<String>>; 3] = Default::default();
    for now in (0..60_000).step_by(10) {
        let cut = now < 20_000;
        if now == 1000 {
            for at in [0, 2] {
                let desk = &mut desks[at];
                let claim = |value: &mut Seats, writer: &mut Writer| {
                    value.edit(writer, |mut claims, edit| desk.claim(&mut claims, edit, seat()))
                };
                let claimed = replicas[at].update(claim);
                claimed.expect("there is no fork").expect("it is free there");
            }
        }
        for at in 0..3 {
            let desk = &mut desks[at];
            let step = |value: &mut Seats, writer: &mut Writer| {
                value.edit(writer, |mut claims, edit| desk.step(&mut claims, edit))
            };
            told[at].extend(replicas[at].update(step).expect("there is no fork"));
            replicas[at].tick(now);
            while let Some(message) = replicas[at].poll_transmit() {
                let to = peers.iter().position(|&peer| peer == message.to).expect("a member");
                if !(cut && (at == 2) != (to == 2)) {
                    replicas[to].handle(peers[at], &message.bytes, now).expect("it is well formed");
                }
            }
        }
        assert!(!cut || told.iter().all(Vec::is_empty), "nothing is confirmed as long as one is away");
    }
    let confirmed = |at: usize| told[at] == [Reservation::Confirmed { resource: seat(), round: 0 }];
    let lost = |at: usize, holder| {
        told[at] == [Reservation::ClaimLost { resource: seat(), round: 0, holder: Some(peers[holder]) }]
    };
    assert!((confirmed(0) && lost(2, 0)) || (confirmed(2) && lost(0, 2)), "{told:?}");
    assert!(told[1].is_empty());
}

/// Random histories of claims, releases and answers, with nothing but merges between the members.
#[test]
fn no_round_has_two_holders() {
    for seed in 0..400 {
        one_history(seed);
    }
}

fn one_history(seed: u64) {
    let mut random = Random::new(seed);
    let mut writers: Vec<_> = (0..3).map(|writer| Writer::from_seed(seed * 10 + writer)).collect();
    let mut values = vec![Seats::new(); 3];
    let mut confirmed = BTreeMap::new();
    let resources = ["12A", "12B"].map(String::from);
    for _ in 0..300 {
        let at = random.below(3);
        let resource = &resources[random.below(2)];
        let (value, writer, me) = (&mut values[at], &mut writers[at], MEMBERS[at]);
        match random.below(10) {
            0..=2 => {
                let before = value.seat(resource, &MEMBERS);
                let claimed = value.claim(writer, resource.clone(), me, &MEMBERS);
                assert_eq!(claimed.is_ok(), before == Seat::Free, "seed {seed}");
            }
            3 => _ = value.release(writer, resource, me),
            4..=6 => _ = value.acknowledge(writer, me, &MEMBERS),
            _ => {
                let other = values[random.below(3)].clone();
                values[at].merge(&other);
            }
        }
        for resource in &resources {
            if let Seat::Confirmed { holder, round } = values[at].seat(resource, &MEMBERS) {
                let first = confirmed.entry((resource, round)).or_insert(holder);
                assert_eq!(*first, holder, "seed {seed}: {resource}, round {round}");
            }
        }
    }
    // When all have heard from all, nothing is tentative.
    for _ in 0..2 {
        for at in 0..3 {
            for other in values.clone() {
                values[at].merge(&other);
            }
            values[at].acknowledge(&mut writers[at], MEMBERS[at], &MEMBERS);
        }
    }
    let all = values[2].clone();
    for value in &mut values {
        value.merge(&all);
        for resource in &resources {
            let seat = value.seat(resource, &MEMBERS);
            assert_eq!(seat, all.seat(resource, &MEMBERS));
            assert!(matches!(seat, Seat::Free | Seat::Confirmed { .. }), "seed {seed}: {seat:?}");
        }
    }
    assert!(!confirmed.is_empty(), "seed {seed}");
}

/// Beside other values of a store, by whose delta the answers arrive.
#[test]
fn in_a_store_it_is_shown_and_not_removed() {
    let [mut a, mut b] = [0, 1].map(writer);
    let members = [1, 2].map(PeerId::from_seed);
    let ids = members.map(|member| member.uuid());
    let mut tokyo = Reservations::<Arc<str>>::new(members[0], &members);
    let (mut here, mut there) = (Store::new(), Store::new());
    here.edit(&mut a, |mut store, edit| tokyo.claim(&mut store.claims("seats"), edit, "12A".into()))
        .expect("it is free");
    there.edit(&mut b, |mut store, edit| {
        store.counter("sold").increment(edit, 1).expect("it fits");
        store.claims("seats").claim(edit, "12A".into(), ids[1], &ids).expect("it is free there");
    });
    assert_eq!(there.claims("seats").claim(&mut b, "12A", ids[1], &ids), Err(ClaimError::Taken { holder: ids[1] }));
    here.merge(&there);
    there.merge(&here);

    let told = here.edit(&mut a, |mut store, edit| tokyo.step(&mut store.claims("seats"), edit));
    let view = there.view().claims("seats");
    let Seat::Confirmed { holder, round: 0 } = view.seat(&"12A".into(), &ids) else { panic!("all have answered") };
    let mine = Reservation::Confirmed { resource: Arc::from("12A"), round: 0 };
    let lost = Reservation::ClaimLost { resource: Arc::from("12A"), round: 0, holder: Some(members[1]) };
    assert_eq!(told, [if holder == ids[0] { mine.clone() } else { lost }]);
    // After a restart what stands is told again.
    let mut london = Reservations::resume(members[1], &members, view);
    let told = there.edit(&mut b, |mut store, edit| london.step(&mut store.claims("seats"), edit));
    assert_eq!(told.contains(&mine), holder == ids[1]);

    assert_eq!(there.remove(&mut b, "seats"), None);
    let standing = [(Arc::from("12A"), ids[0], 0), (Arc::from("12A"), ids[1], 0)];
    let mut watched = Watched::new(there.clone());
    let Snapshot::Claims(mut shown) = (*watched.snapshot("seats", ValueKind::Claims)).clone() else { panic!("claims") };
    shown.sort();
    assert_eq!(shown, standing);
    assert!(there.claims("seats").release(&mut b, "12A", ids[1]).is_some());
    assert_eq!(there.claims("seats").standing(), [(&standing[0].0, ids[0], 0)]);
    let json = serde_json::to_string(&there).expect("it is written");
    assert_eq!(serde_json::from_str::<Store>(&json).expect("it is read"), there);
    let named = Named { name: "seats".into(), kind: ValueKind::Claims };
    let key = StoreKey::new(named.clone(), watched_key(&mut here, &mut a, &ids)).expect("it was listed");
    assert_eq!((key.claim(), key.request(), key.named()), (Some(("12B", ids[0])), None, named.clone()));
    for wrong in [Value::bytes([0u8; 15]), Value::bytes([[0u8; 16], [0xff; 16]].concat()), "12A".into()] {
        assert_eq!(StoreKey::new(named.clone(), Some(wrong)), None);
    }
}

/// The key of a claim, as it is listed.
fn watched_key(store: &mut Store, writer: &mut Writer, ids: &[Uuid]) -> Option<Value> {
    let mut watched = Watched::new(std::mem::take(store));
    watched.edit(writer, |mut store, edit| {
        store.claims("seats").claim(edit, "12B".into(), ids[0], ids).expect("it is free");
    });
    watched.poll_changes()?.changes.pop()?.key
}

#[cfg(feature = "mutants")]
#[test]
fn a_claim_confirmed_too_early_is_noticed() {
    use dotted::mutants::{Mutant, with};
    let broken = || with(Mutant::ClaimsIgnoreSilence, no_round_has_two_holders);
    assert!(std::panic::catch_unwind(broken).is_err());
}

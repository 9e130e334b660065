//! One effect per request id, however often and wherever it is recorded.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::random::Random;
use dotted::{
    Crdt, Effect, Ledger, Limits, Named, RecordError, Recorded, ReplicaId, Request, RequestId, Snapshot, Store,
    StoreKey, Timestamp, Transfer, Value, ValueKind, Watched, Writer,
};
use uuid::Uuid;

type Transfers = Ledger<Transfer>;

fn id(client: u128, number: u64) -> RequestId {
    RequestId { client: Uuid::from_u128(client), number }
}

fn pay(amount: u64) -> Transfer {
    Transfer { from: "ana".into(), to: "ben".into(), amount }
}

fn writers() -> (Writer, Writer) {
    (Writer::from_seed(1), Writer::from_seed(2))
}

#[test]
fn a_retry_is_no_second_request() {
    let (mut tokyo, mut london) = writers();
    let mut here = Transfers::new();
    assert!(matches!(here.record(&mut tokyo, id(1, 0), pay(10)), Ok(Recorded::New(_))));
    let mut there = here.clone();
    let before = here.encode();
    assert_eq!(here.record(&mut tokyo, id(1, 0), pay(10)), Ok(Recorded::Before));
    assert_eq!(there.record(&mut london, id(1, 0), pay(10)), Ok(Recorded::Before));
    assert_eq!(here.encode(), before);
    assert_eq!(here.total().of("ben"), 10);
    assert_eq!(here.total().of("ana"), -10);
}

#[test]
fn a_request_recorded_in_two_regions_is_one_entry() {
    let (mut tokyo, mut london) = writers();
    let (mut here, mut there) = (Transfers::new(), Transfers::new());
    here.record(&mut tokyo, id(1, 0), pay(10)).expect("it is new");
    there.record(&mut london, id(1, 0), pay(10)).expect("it is new there");
    here.merge(&there);
    assert_eq!(here.total().of("ben"), 10);
    assert_eq!(here.requests().count(), 1);
    assert!(here.disputes().is_empty());
}

#[test]
fn an_id_reused_with_other_content_is_refused() {
    let (mut tokyo, _) = writers();
    let mut here = Transfers::new();
    here.record(&mut tokyo, id(1, 0), pay(10)).expect("it is new");
    let before = here.encode();
    assert_eq!(here.record(&mut tokyo, id(1, 0), pay(11)), Err(RecordError::Reused(id(1, 0))));
    assert_eq!(here.encode(), before);
    assert!(here.resolve(&mut tokyo, id(1, 0), pay(11)).unwrap().is_none(), "there is nothing to settle");
    assert!(here.dismiss(&mut tokyo, id(1, 0)).is_none());
    assert_eq!(here.encode(), before);
}

#[test]
fn an_id_reused_in_two_regions_is_a_dispute_until_it_is_settled() {
    let (mut tokyo, mut london) = writers();
    let (mut here, mut there) = (Transfers::new(), Transfers::new());
    here.record(&mut tokyo, id(1, 0), pay(10)).expect("it is new");
    there.record(&mut london, id(1, 0), pay(99)).expect("it is new there");
    here.record(&mut tokyo, id(1, 1), pay(1)).expect("it is new");
    here.merge(&there);
    there.merge(&here);
    assert_eq!(here.disputes(), there.disputes());
    let disputes = here.disputes();
    assert_eq!((disputes.len(), disputes[0].id, disputes[0].versions.len()), (1, id(1, 0), 2));
    assert_eq!(here.total().of("ben"), 1, "neither is chosen in silence");
    assert_eq!(here.record(&mut tokyo, id(1, 0), pay(10)), Err(RecordError::Reused(id(1, 0))));

    assert!(here.resolve(&mut tokyo, id(1, 0), pay(99)).unwrap().is_some());
    there.merge(&here);
    assert!(there.disputes().is_empty());
    assert_eq!(there.total().of("ben"), 100);
    assert_eq!(there.record(&mut london, id(1, 0), pay(99)), Ok(Recorded::Before));
}

/// A client with 130 requests, of which 128 can be folded.
fn folded() -> (Transfers, Writer, Writer) {
    let (mut tokyo, london) = writers();
    let mut here = Transfers::new();
    for number in 0..130 {
        here.record(&mut tokyo, id(1, number), pay(number)).expect("it is new");
    }
    here.record(&mut tokyo, id(2, 0), pay(5)).expect("it is new");
    let total = here.total();
    assert_eq!(here.fold(&mut tokyo, Uuid::from_u128(1)), 2);
    assert_eq!(here.total(), total);
    assert_eq!(here.requests().count(), 3);
    (here, tokyo, london)
}

#[test]
fn folded_requests_are_still_known() {
    let (mut here, mut tokyo, _) = folded();
    here.compact();
    let mut here = Transfers::decode(&here.encode(), &Limits::default()).expect("own bytes are read");
    let before = here.encode();
    assert_eq!(here.get(id(1, 64)), Some(Request::Folded));
    assert_eq!(here.record(&mut tokyo, id(1, 64), pay(64)), Ok(Recorded::Before));
    assert_eq!(here.record(&mut tokyo, id(1, 64), pay(65)), Err(RecordError::Reused(id(1, 64))));
    assert_eq!(here.fold(&mut tokyo, Uuid::from_u128(1)), 0);
    assert_eq!(here.encode(), before);
}

#[test]
fn folding_saves_room() {
    let (mut tokyo, _) = writers();
    let mut here = Transfers::new();
    for number in 0..6400 {
        here.record(&mut tokyo, id(1, number), pay(10_000)).expect("it is new");
    }
    let before = here.encode().len();
    here.fold(&mut tokyo, Uuid::from_u128(1));
    here.compact();
    let after = here.encode().len();
    assert!(after * 3 < before, "{before} B became {after} B");
}

#[test]
fn a_block_with_a_gap_or_a_dispute_is_not_folded() {
    let (mut tokyo, mut london) = writers();
    let mut here = Transfers::new();
    for number in (0..64).filter(|&number| number != 7) {
        here.record(&mut tokyo, id(1, number), pay(1)).expect("it is new");
    }
    let client = Uuid::from_u128(1);
    assert_eq!(here.fold(&mut tokyo, client), 0);
    let mut there = here.clone();
    here.record(&mut tokyo, id(1, 7), pay(1)).expect("it is new");
    there.record(&mut london, id(1, 7), pay(2)).expect("it is new there");
    here.merge(&there);
    assert_eq!(here.fold(&mut tokyo, client), 0);
    here.resolve(&mut tokyo, id(1, 7), pay(2)).unwrap();
    assert_eq!(here.fold(&mut tokyo, client), 1);
    assert_eq!(here.total().of("ben"), 65);
}

#[test]
fn what_comes_after_it_was_folded_counts_once() {
    let (mut here, mut tokyo, mut london) = folded();
    let mut away = Transfers::new();
    away.record(&mut london, id(1, 3), pay(3)).expect("it is new there");
    let total = here.total();
    here.merge(&away);
    assert_eq!(here.total(), total);
    assert!(here.disputes().is_empty());
    assert_eq!(here.get(id(1, 3)), Some(Request::Folded));
    // The next fold forgets it.
    here.fold(&mut tokyo, Uuid::from_u128(1));
    assert_eq!(here.requests().count(), 3);
    assert_eq!(here.total(), total);
}

#[test]
fn what_comes_late_and_says_something_else_is_disputed() {
    let (mut here, mut tokyo, mut london) = folded();
    let mut away = Transfers::new();
    away.record(&mut london, id(1, 3), pay(4)).expect("it is new there");
    let total = here.total();
    here.merge(&away);
    assert_eq!(here.total(), total, "what was folded has its effect");
    let disputes = here.disputes();
    assert_eq!((disputes.len(), disputes[0].id, disputes[0].folded), (1, id(1, 3), true));
    assert!(disputes[0].versions.iter().any(|version| version.value == Some(&pay(4))));
    here.fold(&mut tokyo, Uuid::from_u128(1));
    assert_eq!(here.disputes().len(), 1, "folding settles nothing");
    assert!(here.resolve(&mut tokyo, id(1, 3), pay(4)).unwrap().is_none());
    assert!(here.dismiss(&mut tokyo, id(1, 3)).is_some());
    assert!(here.disputes().is_empty());
    assert_eq!(here.total(), total);
}

#[test]
fn requests_that_were_folded_differently_are_disputed() {
    let (mut tokyo, mut london) = writers();
    let (mut here, mut there) = (Transfers::new(), Transfers::new());
    for number in 0..64 {
        here.record(&mut tokyo, id(1, number), pay(number)).expect("it is new");
        there.record(&mut london, id(1, number), pay(number + number / 63)).expect("it is new there");
    }
    here.fold(&mut tokyo, Uuid::from_u128(1));
    there.fold(&mut london, Uuid::from_u128(1));
    here.merge(&there);
    there.merge(&here);
    assert_eq!(here.total(), there.total());
    let disputes: Vec<_> = here.disputes().iter().map(|dispute| dispute.id).collect();
    assert_eq!(disputes, [id(1, 63)]);
    here.dismiss(&mut tokyo, id(1, 63));
    assert!(here.disputes().is_empty());
}

/// Which of two blocks counted went by the ids of those who had folded them, not by who was first.
#[test]
fn of_different_blocks_the_one_that_was_folded_first_counts() {
    let writer =
        |seed, millis| Writer::with_clock(ReplicaId::from_seed(seed).uuid(), move || Timestamp::from_millis(millis));
    for seeds in [(1, 2), (2, 1)] {
        let (mut early, mut late) = (writer(seeds.0, 1_000), writer(seeds.1, 2_000));
        let (mut here, mut there) = (Transfers::new(), Transfers::new());
        for number in 0..64 {
            here.record(&mut early, id(1, number), pay(1)).expect("it is new");
            there.record(&mut late, id(1, number), pay(2)).expect("it is new there");
        }
        here.fold(&mut early, Uuid::from_u128(1));
        there.fold(&mut late, Uuid::from_u128(1));
        there.merge(&here);
        assert_eq!((there.total().of("ben"), there.disputes().len()), (64, 64));
        there.dismiss(&mut late, id(1, 5));
        assert_eq!((there.total().of("ben"), there.disputes().len()), (64, 0));
    }
}

/// A forged sum at the limit made the total depend on the order of adding, which replicas do not share.
#[test]
fn forged_sums_read_alike_everywhere() {
    let (folded, ..) = folded();
    let json = serde_json::to_string(&folded).expect("it is written");
    let start = json.find("\"ben\":").expect("a sum") + "\"ben\":".len();
    let end = start + json[start..].find('}').expect("it ends");
    let json = format!("{}{}{}", &json[..start], i128::MAX, &json[end..]);
    let forged: Transfers = serde_json::from_str(&json).expect("what is in a sum cannot be checked");
    let recorded = |seed, from: &str, to: &str| {
        let mut ledger = Transfers::new();
        let transfer = Transfer { from: from.into(), to: to.into(), amount: 1_000_000 };
        ledger.record(&mut Writer::from_seed(seed), id(3, seed), transfer).expect("it is new");
        ledger
    };
    let (paid, received) = (recorded(3, "ben", "ana"), recorded(4, "ana", "ben"));
    let all = |ledgers: [&Transfers; 3]| {
        let mut all = Transfers::new();
        ledgers.into_iter().for_each(|ledger| _ = all.merge(ledger));
        all
    };
    let (one, other) = (all([&forged, &received, &paid]), all([&paid, &forged, &received]));
    assert_eq!(one, other);
    assert_eq!(one.total(), other.total());
}

/// Random histories: retries anywhere, folds, collected removals. Whatever a replica knows has its effect
/// exactly once.
#[test]
fn every_known_request_counts_once() {
    for seed in 0..60 {
        one_history(seed);
    }
}

fn one_history(seed: u64) {
    let mut random = Random::new(seed);
    let mut writers: Vec<_> = (0..3).map(|writer| Writer::from_seed(seed * 10 + writer)).collect();
    let mut ledgers = vec![Transfers::new(); 3];
    let mut known = vec![BTreeSet::new(); 3];
    let mut contents = BTreeMap::new();
    for _ in 0..900 {
        let at = random.below(3);
        match random.below(20) {
            0 => _ = ledgers[at].fold(&mut writers[at], Uuid::from_u128(1)),
            1 => ledgers[at].compact(),
            2..=4 => {
                let from = random.below(3);
                let other = ledgers[from].clone();
                ledgers[at].merge(&other);
                let theirs = known[from].clone();
                known[at].extend(theirs);
            }
            _ => {
                let number = random.below(70) as u64;
                let amount = *contents.entry(number).or_insert_with(|| random.next() % 100);
                let new = ledgers[at].record(&mut writers[at], id(1, number), pay(amount)).expect("it is the same");
                assert_eq!(matches!(new, Recorded::New(_)), known[at].insert(number), "seed {seed}");
            }
        }
        let sum: u64 = known[at].iter().map(|number| contents[number]).sum();
        assert_eq!(ledgers[at].total().of("ben"), i128::from(sum), "seed {seed}");
        assert!(ledgers[at].disputes().is_empty(), "seed {seed}");
    }
}

/// Beside other values of a store: a payment and what it pays for arrive together.
#[test]
fn in_a_store_it_is_shown_and_not_removed() {
    let (mut tokyo, mut london) = writers();
    let mut here = Watched::new(Store::new());
    here.edit(&mut tokyo, |mut store, edit| {
        store.set("orders").insert(edit, "tea".into());
        store.ledger("payments").record(edit, id(1, 300), pay(10)).expect("it is new");
    });
    let batch = here.poll_changes().expect("it was written");
    let change = batch.changes.iter().find(|change| change.named.kind == ValueKind::Ledger).expect("it is listed");
    let key = StoreKey::new(change.named.clone(), change.key.clone()).expect("it was listed");
    assert_eq!((key.request(), key.claim()), (Some(id(1, 300)), None));

    let mut there = Store::new();
    there.ledger("payments").record(&mut london, id(1, 300), pay(11)).expect("it is new there");
    there.ledger("payments").record(&mut london, id(2, 0), pay(1)).expect("it is new");
    here.merge(&Watched::new(there.clone()));
    assert_eq!(here.store().view().ledger("payments").total().of("ben"), 1);
    assert_eq!(here.store().conflicts().len(), 0, "disputes are listed by the ledger");
    let mut here = here.into_store();
    assert_eq!(here.ledger("payments").disputes().len(), 1);
    assert_eq!(here.ledger("payments").record(&mut tokyo, id(1, 300), pay(11)), Err(RecordError::Reused(id(1, 300))));
    assert!(here.ledger("payments").resolve(&mut tokyo, id(1, 300), pay(11)).unwrap().is_some());
    assert_eq!(here.remove(&mut tokyo, "payments"), None);

    for number in 0..130 {
        here.ledger("payments").record(&mut tokyo, id(3, number), pay(1)).expect("it is new");
    }
    assert_eq!(here.ledger("payments").fold(&mut tokyo, Uuid::from_u128(3)), 2);
    there.ledger("payments").record(&mut london, id(3, 64), pay(2)).expect("it is new there");
    here.merge(&there);
    assert_eq!(here.ledger("payments").get(id(3, 0)), Some(Request::Folded));
    assert!(here.ledger("payments").dismiss(&mut tokyo, id(3, 64)).is_some());
    assert_eq!(here.ledger("payments").total().of("ben"), 1 + 11 + 130);
    assert_eq!(here.ledger("payments").requests().count(), 2 + 2);

    let json = serde_json::to_string(&here).expect("it is written");
    assert_eq!(serde_json::from_str::<Store>(&json).expect("it is read"), here);
    assert_eq!(Store::decode(&here.encode(), &Limits::default()), Ok(here.clone()));
    let total = here.ledger("payments").total();
    assert_eq!(*Watched::new(here).snapshot("payments", ValueKind::Ledger), Snapshot::Ledger(total));
}

/// A request has one key: no padding, no leading zeros, nothing else.
#[test]
fn keys_that_are_none_are_refused() {
    let named = Named { name: "payments".into(), kind: ValueKind::Ledger };
    let key = |bytes: &[u8]| StoreKey::new(named.clone(), Some(Value::bytes(bytes))).map(|key| key.request());
    let client = [7; 16];
    let with = |is_block: u8, number: &[u8]| [&[is_block], &client[..], number].concat();
    let request = |number| RequestId { client: Uuid::from_bytes(client), number };
    assert_eq!(key(&with(0, &[])), Some(Some(request(0))));
    assert_eq!(key(&with(0, &[1, 0])), Some(Some(request(256))));
    assert_eq!(key(&with(0, &[255; 8])), Some(Some(request(u64::MAX))));
    assert_eq!(key(&with(1, &[5])), Some(None), "a block is no request");
    for wrong in [vec![], vec![0; 16], with(2, &[]), with(0, &[0]), with(0, &[0, 1]), with(0, &[1; 9])] {
        assert_eq!(key(&wrong), None, "{wrong:?}");
    }
    assert_eq!(StoreKey::new(named.clone(), Some("x".into())), None);
    assert_eq!(StoreKey::new(named, None), None);
}

#[cfg(feature = "mutants")]
#[test]
fn a_late_request_that_counts_twice_is_noticed() {
    use dotted::mutants::{Mutant, with};
    let broken = || with(Mutant::LateCountsTwice, every_known_request_counts_once);
    assert!(std::panic::catch_unwind(broken).is_err());
}

/// A request that cannot be written down could not be told from others: it is refused where it is recorded.
#[test]
fn what_cannot_be_written_down_is_not_recorded() {
    #[derive(Clone, PartialEq, Eq, Debug, serde::Deserialize)]
    struct Odd(u64);
    impl serde::Serialize for Odd {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            if self.0.is_multiple_of(2) {
                return Err(serde::ser::Error::custom("even"));
            }
            self.0.serialize(serializer)
        }
    }
    impl Effect for Odd {
        type Total = u64;
        fn add_to(&self, total: &mut u64) {
            *total += self.0;
        }
        fn add_up(total: &mut u64, other: &u64) {
            *total += other;
        }
    }
    let (mut ledger, mut tokyo) = (Ledger::<Odd>::new(), Writer::from_seed(1));
    let record = tokyo.record();
    assert_eq!(ledger.record(&mut tokyo, id(1, 0), Odd(2)), Err(RecordError::Unfit(id(1, 0))));
    assert_eq!(ledger.resolve(&mut tokyo, id(1, 0), Odd(2)), Err(RecordError::Unfit(id(1, 0))));
    assert!(ledger == Ledger::new() && tokyo.record() == record);
    assert!(ledger.record(&mut tokyo, id(1, 0), Odd(3)).is_ok());
    assert_eq!(ledger.record(&mut tokyo, id(1, 0), Odd(4)), Err(RecordError::Unfit(id(1, 0))));
    assert_eq!(ledger.record(&mut tokyo, id(1, 0), Odd(5)), Err(RecordError::Reused(id(1, 0))));
    assert_eq!(ledger.total(), 3);
}

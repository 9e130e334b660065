//! Groups on trial: one that fails leaves no trace in the value, its bytes, or its writer.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use common::parallel;
use common::random::Random;
use dotted::{ByName, Crdt, Edit, Limits, Mut, ReplicaId, RequestId, Store, Transfer, Writer, WriterRecord};

const KEYS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// A write to a value of any type, to keys that are there or not, in conflict or not.
fn write<'e>(store: &mut Mut<'e, ByName>, edit: &mut Edit<'e>, random: &mut Random) {
    let (name, key, value) = (KEYS[random.below(3)], KEYS[random.below(5)], random.below(4) as i64);
    match random.below(18) {
        0..3 => _ = store.set(name).insert(edit, key.into()),
        3 => _ = store.set(name).remove(edit, key),
        4 => _ = store.set(name).clear(edit),
        5..7 => _ = store.map(name).insert(edit, key.into(), value.into()),
        7 => _ = store.map(name).remove(edit, key),
        8 => _ = store.register(name).set(edit, value.into()),
        9 => _ = store.multi_register(name).set(edit, value.into()),
        10 => _ = store.flag(name).enable(edit),
        11 => _ = store.counter(name).increment(edit, value as u64),
        12 => _ = store.counter(name).reset(edit),
        13 => _ = store.record(name).set(edit, key, value.into()),
        14 => _ = store.record(name).delete(edit),
        15 => _ = store.bounded_counter(name).increment(edit, 5),
        16 => _ = store.remove(edit, name),
        _ => {
            let id = RequestId { client: uuid::Uuid::from_u128(1), number: random.below(3) as u64 };
            _ = store.ledger(name).record(
                edit,
                id,
                Transfer { from: "x".into(), to: "y".into(), amount: value as u64 },
            );
        }
    }
}

fn writes<'e>(mut store: Mut<'e, ByName>, edit: &mut Edit<'e>, random: &mut Random) {
    (0..1 + random.below(8)).for_each(|_| write(&mut store, edit, random));
}

/// Replicas among which some writes are on trial. Each that fails is compared with what was before.
fn history(seed: u64) {
    let mut random = Random::new(seed);
    let mut writers: Vec<Writer> = (1..4).map(Writer::from_seed).collect();
    let mut stores = vec![Store::new(); 3];
    for _ in 0..60 {
        let (at, from) = (random.below(3), random.below(3));
        match random.below(6) {
            0 => {
                let other = stores[from].clone();
                stores[at].merge(&other);
            }
            1 if random.chance(20) => stores[at].collect(),
            2 => stores[at].edit(&mut writers[at], |store, edit| writes(store, edit, &mut random)),
            3 => {
                let tried = stores[at].try_edit(&mut writers[at], |store, edit| {
                    writes(store, edit, &mut random);
                    Ok::<_, ()>(())
                });
                assert_eq!(tried, Ok(()));
            }
            how => {
                let before = stores[at].clone();
                let (bytes, record, usage) = (before.encode(), writers[at].record(), before.usage());
                let random = &mut random;
                let tried = catch_unwind(AssertUnwindSafe(|| {
                    stores[at].try_edit(&mut writers[at], |store, edit| {
                        writes(store, edit, random);
                        if how == 4 { Err("no") } else { resume_unwind(Box::new(())) }
                    })
                }));
                assert_eq!(tried.ok(), (how == 4).then_some(Err::<(), _>("no")), "seed {seed}");
                stores[at].assert_consistent();
                assert!(stores[at] == before && stores[at].encode() == bytes, "seed {seed}");
                assert_eq!((writers[at].record(), stores[at].usage()), (record, usage), "seed {seed}");
                assert_eq!(stores[at].branch_of(&writers[at]), before.branch_of(&writers[at]));
                // What is written next is what would have been written.
                let (mut one, mut other) = (stores[at].clone(), before);
                let next = |store: &mut Store, writer: &mut Writer| {
                    let (_, operation) = store.edit_as_operation(writer, |mut store, edit| {
                        store.register("next").set(edit, 1.into());
                    });
                    operation.map(|operation| operation.encode())
                };
                assert_eq!(next(&mut one, &mut Writer::from_seed(9)), next(&mut other, &mut Writer::from_seed(9)));
            }
        }
    }
    let other = stores[1].clone();
    stores[0].merge(&other);
    assert_eq!(Store::decode(&stores[0].encode(), &Limits::default()).as_ref(), Ok(&stores[0]));
}

#[test]
fn a_group_that_fails_leaves_no_trace() {
    parallel::for_each(0..2_000, history);
}

/// What is refused, and what finds nothing to do.
fn nothing<'e>(store: &mut Mut<'e, ByName>, edit: &mut Edit<'e>, somebody: &ReplicaId, random: &mut Random) {
    let name = KEYS[random.below(3)];
    match random.below(12) {
        0 => assert!(store.bounded_counter(name).increment(edit, 0).is_err()),
        1 => assert!(store.bounded_counter(name).try_decrement(edit, 1 << 40).is_err()),
        2 => assert!(store.bounded_counter(name).transfer(edit, &ReplicaId::from_seed(77), 1).is_err()),
        3 => assert!(store.bounded_counter(name).transfer(edit, somebody, 1 << 40).is_err()),
        4 => assert!(store.set(name).remove(edit, "nothing").is_none()),
        5 => assert!(store.map(name).remove(edit, "nothing").is_none()),
        6 => assert!(store.record(name).remove(edit, "nothing").is_none()),
        7 => assert!(store.record("nothing").delete(edit).is_none()),
        8 => assert!(store.record("nothing").restore(edit).is_empty()),
        9 => assert!(store.counter("nothing").reset(edit).is_none()),
        10 => assert!(store.remove(edit, "nothing").is_none()),
        _ => {
            let (me, others) = (uuid::Uuid::from_u128(1), [uuid::Uuid::from_u128(2)]);
            assert!(store.claims("nothing").claim(edit, "taken".into(), me, &others).is_err());
        }
    }
}

/// In which order several keys are written is not said.
fn write_to_one_key<'e>(store: &mut Mut<'e, ByName>, edit: &mut Edit<'e>, random: &mut Random) {
    let (name, key, value) = (KEYS[random.below(3)], KEYS[random.below(5)], random.below(4) as i64);
    match random.below(6) {
        0 => _ = store.set(name).insert(edit, key.into()),
        1 => _ = store.set(name).remove(edit, key),
        2 => _ = store.map(name).insert(edit, key.into(), value.into()),
        3 => _ = store.counter(name).increment(edit, value as u64),
        4 => _ = store.bounded_counter(name).increment(edit, 5),
        _ => _ = store.record(name).set(edit, key, value.into()),
    }
}

/// What comes of a history: the values and the records of the writers.
fn outcome(seed: u64, refusals: bool) -> Vec<(Vec<u8>, WriterRecord)> {
    let (mut random, mut refused) = (Random::new(seed), Random::new(seed + 1));
    let start = |at: u64| match at % 2 {
        0 => Writer::from_seed(at),
        _ => Writer::from_seed(at).after(Writer::from_seed(at + 10).reserve(3)),
    };
    let mut writers: Vec<Writer> = (1..4).map(start).collect();
    let mut stores = vec![Store::new(); 3];
    for _ in 0..40 {
        if refusals {
            // Also by a writer that has not written there.
            let (at, by) = (refused.below(3), refused.below(3));
            let record = writers[by].record();
            let somebody = stores[at].version().iter().next().map_or(ReplicaId::from_seed(77), |(id, _)| id);
            stores[at].edit(&mut writers[by], |mut store, edit| nothing(&mut store, edit, &somebody, &mut refused));
            let unwinds = AssertUnwindSafe(|| {
                stores[at].edit(&mut writers[by], |mut store, edit| {
                    _ = store.bounded_counter("a").try_decrement(edit, 1 << 40);
                    resume_unwind(Box::new(()))
                })
            });
            assert!(refused.chance(80) || catch_unwind(unwinds).is_err());
            assert_eq!(writers[by].record(), record, "seed {seed}");
            stores[at].assert_consistent();
        }
        let (at, from) = (random.below(3), random.below(3));
        if random.chance(30) {
            let other = stores[from].clone();
            stores[at].merge(&other);
        } else {
            // An older state now and then, so that branches are opened.
            let older = stores[at].clone();
            stores[at].edit(&mut writers[at], |mut store, edit| write_to_one_key(&mut store, edit, &mut random));
            if random.chance(20) {
                stores[at] = older;
            }
        }
    }
    stores.iter().zip(&writers).map(|(store, writer)| (store.encode(), writer.record())).collect()
}

#[test]
fn what_is_refused_opens_no_branch() {
    parallel::for_each(0..500, |seed| assert!(outcome(seed, true) == outcome(seed, false), "seed {seed}"));
}

#[test]
#[cfg(feature = "mutants")]
fn a_branch_that_stays_open_is_noticed() {
    use dotted::mutants::{Mutant, with};
    assert!(catch_unwind(|| with(Mutant::UnusedBranchStays, || outcome(1, true))).is_err());
}

//! Groups on trial: one that fails leaves no trace in the value, its bytes, or its writer.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use common::parallel;
use common::random::Random;
use dotted::{ByName, Crdt, Edit, Limits, Mut, RequestId, Store, Transfer, Writer};

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

//! Sound inputs, with everything in them.

use dotted::{Crdt, RequestId, Store, Transfer, Uuid, Writer};

use crate::mutate::Random;

const NAMES: [&str; 3] = ["a", "b", "c"];
const KEYS: [&str; 4] = ["milk", "tea", "", "a key that is longer than others are"];

/// Replicas of one store after some writes and merges, with conflicts, removals and several branches.
#[must_use]
pub fn stores(seed: u64) -> Vec<Store> {
    let mut random = Random::new(seed);
    let mut writers: Vec<Writer> = (1..4).map(|at| Writer::from_seed(seed * 8 + at)).collect();
    let mut stores = vec![Store::new(); 3];
    for _ in 0..10 + seed % 5 * 20 {
        let at = random.below(3);
        write(&mut stores[at], &mut writers[at], &mut random);
        if random.below(3) == 0 {
            let other = stores[random.below(3)].clone();
            _ = stores[at].merge(&other);
        }
        if random.below(20) == 0 {
            stores[at].collect();
        }
    }
    let [first, second] = [0, 1].map(|at| stores[at].clone());
    _ = stores[2].merge(&first);
    _ = stores[2].merge(&second);
    stores
}

/// One with many elements, and one with many names, so that memory is seen.
#[must_use]
pub fn large() -> [Store; 2] {
    let (mut elements, mut names) = (Store::new(), Store::new());
    let mut writer = Writer::from_seed(1);
    for at in 0..4_000 {
        elements.set("all").insert(&mut writer, at);
        elements.map("all").insert(&mut writer, format!("{at}"), at % 3 == 0);
    }
    for at in 0..1_000 {
        names.counter(&format!("counter {at}")).increment(&mut writer, 1).expect("it is small");
    }
    [elements, names]
}

/// A write to some value.
pub fn write(store: &mut Store, writer: &mut Writer, random: &mut Random) {
    let (name, key, value) = (NAMES[random.below(3)], KEYS[random.below(4)], random.next() as i64 >> random.below(64));
    match random.below(15) {
        0 => _ = store.set(name).insert(writer, key),
        1 => _ = store.set(name).remove(writer, key),
        2 => _ = store.map(name).insert(writer, key, value),
        3 => _ = store.map(name).remove(writer, key),
        4 => _ = store.register(name).set(writer, value as f64 / 7.0),
        5 => _ = store.multi_register(name).set(writer, key),
        6 => _ = store.flag(name).enable(writer),
        7 => _ = store.counter(name).increment(writer, value.unsigned_abs() >> 32),
        8 => _ = store.counter(name).reset(writer),
        9 => _ = store.record(name).set(writer, key, value),
        10 => _ = store.record(name).delete(writer),
        11 => _ = store.bounded_counter(name).increment(writer, 5),
        12 => _ = store.bounded_counter(name).try_decrement(writer, 1),
        13 => _ = store.remove(writer, name),
        _ => {
            let id = RequestId { client: Uuid::from_u128(1), number: random.below(70) as u64 };
            let transfer = Transfer { from: "x".into(), to: "y".into(), amount: 3 };
            _ = store.ledger(name).record(writer, id, transfer);
        }
    }
}

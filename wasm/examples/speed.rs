//! The bulk work of `wasm/bench/native.mjs`, without WebAssembly: nanoseconds for each item, the best of several runs.
#![allow(missing_docs)]

use std::hint::black_box;
use std::time::Instant;

use dotted::{Delta, Limits, Store, Timestamp, Value, VersionVector, Writer};
use uuid::Uuid;

const ITEMS: usize = 100_000;
const RUNS: usize = 7;

fn writer(number: u128) -> Writer {
    Writer::with_clock(Uuid::from_u128(number), || Timestamp::from_millis(1_700_000_000_000))
}

/// The best of several runs; what is made for a run is not measured.
fn measure<S, R>(name: &str, mut prepare: impl FnMut() -> S, mut run: impl FnMut(S) -> R) {
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        let prepared = prepare();
        let start = Instant::now();
        let result = black_box(run(prepared));
        best = best.min(start.elapsed().as_nanos() as f64 / ITEMS as f64);
        drop(result);
    }
    println!("{name}\t{best:.1}");
}

fn main() {
    let numbers: Vec<i64> = (0..ITEMS as i64).collect();
    let texts: Vec<String> = numbers.iter().map(|number| format!("key-{number}")).collect();
    measure(
        "set: add integers",
        || writer(1),
        |mut writer| {
            let mut store = Store::new();
            store.set("").extend(&mut writer, numbers.iter().copied());
            store
        },
    );
    measure(
        "set: add texts",
        || writer(1),
        |mut writer| {
            let mut store = Store::new();
            store.set("").extend(&mut writer, texts.iter().map(String::as_str));
            store
        },
    );
    measure(
        "map: set numbers",
        || writer(1),
        |mut writer| {
            let mut store = Store::new();
            store.map("").extend(&mut writer, texts.iter().map(|text| (text.as_str(), 1i64)));
            store
        },
    );
    let mut full = Store::new();
    full.set("").extend(&mut writer(1), texts.iter().map(String::as_str));
    // JavaScript gets texts of its own: so does this, where an application could do with those of the store.
    let text = |value: &Value| value.as_text().unwrap_or_default().to_owned();
    measure("set: read all", || (), |()| full.view().set("").iter().map(text).collect::<Vec<String>>());
    measure("encode", || (), |()| full.encode());
    let state = full.encode();
    measure("load", || (), |()| Store::decode(&state, &Limits::default()).expect("it was just encoded"));
    measure("merge into nothing", Store::new, |mut store| {
        store.try_merge(&full).expect("it fits");
        store
    });
    let mut delta = Vec::new();
    full.encode_delta_since(&VersionVector::new(), &mut delta);
    measure("apply a delta", Store::new, |mut store| {
        store.apply(Delta::decode(&delta, &Limits::default()).expect("just encoded")).expect("it fits");
        store
    });
}

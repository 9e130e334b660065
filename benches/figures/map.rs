//! `LwwMap`, the bytes of a set, and the exchanges that are usual to compare libraries by.

use std::hint::black_box;

use dotted::{Limits, LwwMap, OrSet, Writer};
use hashbrown::HashMap;

use crate::report::{Report, number};
use crate::timing::{Pair, in_turn, nanoseconds, side_by_side};
use crate::workload::*;

const SIZE: usize = 100_000;
const HASHBROWN: &str = "`hashbrown::HashMap`";

pub fn measure(report: &mut Report) {
    put(report, "its own time", || Writer::from_seed(1));
    put(report, "the system's time", Writer::new);
    codec(report);
    everyone_to_everyone(report);
    concurrent(report);
    conflicts(report);
}

fn stated(report: &mut Report, what: impl Into<String>, pair: &Pair, unit: &str, floor: &str) {
    let note = format!("{} × {} {unit} ({floor})", number(pair.ratio), number(pair.floor));
    report.stated(what, format!("{} {unit}", number(pair.ours)), note);
}

fn put(report: &mut Report, clock: &str, writer: fn() -> Writer) {
    let keys = keys(SIZE, 1);
    let again = shuffled(&keys, 2);
    let ours = || {
        let (mut map, mut writer) = (LwwMap::new(), writer());
        let put = nanoseconds(|| put_all(&mut writer, &mut map, &keys));
        [put, nanoseconds(|| put_all(&mut writer, &mut map, black_box(&again)))]
    };
    let floor = || {
        let mut map = HashMap::new();
        let put = nanoseconds(|| put_all_in_hash_map(&mut map, &keys));
        [put, nanoseconds(|| put_all_in_hash_map(&mut map, black_box(&again)))]
    };
    let samples = in_turn(21, ours, floor);
    for (stage, what) in ["put", "overwrite"].into_iter().enumerate() {
        let per_key = |nanoseconds: [f64; 2]| nanoseconds[stage] / SIZE as f64;
        let samples: Vec<_> = samples.iter().map(|&(ours, floor)| (per_key(ours), per_key(floor))).collect();
        let what = format!("`LwwMap<u64, u64>`: {what}, 100 k, {clock}");
        stated(report, what, &Pair::of(&samples), "ns", HASHBROWN);
    }
}

fn codec(report: &mut Report) {
    let keys = keys(SIZE, 1);
    let (set, floor) = (grown_set(&mut Writer::new(), &keys), grown_hash_set(&keys));
    let ours = || nanoseconds(|| black_box(&set).encode());
    let pair = side_by_side(21, 1e6, ours, || nanoseconds(|| put_keys(black_box(&floor).iter().copied())));
    stated(report, "`OrSet<u64>` of 100 k: encode", &pair, "ms", "its keys as varints");
    let (bytes, limits, plain) = (set.encode(), Limits::default(), put_keys(keys));
    let ours = || nanoseconds(|| OrSet::<u64>::decode(black_box(&bytes), &limits));
    let pair = side_by_side(21, 1e6, ours, || nanoseconds(|| take_keys(black_box(&plain), SIZE)));
    stated(report, "… decode", &pair, "ms", "varints into a `HashSet` with room for them");
}

fn everyone_to_everyone(report: &mut Report) {
    const REPLICAS: usize = 20;
    let deltas = map_deltas(REPLICAS, 500);
    let entries = |seed| put_keys(keys(500, seed).into_iter().flat_map(|key| [key, key]));
    let floor: Vec<_> = (0..REPLICAS as u64).map(entries).collect();
    let ours = || nanoseconds(|| exchange(black_box(&deltas)));
    let pair = side_by_side(15, 1e6, ours, || nanoseconds(|| exchange_in_hash_maps(black_box(&floor))));
    let what = "20 replicas with 500 keys each, all to all: decode and apply";
    stated(report, what, &pair, "ms", "the entries as varints into `HashMap`s");
    let sent = |messages: &[Vec<u8>]| messages.iter().map(Vec::len).sum::<usize>() as f64 * (REPLICAS - 1) as f64 / 1e6;
    let note = format!("keys and values alone: {} MB; a stamp per entry", number(sent(&floor)));
    report.stated("… sent", format!("{} MB", number(sent(&deltas))), note);
}

fn conflicts(report: &mut Report) {
    const OPEN: usize = 100;
    let in_conflict = |size: u64| {
        let (mut here, mut there) = (LwwMap::new(), LwwMap::new());
        let (mut a, mut b) = (Writer::new(), Writer::new());
        (0..size).for_each(|key| _ = here.insert(&mut a, key, 1));
        (0..OPEN as u64).for_each(|key| _ = there.insert(&mut b, key * size / OPEN as u64, 2));
        here.try_merge(&there).expect("it fits");
        here
    };
    let (large, small) = (in_conflict(1_000_000), in_conflict(1_000));
    let list = |map: &LwwMap<u64, u64>| nanoseconds(|| assert_eq!(black_box(map).conflicts().len(), OPEN));
    let pair = side_by_side(101, 1e3, || list(&large), || list(&small));
    stated(report, "list 100 conflicts in a map of 1 M keys", &pair, "µs", "in a map of 1 k keys");
}

fn concurrent(report: &mut Report) {
    const WRITERS: usize = 1_540;
    let deltas = concurrent_puts(WRITERS);
    let floor: Vec<_> = (0..WRITERS as u64).map(|number| put_keys([0, number])).collect();
    let ours = || {
        let mut map = LwwMap::new();
        nanoseconds(|| apply_all(&mut map, black_box(&deltas)))
    };
    let theirs = || {
        let mut map = HashMap::new();
        nanoseconds(|| floor.iter().for_each(|bytes| take_entries(&mut map, black_box(bytes))))
    };
    let pair = side_by_side(9, 1e6, ours, theirs);
    let what = "1,540 writers set one key of a map at once: decode and apply all";
    stated(report, what, &pair, "ms", HASHBROWN);
    let mut map = LwwMap::new();
    apply_all(&mut map, &deltas);
    let conflict = map.encode().len() as f64;
    map.resolve(&mut Writer::new(), 0, 0);
    let note = format!("all versions are in it; once resolved, {} B", number(map.encode().len() as f64));
    report.stated("… document", format!("{} B", number(conflict)), note);
}

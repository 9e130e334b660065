//! `LwwMap<u64, u64>` beside `hashbrown::HashMap<u64, u64>`.

mod workload;

use criterion::{BatchSize, Criterion, Throughput};
use dotted::{LwwMap, Writer};
use hashbrown::HashMap;
use workload::*;

const SIZE: usize = 100_000;

/// A writer's clock is read at every put: one that only counts, and the system's.
fn clocks() -> [(&'static str, Writer); 2] {
    [("counted", Writer::from_seed(1)), ("system", Writer::new())]
}

fn put(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("map/put 100 k");
    group.sample_size(20).throughput(Throughput::Elements(SIZE as u64));
    let keys = keys(SIZE, 1);
    for (clock, mut writer) in clocks() {
        group.bench_function(format!("dotted, {clock} time"), |bencher| {
            bencher.iter_batched_ref(LwwMap::new, |map| put_all(&mut writer, map, &keys), BatchSize::PerIteration);
        });
    }
    group.bench_function("hashbrown", |bencher| {
        bencher.iter_batched_ref(HashMap::new, |map| put_all_in_hash_map(map, &keys), BatchSize::PerIteration);
    });
    group.finish();
}

fn overwrite(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("map/overwrite 100 k");
    group.sample_size(20).throughput(Throughput::Elements(SIZE as u64));
    let keys = keys(SIZE, 1);
    let again = shuffled(&keys, 2);
    for (clock, mut writer) in clocks() {
        let mut map = LwwMap::new();
        put_all(&mut writer, &mut map, &keys);
        group.bench_function(format!("dotted, {clock} time"), |bencher| {
            bencher.iter(|| put_all(&mut writer, &mut map, &again));
        });
    }
    let mut map = HashMap::new();
    put_all_in_hash_map(&mut map, &keys);
    group.bench_function("hashbrown", |bencher| bencher.iter(|| put_all_in_hash_map(&mut map, &again)));
    group.finish();
}

fn everyone_to_everyone(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("map/20 replicas with 500 keys, all to all");
    group.sample_size(10);
    let deltas = map_deltas(20, 500);
    let floor: Vec<_> = (0..20).map(|seed| put_keys(keys(500, seed).into_iter().flat_map(|key| [key, key]))).collect();
    group.bench_function("dotted", |bencher| bencher.iter_with_large_drop(|| exchange(&deltas)));
    group.bench_function("hashbrown", |bencher| bencher.iter_with_large_drop(|| exchange_in_hash_maps(&floor)));
    group.finish();
}

fn concurrent(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("map/1,540 writers set one key");
    group.sample_size(10);
    let deltas = concurrent_puts(1_540);
    group.bench_function("dotted", |bencher| {
        bencher.iter_batched_ref(LwwMap::new, |map| apply_all(map, &deltas), BatchSize::PerIteration);
    });
    let floor: Vec<_> = (0..1_540).map(|number| put_keys([0, number])).collect();
    group.bench_function("hashbrown", |bencher| {
        let take = |map: &mut _| floor.iter().for_each(|bytes| take_entries(map, bytes));
        bencher.iter_batched_ref(HashMap::new, take, BatchSize::PerIteration);
    });
    group.finish();
}

fn main() {
    workload::run(&[put, overwrite, everyone_to_everyone, concurrent]);
}

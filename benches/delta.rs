//! Deltas of 1,000 changes: making them and taking them in cost the changes, not the set.

mod workload;

use std::hint::black_box;

use criterion::{BatchSize, Criterion};
use hashbrown::HashSet;
use workload::*;

const CHANGES: usize = 1_000;

fn delta_since(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("delta/delta_since of 1,000 changes");
    group.sample_size(20);
    for (name, size) in [("10 k", 10_000), ("1 M", 1_000_000), ("10 M", 10_000_000)] {
        let changed = Changed::new(size, CHANGES);
        let make = || changed.after.delta_since(black_box(changed.known()));
        group.bench_function(format!("dotted, {name}"), |bencher| bencher.iter_with_large_drop(make));
    }
    let keys = keys(CHANGES, 1);
    group.bench_function("the keys in a new vector", |bencher| {
        bencher.iter_with_large_drop(|| black_box(&keys).clone());
    });
    group.finish();
}

fn apply(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("delta/apply 1,000 changes to 1 M");
    group.sample_size(10);
    let size = BatchSize::PerIteration;
    let Changed { before, after, changes } = Changed::new(1_000_000, CHANGES);
    let delta = after.delta_since(before.version());
    group.bench_function("dotted", |bencher| {
        let prepare = || (before.clone(), Some(delta.clone()));
        bencher.iter_batched_ref(prepare, |(set, delta)| set.apply(delta.take().expect("taken once")), size);
    });
    let before: HashSet<u64> = grown_hash_set(&keys(1_000_000, 1));
    group.bench_function("hashbrown", |bencher| {
        bencher.iter_batched_ref(|| before.clone(), |set| changes.make_in_hash_set(set), size);
    });
    group.finish();
}

fn main() {
    workload::run(&[delta_since, apply]);
}

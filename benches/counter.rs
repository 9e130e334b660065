//! `GCounter`: increments beside an addition, merges beside a pairwise maximum.

mod workload;

use std::hint::black_box;

use criterion::{BatchSize, Criterion};
use dotted::{Crdt, GCounter, Writer};
use workload::*;

fn increment(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("counter/increment");
    let (mut counter, mut writer) = (GCounter::new(), Writer::from_seed(1));
    group.bench_function("dotted", |bencher| {
        bencher.iter(|| counter.increment(&mut writer, black_box(1)).expect("not that many").counter);
    });
    let mut totals = [0u64; 4];
    group.bench_function("an addition", |bencher| bencher.iter(|| totals[black_box(1)] += black_box(1)));
    group.finish();
}

fn merge(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("counter/merge 1,000 writers");
    let Counters { mut counter, other_order, newer } = Counters::new(1_000);
    let same = counter.clone();
    group.bench_function("equal", |bencher| bencher.iter(|| counter.merge(black_box(&same))));
    group.bench_function("equal, another order", |bencher| bencher.iter(|| counter.merge(black_box(&other_order))));
    group.bench_function("500 newer", |bencher| {
        bencher.iter_batched_ref(|| counter.clone(), |counter| counter.merge(&newer), BatchSize::SmallInput);
    });
    group.bench_function("500 newer, another order", |bencher| {
        bencher.iter_batched_ref(|| other_order.clone(), |counter| counter.merge(&newer), BatchSize::SmallInput);
    });
    let (mut mine, theirs) = ([1; 1_000], [2; 1_000]);
    group.bench_function("a pairwise maximum", |bencher| {
        bencher.iter(|| pairwise_maximum(black_box(&mut mine), black_box(&theirs)));
    });
    group.finish();
}

fn main() {
    workload::run(&[increment, merge]);
}

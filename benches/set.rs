//! `OrSet<u64>` beside `hashbrown::HashSet<u64>`: growing, lookups, shrinking, merging.

mod workload;

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use dotted::{Crdt, Writer};
use hashbrown::HashSet;
use workload::*;

const SIZE: usize = 1_000_000;
const MERGED: usize = 100_000;

fn group<'a>(criterion: &'a mut Criterion, name: &str, elements: usize) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10).throughput(Throughput::Elements(elements as u64));
    group
}

fn insert(criterion: &mut Criterion) {
    let keys = keys(SIZE, 1);
    let mut group = group(criterion, "set/insert 1 M", SIZE);
    let grow = || grown_set(&mut Writer::from_seed(1), &keys);
    group.bench_function("dotted", |bencher| bencher.iter_with_large_drop(grow));
    group.bench_function("hashbrown", |bencher| bencher.iter_with_large_drop(|| grown_hash_set(&keys)));
    group.finish();
}

fn contains(criterion: &mut Criterion) {
    let keys = keys(SIZE, 1);
    let (set, floor) = (grown_set(&mut Writer::from_seed(1), &keys), grown_hash_set(&keys));
    for (name, asked) in [("there", shuffled(&keys, 2)), ("not there", workload::keys(SIZE, 3))] {
        let mut group = group(criterion, &format!("set/contains in 1 M, {name}"), SIZE);
        group.bench_function("dotted", |bencher| bencher.iter(|| count_in_set(&set, black_box(&asked))));
        group.bench_function("hashbrown", |bencher| bencher.iter(|| count_in_hash_set(&floor, black_box(&asked))));
        group.finish();
    }
}

fn remove(criterion: &mut Criterion) {
    let keys = keys(SIZE, 1);
    let removed = shuffled(&keys, 2);
    let mut group = group(criterion, "set/remove 1 M", SIZE);
    let grow = || {
        let mut writer = Writer::from_seed(1);
        (grown_set(&mut writer, &keys), writer)
    };
    let size = BatchSize::PerIteration;
    group.bench_function("dotted", |bencher| {
        let shrink = |(set, writer): &mut (_, _)| shrink_set(writer, set, &removed);
        bencher.iter_batched_ref(grow, shrink, size);
    });
    group.bench_function("hashbrown", |bencher| {
        bencher.iter_batched_ref(|| grown_hash_set(&keys), |set| shrink_hash_set(set, &removed), size);
    });
    group.finish();
}

fn merge_equal(criterion: &mut Criterion) {
    let mut group = group(criterion, "set/merge two equal of 100 k", 1);
    let [mut left, mut right] = disjoint_sets(MERGED / 2);
    left.merge(&right);
    right.merge(&left);
    group.bench_function("dotted", |bencher| bencher.iter(|| left.merge(black_box(&right))));
    let mut left = grown_hash_set(&keys(MERGED, 1));
    let right = left.clone();
    group.bench_function("hashbrown", |bencher| bencher.iter(|| left.extend(black_box(&right))));
    group.finish();
}

fn merge_disjoint(criterion: &mut Criterion) {
    let mut group = group(criterion, "set/merge two disjoint of 100 k", MERGED);
    let size = BatchSize::PerIteration;
    let [left, right] = disjoint_sets(MERGED);
    group.bench_function("dotted", |bencher| {
        bencher.iter_batched_ref(|| left.clone(), |left| left.merge(&right), size);
    });
    let [left, right] = disjoint_hash_sets(MERGED);
    group.bench_function("hashbrown, in place", |bencher| {
        bencher.iter_batched_ref(|| left.clone(), |left| left.extend(&right), size);
    });
    group.bench_function("hashbrown, a new one", |bencher| {
        bencher.iter_with_large_drop(|| left.union(&right).copied().collect::<HashSet<u64>>());
    });
    group.finish();
}

fn main() {
    workload::run(&[insert, contains, remove, merge_equal, merge_disjoint]);
}

//! Encoding and decoding a set of 100 k beside writing its keys down and reading them into a
//! `hashbrown::HashSet<u64>`.

mod workload;

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use dotted::{Limits, OrSet, Writer};
use workload::*;

const SIZE: usize = 100_000;

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("codec/encode a set of 100 k");
    group.sample_size(20).throughput(Throughput::Elements(SIZE as u64));
    let keys = keys(SIZE, 1);
    let (set, floor) = (grown_set(&mut Writer::new(), &keys), grown_hash_set(&keys));
    group.bench_function("dotted", |bencher| bencher.iter_with_large_drop(|| black_box(&set).encode()));
    group.bench_function("dotted, the canonical view", |bencher| {
        bencher.iter_with_large_drop(|| black_box(&set).canonical());
    });
    group.bench_function("hashbrown", |bencher| {
        bencher.iter_with_large_drop(|| put_keys(black_box(&floor).iter().copied()));
    });
    group.finish();
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("codec/decode a set of 100 k");
    group.sample_size(20).throughput(Throughput::Elements(SIZE as u64));
    let keys = keys(SIZE, 1);
    let bytes = grown_set(&mut Writer::new(), &keys).encode();
    let limits = Limits::default();
    group.bench_function("dotted", |bencher| {
        bencher.iter_with_large_drop(|| OrSet::<u64>::decode(black_box(&bytes), &limits));
    });
    let floor = put_keys(keys);
    group.bench_function("hashbrown", |bencher| bencher.iter_with_large_drop(|| take_keys(black_box(&floor), SIZE)));
    group.finish();
}

fn main() {
    workload::run(&[encode, decode]);
}

//! What 10,000 writers cost beside 10, and what their version vector costs by itself.

mod workload;

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion};
use dotted::{Crdt, MvRegister, VersionVector, Writer};
use workload::*;

const SIZE: usize = 100_000;

fn changes(criterion: &mut Criterion) {
    for count in [10, 10_000] {
        let ByWriters { mut here, there, mut writers } = ByWriters::new(SIZE, count);
        let mut group = criterion.benchmark_group("writers/one change");
        group.sample_size(20);
        let writer = &mut writers[count / 2];
        let mut fresh = keys(1 << 20, 4).into_iter().cycle();
        let mut next = || fresh.next().expect("it has no end");
        here.insert(writer, next());
        let known = there.version().clone();
        let delta = here.delta_since(&known);
        let id = |name| BenchmarkId::new(name, count);
        group.bench_function(id("merge"), |bencher| {
            bencher.iter_batched_ref(|| there.clone(), |there| there.merge(&here), BatchSize::PerIteration);
        });
        group.bench_function(id("delta_since"), |bencher| {
            bencher.iter_with_large_drop(|| here.delta_since(black_box(&known)));
        });
        group.bench_function(id("apply"), |bencher| {
            let prepare = || (there.clone(), Some(delta.clone()));
            let apply = |(there, delta): &mut (dotted::OrSet<u64>, Option<_>)| {
                there.apply(delta.take().expect("taken once")).expect("it builds on this")
            };
            bencher.iter_batched_ref(prepare, apply, BatchSize::PerIteration);
        });
        group.bench_function(id("insert"), |bencher| bencher.iter(|| here.insert(writer, next()).counter));
        group.finish();
    }
}

/// Many write to one key without having seen each other, and one takes in what one more has written.
fn clients(criterion: &mut Criterion) {
    let first_write = |client| {
        let mut value = MvRegister::new();
        value.set(&mut Writer::from_seed(client), client);
        value.delta_since(&VersionVector::new())
    };
    let mut group = criterion.benchmark_group("writers/one more client");
    group.sample_size(20);
    for count in [10, 10_000] {
        let mut there = MvRegister::new();
        let mut take = |client| there.apply(first_write(client)).expect("it builds on nothing").events;
        (0..count).for_each(|client| _ = take(client));
        let (last, next) = (first_write(count), first_write(count + 1));
        // A copy shares its table of ids until it meets a new one.
        let prepare = || {
            let mut there = there.clone();
            _ = there.apply(last.clone());
            (there, Some(next.clone()))
        };
        group.bench_function(BenchmarkId::new("apply", count), |bencher| {
            let apply = |(there, delta): &mut (MvRegister<u64>, Option<_>)| {
                there.apply(delta.take().expect("taken once")).expect("it builds on nothing")
            };
            bencher.iter_batched_ref(prepare, apply, BatchSize::PerIteration);
        });
    }
    group.finish();
}

fn vector(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("writers/version vector");
    for count in [10, 10_000] {
        let ByWriters { here, .. } = ByWriters::new(SIZE, count);
        let (mut mine, theirs) = (here.version().clone(), here.version().clone());
        let id = |name| BenchmarkId::new(name, count);
        group.bench_function(id("compare"), |bencher| bencher.iter(|| black_box(&mine).is_within(black_box(&theirs))));
        group.bench_function(id("clone"), |bencher| bencher.iter(|| black_box(&theirs).clone()));
        group.bench_function(id("join"), |bencher| bencher.iter(|| mine.join(black_box(&theirs))));
    }
    group.finish();
}

fn main() {
    workload::run(&[changes, clients, vector]);
}

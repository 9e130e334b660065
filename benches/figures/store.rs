//! Many values in one `Store`: how cost grows with names, elements, writers and changes.

use std::hint::black_box;

use dotted::{Crdt, OrSet, Store, Value, ValueKind, VersionVector, Watched, Writer};

use crate::memory::live_bytes;
use crate::report::{Report, number};
use crate::timing::{Pair, in_turn, median, nanoseconds, side_by_side};
use crate::workload::{keys, shuffled};

/// So many are touched to measure one.
const TOUCHED: usize = 1_000;
const ROUNDS: usize = 101;

pub fn measure(report: &mut Report) {
    let sizes = |sizes: [usize; 3], of: &dyn Fn(usize) -> Costs| sizes.map(|size| (size, of(size)));
    let [few, some, many] = sizes([10, 1_000, 100_000], &of_names);
    grown(report, "names", &few, &[&some, &many]);
    let [few, some, many] = sizes([1_000, 100_000, 1_000_000], &of_elements);
    grown(report, "elements in one name", &few, &[&some, &many]);
    beside_a_set(report, 1_000);
    beside_a_set(report, 1_000_000);
    by_writers(report);
    by_changes(report);
    watched(report);
}

fn name(number: usize) -> String {
    format!("name {number:06}")
}

/// Nanoseconds for one; bytes.
struct Costs {
    insert: f64,
    contains: f64,
    find: f64,
    list: f64,
    delta_since: f64,
    apply: f64,
    memory: f64,
}

/// One element under each of the names; what is measured is about some of them.
fn of_names(names: usize) -> Costs {
    let mut writer = Writer::from_seed(1);
    let _ = Store::new().set("").insert(&mut writer, 0);
    let before = live_bytes();
    let mut store = Store::new();
    (0..names).for_each(|number| _ = store.set(&name(number)).insert(&mut writer, 0));
    let memory = (live_bytes() - before) as f64 / names as f64;
    // All names if there are few, and otherwise some all over.
    let touched: Vec<_> = (0..TOUCHED).map(|at| name(keys(TOUCHED, 7)[at] as usize % names)).collect();
    costs(store, writer, memory, &touched)
}

fn of_elements(elements: usize) -> Costs {
    let mut writer = Writer::from_seed(1);
    let _ = Store::new().set("").insert(&mut writer, 0);
    let before = live_bytes();
    let mut store = Store::new();
    keys(elements, 1).into_iter().for_each(|key| _ = store.set("name").insert(&mut writer, key as i64));
    let memory = (live_bytes() - before) as f64 / elements as f64;
    costs(store, writer, memory, &vec!["name".into(); TOUCHED])
}

fn costs(mut store: Store, mut writer: Writer, memory: f64, touched: &[String]) -> Costs {
    let count = touched.len() as f64;
    let mut there = store.clone();
    let mut samples = Vec::new();
    let mut next = 1i64;
    for _ in 0..11 {
        let new = next;
        let insert = nanoseconds(|| {
            for name in touched {
                store.set(name).insert(&mut writer, black_box(next));
                next += 1;
            }
        });
        let contains = nanoseconds(|| {
            let is_there = |(name, value): (&String, i64)| store.view().set(name).contains(&Value::from(value));
            assert!(touched.iter().zip(new..).all(is_there));
        });
        let find = nanoseconds(|| touched.iter().filter(|name| !store.view().set(name).is_empty()).count());
        // Of those with a common beginning, at most a hundred.
        let beginning = touched[0].len() - 2.min(touched[0].len() - 1);
        let prefix = &touched[0][..beginning];
        let mut listed = 0;
        let list = nanoseconds(|| listed = black_box(&store).names_with(prefix).count()) / listed as f64 * count;
        there.merge(&store);
        samples.push([insert / count, contains / count, find / count, list / count]);
    }
    let mut deltas = Vec::new();
    for _ in 0..ROUNDS {
        for name in &touched[..100] {
            store.set(name).insert(&mut writer, next);
            next += 1;
        }
        let since = there.version().clone();
        let delta_since = nanoseconds(|| store.delta_since(black_box(&since)));
        let delta = store.delta_since(&since);
        let apply = nanoseconds(|| there.apply(delta).expect("it is next"));
        deltas.push([delta_since / 100.0, apply / 100.0]);
    }
    let of = |column: usize| median(samples.iter().map(|row| row[column]));
    let of_delta = |column: usize| median(deltas.iter().map(|row: &[f64; 2]| row[column]));
    Costs {
        insert: of(0),
        contains: of(1),
        find: of(2),
        list: of(3),
        delta_since: of_delta(0),
        apply: of_delta(1),
        memory,
    }
}

/// What is looked up is further away where there is more: a look-up fetches lines of memory. Only deltas have a goal.
fn grown(report: &mut Report, of: &str, few: &(usize, Costs), more: &[&(usize, Costs)]) {
    let all: Vec<_> = [few].into_iter().chain(more.iter().copied()).collect();
    let sizes: Vec<_> = all.iter().map(|(size, _)| number(*size as f64)).collect();
    let sizes = sizes.join("; ");
    let each = |cost: &dyn Fn(&Costs) -> f64| -> String {
        let figures: Vec<_> = all.iter().map(|(_, costs)| number(cost(costs))).collect();
        figures.join("; ")
    };
    let mut stated = |what: &str, unit: &str, cost: &dyn Fn(&Costs) -> f64| {
        report.stated(what, format!("{} {unit}", each(cost)), if unit == "B" { "" } else { "a busy machine shows" });
    };
    stated(&format!("`Store` with {sizes} {of}: `set(name).insert`"), "ns", &|costs| costs.insert);
    stated("… `view().set(name).contains`", "ns", &|costs| costs.contains);
    stated("… finding a name", "ns", &|costs| costs.find);
    if of == "names" {
        stated("… `names_with(prefix)`, per name listed, at most 100", "ns", &|costs| costs.list);
    }
    let what = if of == "names" {
        "… memory per name, with a set of one integer"
    } else {
        "… memory per element, an integer"
    };
    stated(what, "B", &|costs| costs.memory);
    let (_, last) = more.last().expect("two sizes");
    let ratio = last.delta_since / few.1.delta_since;
    let note = format!("per change {} ns", each(&|costs| costs.delta_since));
    report.at_most("… `delta_since` for 100 changes, the greatest against the smallest", 1.5, "×", ratio, note);
    let note = format!("{} ns", each(&|costs| costs.apply));
    report.at_most("… `apply` of it to the greatest, per changed key", 150.0, "ns", last.apply, note);
}

/// A name with elements, and a set that stands by itself.
fn beside_a_set(report: &mut Report, size: usize) {
    let (inserted, mut writers) = (keys(size, 1), [Writer::from_seed(1), Writer::from_seed(2)]);
    let looked_up = shuffled(&inserted, 2);
    let [mut own, mut alone] = writers.each_mut().map(Some);
    let (own, alone) = (own.take().expect("one"), alone.take().expect("two"));
    let repeat = (100_000 / size).max(1);
    let ours = || {
        let mut times = [0.0; 2];
        for _ in 0..repeat {
            let mut store = Store::new();
            times[0] += nanoseconds(|| {
                inserted.iter().for_each(|&key| _ = store.set("cart").insert(own, key as i64));
            });
            let is_there = |&key: &u64| store.view().set("cart").contains(&Value::from(key as i64));
            times[1] += nanoseconds(|| assert!(black_box(&looked_up).iter().all(is_there)));
        }
        times
    };
    let floor = || {
        let mut times = [0.0; 2];
        for _ in 0..repeat {
            let mut set = OrSet::new();
            times[0] += nanoseconds(|| {
                inserted.iter().for_each(|&key| _ = set.insert(alone, Value::from(key as i64)));
            });
            let is_there = |&key: &u64| set.contains(&Value::from(key as i64));
            times[1] += nanoseconds(|| assert!(black_box(&looked_up).iter().all(is_there)));
        }
        times
    };
    let samples = in_turn(if size > 100_000 { 5 } else { 15 }, ours, floor);
    for (column, what) in ["insert, growing to", "contains, of"].into_iter().enumerate() {
        let each = |times: [f64; 2]| times[column] / (size * repeat) as f64;
        let pairs: Vec<_> = samples.iter().map(|&(ours, floor)| (each(ours), each(floor))).collect();
        let pair = Pair::of(&pairs);
        let what = format!("set of a `Store` beside an `OrSet<Value>`: {what} {}", number(size as f64));
        report.stated(what, format!("{} ×", number(pair.ratio)), pair.describe("ns", "`OrSet<Value>`"));
    }
}

/// Elements by so many writers; then changes by one of them.
fn by_writers(report: &mut Report) {
    let costs = |count: usize| {
        let mut writers: Vec<_> = (0..count as u64).map(Writer::from_seed).collect();
        let mut store = Store::new();
        for (at, key) in keys(100_000, 1).into_iter().enumerate() {
            store.set(&name(at % 100)).insert(&mut writers[at % count], key as i64);
        }
        let mut there = store.clone();
        let mut samples = Vec::new();
        for round in 0..ROUNDS {
            let fresh = keys(200, 100 + round as u64);
            let writer = &mut writers[count / 2];
            let touched = name(round % 100);
            let insert = nanoseconds(|| {
                fresh[..100].iter().for_each(|&key| _ = store.set(&touched).insert(writer, key as i64));
            });
            there.merge(&store);
            store.set(&touched).insert(writer, fresh[100] as i64);
            let since = there.version().clone();
            let delta_since = nanoseconds(|| store.delta_since(black_box(&since)));
            let delta = store.delta_since(&since);
            let apply = nanoseconds(|| there.apply(delta).expect("it is next"));
            let vector = nanoseconds(|| {
                let mut copy = black_box(&since).clone();
                copy.join(black_box(store.version()));
                assert!(since.is_within(&copy));
            });
            samples.push([insert / 100.0, delta_since, apply, vector]);
        }
        [0, 1, 2, 3].map(|column| median(samples.iter().map(|row: &[f64; 4]| row[column])))
    };
    let [few, some, many] = [10, 1_000, 10_000].map(costs);
    let rows = [
        "insert",
        "… `delta_since` for one change",
        "… `apply` of it",
        "… a clone, a join and a comparison of its vector",
    ];
    for (column, what) in rows.into_iter().enumerate() {
        let what = if column == 0 { format!("`Store` with 10; 1,000; 10,000 writers: {what}") } else { what.into() };
        let figures = [&few, &some, &many].map(|costs| number(costs[column])).join("; ");
        if column == 3 {
            report.stated(what, format!("{figures} ns"), "what the vector costs by itself");
        } else {
            let vector = if column == 0 { 0.0 } else { many[3] };
            let ratio = many[column] / (few[column] + vector);
            let own = if column == 0 { "" } else { "; the vector's own cost is taken off" };
            report.at_most(format!("{what}, 10,000 against 10"), 1.5, "×", ratio, format!("{figures} ns{own}"));
        }
    }
}

fn by_changes(report: &mut Report) {
    let costs = |changes: usize| {
        let mut writer = Writer::from_seed(1);
        let mut store = Store::new();
        for (at, key) in keys(100_000, 1).into_iter().enumerate() {
            store.set(&name(at % 1_000)).insert(&mut writer, key as i64);
        }
        let mut there = store.clone();
        let mut samples = Vec::new();
        for round in 0..(30_000 / changes).clamp(5, ROUNDS) {
            for (at, key) in keys(changes, 100 + round as u64).into_iter().enumerate() {
                store.set(&name((at * 7 + round) % 1_000)).insert(&mut writer, key as i64);
            }
            let since = there.version().clone();
            let delta_since = nanoseconds(|| store.delta_since(black_box(&since)));
            let delta = store.delta_since(&since);
            let apply = nanoseconds(|| there.apply(delta).expect("it is next"));
            samples.push([delta_since, apply]);
        }
        [0, 1].map(|column| median(samples.iter().map(|row: &[f64; 2]| row[column])) / changes as f64)
    };
    let all = [1, 100, 10_000].map(costs);
    for (column, what) in ["`delta_since`", "`apply`"].into_iter().enumerate() {
        let figures = all.map(|costs| number(costs[column])).join("; ");
        let what =
            format!("`Store` of 100,000 elements under 1,000 names: {what} for 1; 100; 10,000 changes, per change");
        report.stated(what, format!("{figures} ns"), "a busy machine shows");
    }
}

/// What it costs that changes are told.
fn watched(report: &mut Report) {
    let mut writers = [Writer::from_seed(1), Writer::from_seed(2)];
    let mut store = Store::new();
    for (at, key) in keys(100_000, 1).into_iter().enumerate() {
        store.set(&name(at % 1_000)).insert(&mut writers[0], key as i64);
    }
    let source = store.clone();
    let (mut plain, mut watched) = (store.clone(), Watched::new(store));
    let [here, there] = &mut writers;
    let (mut ours, mut theirs) = (keys(1_000_000, 5).into_iter(), keys(1_000_000, 5).into_iter());
    let names: Vec<_> = (0..1_000).map(name).collect();
    let one_each = || {
        nanoseconds(|| {
            for name in &names {
                let key = ours.next().expect("enough") as i64;
                watched.edit(here, |mut store, edit| store.set(name).insert(edit, key.into()));
                black_box(watched.poll_changes());
            }
        })
    };
    let floor = || {
        nanoseconds(|| {
            for name in &names {
                let key = theirs.next().expect("enough") as i64;
                plain.edit(there, |mut store, edit| store.set(name).insert(edit, key.into()));
            }
        })
    };
    let pair = side_by_side(31, 1e3, one_each, floor);
    let note = pair.describe("ns", "the same in a `Store`");
    report.stated("`Watched`: one change and its batch", format!("{} ×", number(pair.ratio)), note);
    let mut writer = Writer::from_seed(3);
    let mut ahead = source.clone();
    let mut deltas = Vec::new();
    let mut seen: VersionVector = source.version().clone();
    for round in 0..31 {
        for (at, key) in keys(100, 200 + round).into_iter().enumerate() {
            ahead.set(&names[at * 7]).insert(&mut writer, key as i64);
        }
        deltas.push(ahead.delta_since(&seen));
        seen = ahead.version().clone();
    }
    let (mut plain, mut watched) = (source.clone(), Watched::new(source));
    _ = watched.snapshot(&names[0], ValueKind::Set);
    let (mut ours, mut theirs) = (deltas.clone().into_iter(), deltas.into_iter());
    let take = || {
        let delta = ours.next().expect("one for each");
        nanoseconds(|| {
            dotted::DeltaCrdt::apply(&mut watched, delta).expect("it is next");
            watched.poll_changes()
        })
    };
    let floor = || {
        let delta = theirs.next().expect("one for each");
        nanoseconds(|| plain.apply(delta).expect("it is next"))
    };
    let pair = side_by_side(31, 100.0, take, floor);
    let note = format!("per change {}", pair.describe("ns", "the same in a `Store`"));
    report.stated("… a delta of 100 changes and its batch", format!("{} ×", number(pair.ratio)), note);
}

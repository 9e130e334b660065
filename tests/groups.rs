//! Groups of writes: of concurrent ones over the same keys one wins as a whole.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};

use common::parallel;
use common::random::Random;
use dotted::{
    Causal, CausalInbox, Crdt, FragmentCodec, Limits, LwwMap, LwwRegisterBody, MapBody, RecordBody, ReplicaId, Store,
    StoreBody, Timestamp, UpdateWins, Version, Writer,
};

type Parts = (LwwRegisterBody<u64>, MapBody<u8, u64>, RecordBody<u64, UpdateWins>);

/// The keys that are written as one are 0 to 4; beside them, anybody may write the key 5 alone.
const KEYS: usize = 5;
const BESIDE: usize = KEYS;

trait Grouped {
    /// Writes a value to these keys in this order. Then the edit returns, or panics.
    fn write(&mut self, writer: &mut Writer, value: u64, order: &[usize], returns: bool);
    /// What the keys show, and when it was written.
    fn shown(&self) -> [Option<(u64, Timestamp)>; KEYS];
}

fn last(versions: Vec<Version<u64>>) -> Option<(u64, Timestamp)> {
    let last = versions.into_iter().max_by_key(|version| (version.timestamp, version.dot))?;
    last.value.zip(last.timestamp)
}

fn values<V>(versions: Vec<Version<&V>>, value: impl Fn(&V) -> u64) -> Vec<Version<u64>> {
    let value = |version: Version<&V>| Version {
        value: version.value.map(&value),
        deleted: version.deleted,
        dot: version.dot,
        timestamp: version.timestamp,
    };
    versions.into_iter().map(value).collect()
}

impl Grouped for Causal<Parts> {
    fn write(&mut self, writer: &mut Writer, value: u64, order: &[usize], returns: bool) {
        self.edit(writer, |(mut register, mut map, mut record), edit| {
            for &key in order {
                _ = match key {
                    0 => register.set(edit, value),
                    1 | 2 | BESIDE => map.insert(edit, key as u8, value),
                    3 => record.set(edit, "a", value),
                    _ => record.set(edit, "b", value),
                };
            }
            assert!(returns, "as planned");
        });
    }

    fn shown(&self) -> [Option<(u64, Timestamp)>; KEYS] {
        let (register, map, record) = self.view();
        let versions =
            [register.versions(), map.versions(&1), map.versions(&2), record.versions("a"), record.versions("b")];
        versions.map(|versions| last(values(versions, |value| *value)))
    }
}

impl Grouped for Store {
    fn write(&mut self, writer: &mut Writer, value: u64, order: &[usize], returns: bool) {
        let value = || (value as i64).into();
        self.edit(writer, |mut store, edit| {
            for &key in order {
                _ = match key {
                    0 => store.register("r").set(edit, value()),
                    1 => store.map("m").insert(edit, "k".into(), value()),
                    2 => store.map("n").insert(edit, "k".into(), value()),
                    3 => store.record("a").set(edit, "f", value()),
                    BESIDE => store.register("beside").set(edit, value()),
                    _ => store.record("b").set(edit, "f", value()),
                };
            }
            assert!(returns, "as planned");
        });
    }

    fn shown(&self) -> [Option<(u64, Timestamp)>; KEYS] {
        let view = self.view();
        let versions = [
            view.register("r").versions(),
            view.map("m").versions("k"),
            view.map("n").versions("k"),
            view.record("a").versions("f"),
            view.record("b").versions("f"),
        ];
        versions.map(|versions| last(values(versions, |value| value.as_integer().unwrap() as u64)))
    }
}

/// A writer with a clock that is wrong in its own way.
fn writer(seed: u64, random: &mut Random) -> Writer {
    let (start, pace) = ([0, 5, 1_000_000][random.below(3)], random.below(3) as u64);
    let ticks = std::sync::atomic::AtomicU64::new(start);
    Writer::with_clock(ReplicaId::from_seed(seed).uuid(), move || {
        Timestamp::from_millis(ticks.fetch_add(pace, std::sync::atomic::Ordering::Relaxed))
    })
}

/// Replicas that write whole groups and exchange what they know in any way.
fn history<F: FragmentCodec>(seed: u64) -> Result<(), String>
where
    Causal<F>: Grouped + Clone,
{
    let mut random = Random::new(seed);
    let replicas = 2 + random.below(3);
    let mut writers: Vec<Writer> = (0..replicas as u64).map(|at| writer(at + 1, &mut random)).collect();
    let mut values: Vec<Causal<F>> = vec![Causal::default(); replicas];
    for step in 0..40 {
        let (at, from) = (random.below(replicas), random.below(replicas));
        match random.below(5) {
            // Beside the groups, so that the one or the other of them supersedes what is far ahead.
            0 => values[at].write(&mut writers[at], step, &[BESIDE], true),
            1 | 2 => {
                let mut order: Vec<usize> = (0..KEYS + random.below(2)).collect();
                order.extend((0..random.below(3)).map(|_| random.below(KEYS)));
                (1..order.len()).rev().for_each(|last| order.swap(last, random.below(last + 1)));
                let returns = !random.chance(10);
                let written =
                    catch_unwind(AssertUnwindSafe(|| values[at].write(&mut writers[at], step, &order, returns)));
                assert_eq!(written.is_ok(), returns);
            }
            3 => {
                let other = values[from].clone();
                values[at].merge(&other);
            }
            _ => {
                let delta = values[from].delta_since(values[at].version());
                values[at].apply(delta).map_err(|error| error.to_string())?;
            }
        }
        let shown = values[at].shown();
        if shown.iter().any(|one| *one != shown[0]) {
            return Err(format!("seed {seed}, step {step}: a mix of groups is shown: {shown:?}"));
        }
    }
    for at in 0..replicas {
        let other = values[at].clone();
        values[0].merge(&other);
    }
    let read = Causal::<F>::decode(&values[0].encode(), &Limits::default()).map_err(|error| error.to_string())?;
    let shown = read.shown();
    if read != values[0] || shown.iter().any(|one| *one != shown[0]) {
        return Err(format!("seed {seed}: {shown:?}"));
    }
    Ok(())
}

#[test]
fn of_concurrent_groups_over_the_same_keys_one_wins() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref::<&str>() != Some(&"as planned") {
            hook(info);
        }
    }));
    parallel::for_each(0..3_000, |seed| {
        history::<Parts>(seed).and_then(|()| history::<StoreBody>(seed)).unwrap_or_else(|error| panic!("{error}"));
    });
}

#[test]
fn an_operation_carries_the_stamp_of_its_group() {
    let fixed =
        |seed, millis| Writer::with_clock(ReplicaId::from_seed(seed).uuid(), move || Timestamp::from_millis(millis));
    let mut here = LwwMap::new();
    let mut inbox = CausalInbox::new(10);
    let mut there = here.clone();
    let (_, first) = here.edit_as_operation(&mut fixed(1, 500), |mut map, edit| map.insert(edit, 'b', 0));
    let (_, second) = here.edit_as_operation(&mut fixed(2, 1), |mut map, edit| {
        "abc".chars().for_each(|key| _ = map.insert(edit, key, 1));
    });
    for operation in [second, first] {
        inbox.receive(&mut there, operation.unwrap()).unwrap();
    }
    assert_eq!(here, there);
    let stamps = ['a', 'b', 'c'].map(|key| there.timestamp(&key).unwrap());
    assert!(stamps.iter().all(|stamp| *stamp == stamps[0] && stamp.millis() >= 500), "{stamps:?}");
    // What is shown as a change, too.
    let mut shown = Vec::new();
    let mut ahead = fixed(3, 0);
    here.edit_with(&mut ahead, &mut |change| shown.push(*change.key), |mut map, edit| {
        map.insert(edit, 'd', 2);
        map.insert(edit, 'a', 2);
    });
    assert_eq!(here.timestamp(&'d'), here.timestamp(&'a'));
    assert_eq!(shown, ['d', 'a']);
}

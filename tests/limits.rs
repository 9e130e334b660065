//! Limits: what a state may hold, to the last event; laws up to refusal; what was saved always loads.

mod common;

use std::collections::BTreeSet;

use common::random::Random;
use dotted::replication::{Bounds, Config, Event, PeerId, Replica, Role, WriteError};
use dotted::{
    ApplyError, Causal, CausalInbox, Crdt, DecodeError, Delta, DeltaCrdt, FragmentCodec, Journal, Limit, Limits,
    LwwMap, LwwRegister, MapBody, MemoryStorage, Operation, OrSet, Persistent, PnCounter, PnCounterBody, SetBody,
    Store, StoreBody, Stored, Usage, Value, VersionedRecord, Writer,
};

fn limits(writers: usize, events: usize, names: usize) -> Limits {
    Limits::unlimited().with_writers(writers).with_events(events).with_names(names)
}

/// Exactly what a value holds is accepted in every way, and one less of anything is refused in every way.
fn assert_exact<F: FragmentCodec>(value: &Causal<F>, empty: &Causal<F>) {
    let Usage { writers, events, names, .. } = value.usage();
    let bytes = value.encode();
    let delta = || value.delta_since(empty.version());
    let refused = |limits: &Limits, limit: Limit| {
        let mut here = empty.clone();
        assert_eq!(here.apply_within(delta(), limits), Err(ApplyError::OverLimit(limit)));
        assert_eq!(here.try_merge_within(value, limits), Err(ApplyError::OverLimit(limit)));
        assert!(here == *empty && here.version() == empty.version());
        let found = Causal::<F>::decode(&bytes, limits).map(|_| ());
        assert!(matches!(found, Err(DecodeError::TooLarge(_))), "{found:?}");
    };
    let exact = limits(writers, events, names);
    let mut here = empty.clone();
    here.apply_within(delta(), &exact).unwrap();
    assert!(here == *value && here.usage() == value.usage());
    let mut here = empty.clone();
    here.try_merge_within(value, &exact).unwrap();
    assert!(here == *value);
    assert!(Causal::<F>::decode(&bytes, &exact).unwrap() == *value);
    refused(&limits(writers - 1, events, names), Limit::Writers);
    refused(&limits(writers, events - 1, names), Limit::Events);
    if names > 0 {
        refused(&limits(writers, events, names - 1), Limit::Names);
    }
}

fn writers<const N: usize>() -> [Writer; N] {
    core::array::from_fn(|at| Writer::from_seed(at as u64))
}

#[test]
fn limits_are_exact_for_every_type() {
    let [mut a, mut b, mut c] = writers();
    let mut set = OrSet::<u8>::new();
    (0..10).for_each(|element| _ = set.insert([&mut a, &mut b][element as usize % 2], element));
    set.remove(&mut a, &3);
    assert_exact(&set, &OrSet::new());

    let (mut map, mut other) = (LwwMap::<u8, u8>::new(), LwwMap::new());
    map.insert(&mut a, 1, 1);
    other.insert(&mut b, 1, 2);
    other.insert(&mut b, 2, 2);
    map.merge(&other);
    assert_eq!(map.usage(), Usage::new(2, 3, 0));
    assert_exact(&map, &LwwMap::new());

    let mut counter = PnCounter::new();
    [&mut a, &mut b, &mut c].into_iter().for_each(|writer| _ = counter.increment(writer, 5).unwrap());
    assert_eq!(counter.usage(), Usage::new(3, 3, 0));
    assert_exact(&counter, &PnCounter::new());

    let (mut register, mut other) = (LwwRegister::<u8>::new(), LwwRegister::new());
    register.set(&mut a, 1);
    other.set(&mut b, 2);
    register.merge(&other);
    assert_exact(&register, &LwwRegister::new());

    let mut record = VersionedRecord::<u8>::new();
    record.set(&mut a, "f", 1);
    record.delete(&mut b);
    assert_exact(&record, &VersionedRecord::new());

    type Pair = Causal<(SetBody<u8>, PnCounterBody)>;
    let mut pair = Pair::new();
    pair.edit(&mut a, |(mut set, mut count), edit| {
        (0..5).for_each(|element| _ = set.insert(edit, element));
        count.increment(edit, 1).unwrap();
    });
    assert_eq!(pair.usage(), Usage::new(1, 6, 0));
    assert_exact(&pair, &Pair::new());

    let mut store = Store::new();
    store.edit(&mut a, |mut store, edit| {
        (0..4i64).for_each(|name| _ = store.set(&format!("s{name}")).insert(edit, name.into()));
        store.counter("likes").increment(edit, 1).unwrap();
        store.register("title").set(edit, "x".into());
    });
    assert_eq!(store.usage(), Usage::new(1, 6, 6));
    assert_exact(&store, &Store::new());
    // Two types under one text are two names.
    store.edit(&mut b, |mut store, edit| _ = store.set("likes").insert(edit, 1.into()));
    assert_eq!(store.usage(), Usage::new(2, 7, 7));
}

/// A state that is full still takes in what does not make it larger: overwrites, removals, what replaces what it has.
#[test]
fn a_full_state_is_not_closed() {
    let [mut a, mut b] = writers();
    let mut here = LwwMap::<u8, u8>::new();
    (0..20).for_each(|key| _ = here.insert(&mut a, key, 0));
    let mut there = here.clone();
    (0..20).for_each(|key| _ = there.insert(&mut b, key, 1));
    there.remove(&mut b, &7);
    let full = limits(2, 20, 0);
    here.apply_within(there.delta_since(here.version()), &full).unwrap();
    assert!(here == there && here.get(&3) == Some(&1) && here.get(&7).is_none());
    there.insert(&mut b, 99, 1);
    let delta = there.delta_since(here.version());
    assert_eq!(here.apply_within(delta, &full), Err(ApplyError::OverLimit(Limit::Events)));
    // With its removals forgotten there is room again.
    here.compact();
    here.apply_within(there.delta_since(here.version()), &full).unwrap();
    assert!(here == there);
    // A list of what is alive takes away, too.
    let mut old = LwwMap::<u8, u8>::new();
    (0..20).for_each(|key| _ = old.insert(&mut a, key, 0));
    let mut new = old.clone();
    (0..10).for_each(|key| _ = new.remove(&mut b, &key));
    new.compact();
    (30..40).for_each(|key| _ = new.insert(&mut b, key, 0));
    old.apply_within(new.delta_since(old.version()), &limits(3, 20, 0)).unwrap();
    assert!(old == new && old.usage().events == 20);
}

type MixedBody = (SetBody<u8>, MapBody<u8, u8>, StoreBody);
type Mixed = Causal<MixedBody>;

fn write(value: &mut Mixed, writer: &mut Writer, random: &mut Random) {
    let (key, what) = (random.below(6) as u8, random.below(5));
    value.edit(writer, |(mut set, mut map, mut store), edit| match what {
        0 => _ = set.insert(edit, key),
        1 => _ = set.remove(edit, &key),
        2 => _ = map.insert(edit, key, key),
        3 => _ = map.remove(edit, &key),
        _ => _ = store.set(&format!("{}", key % 3)).insert(edit, i64::from(key).into()),
    });
}

/// Both orders give the same or a refusal that changes nothing; whatever is reached under limits is decoded under them, by
/// states, deltas and merging alike; and the count before is the count after.
#[test]
fn laws_hold_up_to_refusal() {
    let (mut refusals, mut taken) = (0, 0);
    for seed in 0..3_000 {
        let mut random = Random::new(seed);
        let limits = limits(2 + random.below(4), 2 + random.below(14), 1 + random.below(3));
        let mut values: Vec<Mixed> = vec![Mixed::new(); 3];
        let mut writers: Vec<_> = (0..3).map(|at| Writer::from_seed(seed * 10 + at)).collect();
        for _ in 0..30 {
            let (at, other) = (random.below(3), random.below(3));
            match random.below(10) {
                0..4 => {
                    // A local write that would not fit is not made.
                    let mut copy = values[at].clone();
                    write(&mut copy, &mut writers[at], &mut random);
                    if copy.usage().beyond(&limits).is_none() {
                        values[at] = copy;
                    }
                }
                4 => values[at].compact(),
                _ if at != other => {
                    let theirs = values[other].clone();
                    let before = values[at].clone();
                    let mut merged = before.clone();
                    merged.merge(&theirs);
                    let fits = merged.usage().beyond(&limits);
                    let delta = theirs.delta_since(before.version());
                    let mut by_delta = before.clone();
                    let applied = by_delta.apply_within(delta, &limits);
                    let mut by_merge = before.clone();
                    let merging = by_merge.try_merge_within(&theirs, &limits);
                    match fits {
                        None => {
                            assert!(applied.is_ok() && merging.is_ok(), "{seed}: {applied:?} {merging:?}");
                            assert!(by_delta == merged && by_merge == merged);
                            values[at] = by_delta;
                            taken += 1;
                        }
                        Some(limit) => {
                            assert_eq!(applied, Err(ApplyError::OverLimit(limit)), "{seed}");
                            assert_eq!(merging, applied);
                            assert!(by_delta.encode() == before.encode() && by_merge.encode() == before.encode());
                            refusals += 1;
                        }
                    }
                }
                _ => {}
            }
            let value = &values[at];
            let bytes = value.encode();
            let read = Mixed::decode(&bytes, &limits).unwrap_or_else(|error| panic!("{seed}: {error}"));
            assert!(read.encode() == bytes && read.usage() == value.usage());
            let delta = Mixed::encode_delta(&value.delta_since(&Default::default()));
            assert!(Delta::<(SetBody<u8>, MapBody<u8, u8>, StoreBody)>::decode(&delta, &limits).is_ok());
        }
        // Both orders.
        let [a, b, c] = &values[..] else { unreachable!() };
        let in_order = |one: &Mixed, two: &Mixed| {
            let mut value = a.clone();
            value.try_merge_within(one, &limits).ok()?;
            value.try_merge_within(two, &limits).ok()?;
            Some(value)
        };
        if let (Some(one), Some(two)) = (in_order(b, c), in_order(c, b)) {
            assert!(one == two);
        }
    }
    assert!(refusals > 1_000 && taken > 1_000, "{refusals} {taken}");
}

/// What was loaded may be beyond the limits. Then what brings nothing is no news, and what brings something is refused.
#[test]
fn a_delta_that_brings_nothing_is_never_refused() {
    let [mut a, mut b] = writers();
    let mut set = OrSet::<u8>::new();
    (0..9).for_each(|element| _ = set.insert(&mut a, element));
    let (old, small) = (set.delta_since(&Default::default()), limits(1, 5, 0));
    assert_eq!(set.apply_within(old, &small).map(|applied| applied.events), Ok(0));
    assert_eq!(set.clone().try_merge_within(&set, &small).map(|applied| applied.events), Ok(0));
    let mut more = set.clone();
    more.insert(&mut b, 100);
    let before = set.encode();
    assert_eq!(set.try_merge_within(&more, &small), Err(ApplyError::OverLimit(Limit::Writers)));
    assert!(set.encode() == before);
}

/// A value that was stored under higher limits than those of now takes in what does not make it hold more, in any order.
#[test]
fn a_value_above_its_limits_takes_in_what_does_not_grow() {
    let (mut taken, mut refused) = (0, 0);
    for seed in 0..2_000 {
        let mut random = Random::new(seed);
        let mut writers: Vec<_> = (0..4).map(|at| Writer::from_seed(seed * 10 + at)).collect();
        let mut start = Mixed::new();
        for at in 0..12 {
            _ = operation_of(&mut start, &mut writers[at % 3], &mut random);
        }
        let limits = limits(1 + random.below(3), 1 + random.below(5), random.below(3));
        assert!(Mixed::decode(&start.encode(), &Limits::unlimited()).is_ok());
        let mut changed = [start.clone(), start.clone()];
        for (at, value) in changed.iter_mut().enumerate() {
            let by = [at, 3][usize::from(random.chance(20))];
            _ = operation_of(value, &mut writers[by], &mut random);
        }
        let outcomes = [[0, 1], [1, 0]].map(|order| {
            let mut value = start.clone();
            let mut all_taken = true;
            for at in order {
                let (bytes, usage) = (value.encode(), value.usage());
                match value.try_merge_within(&changed[at], &limits) {
                    Ok(_) => taken += 1,
                    Err(error) => {
                        assert!(matches!(error, ApplyError::OverLimit(_)) && value.encode() == bytes, "{seed}");
                        let mut plain = value.clone();
                        plain.merge(&changed[at]);
                        let grows = |limit| plain.usage().of(limit) > limits.of(limit).max(usage.of(limit));
                        assert!([Limit::Writers, Limit::Events, Limit::Names].into_iter().any(grows), "{seed}");
                        (refused, all_taken) = (refused + 1, false);
                    }
                }
                for limit in [Limit::Writers, Limit::Events, Limit::Names] {
                    assert!(value.usage().of(limit) <= limits.of(limit).max(usage.of(limit)), "{seed}");
                }
            }
            all_taken.then(|| value.encode())
        });
        if let [Some(one), Some(other)] = outcomes {
            assert!(one == other, "{seed}");
        }
    }
    assert!(taken > 1_000 && refused > 300, "{taken} {refused}");
}

/// The same through messages: whoever has lowered its limits goes on with those who are known.
#[test]
fn a_replica_above_its_limits_keeps_up_with_those_it_knows() {
    let mut group = Group::new(&[Limits::default(), Limits::default()]);
    for at in 100..140 {
        group.replicas[1].update(|store, _| _ = store.counter("x").increment(&mut Writer::from_seed(at), 1)).unwrap();
    }
    group.put(0, "a", 1).unwrap();
    group.put(1, "b", 1).unwrap();
    group.run(1_000);
    let store = group.replicas[0].value().clone();
    let mut config = group.replicas[0].config().clone();
    config.bounds.decode = Limits::default().with_writers(10).with_events(20);
    group.replicas[0] = Replica::new(store, Writer::from_seed(999), config);
    group.replicas[0].join(PeerId::from_seed(1), Role::Observer).unwrap();
    group.run(1_000);
    _ = group.events(0);
    group.replicas[1].update(|store, writer| _ = store.register("a").set(writer, 2)).unwrap();
    group.run(2_000);
    assert_eq!(group.replicas[0].value().clone().register("a").get(), Some(&2.into()));
    let stranger = |store: &mut Store, _: &mut Writer| _ = store.register("b").set(&mut Writer::from_seed(77), 3);
    group.replicas[1].update(stranger).unwrap_err();
    assert!(group.replicas[0].value() == group.replicas[1].value());
}

/// Operations are counted as deltas are: what they bring, what they supersede, and the writers of their tables.
#[test]
fn operations_are_refused_up_to_the_last_event() {
    let (mut refusals, mut taken) = (0, 0);
    for seed in 0..3_000 {
        let mut random = Random::new(seed);
        let limits = limits(1 + random.below(3), 2 + random.below(12), 1 + random.below(3));
        let mut writers: Vec<_> = (0..3).map(|at| Writer::from_seed(seed * 10 + at)).collect();
        let (mut all, mut here) = (Mixed::new(), Mixed::new());
        for _ in 0..25 {
            let mut from = if random.below(2) == 0 { all.clone() } else { here.clone() };
            let operation = operation_of(&mut from, &mut writers[random.below(3)], &mut random);
            all.merge(&from);
            let Some(operation) = operation else { continue };
            let (bytes, mut plain) = (here.encode(), here.clone());
            match (plain.apply_operation(operation.clone()), plain.usage().beyond(&limits)) {
                (Err(error), _) => assert_eq!(here.apply_operation_within(operation, &limits), Err(error)),
                (Ok(applied), None) => {
                    assert_eq!(here.apply_operation_within(operation, &limits), Ok(applied), "{seed}");
                    assert!(here.encode() == plain.encode() && Mixed::decode(&plain.encode(), &limits).is_ok());
                    taken += 1;
                }
                (Ok(_), Some(limit)) => {
                    let refused = here.apply_operation_within(operation.clone(), &limits);
                    assert_eq!(refused, Err(ApplyError::OverLimit(limit)), "{seed}");
                    let mut inbox = CausalInbox::new(1).within(limits.clone());
                    assert_eq!(inbox.receive(&mut here, operation).unwrap().events, 0);
                    assert_eq!(inbox.len(), 1);
                    assert!(here.encode() == bytes);
                    refusals += 1;
                }
            }
        }
    }
    assert!(refusals > 1_000 && taken > 1_000, "{refusals} {taken}");
}

fn operation_of(value: &mut Mixed, writer: &mut Writer, random: &mut Random) -> Option<Operation<MixedBody>> {
    let (key, what) = (random.below(6) as u8, random.below(5));
    let (_, operation) = value.edit_as_operation(writer, |(mut set, mut map, mut store), edit| match what {
        0 => _ = set.insert(edit, key),
        1 => _ = set.remove(edit, &key),
        2 => _ = map.insert(edit, key, key),
        3 => _ = map.remove(edit, &key),
        _ => _ = store.set(&format!("{}", key % 3)).insert(edit, i64::from(key).into()),
    });
    operation
}

#[test]
#[cfg(feature = "mutants")]
fn limits_that_are_ignored_are_noticed() {
    use dotted::mutants::{Mutant, with};
    let local = local_writes_stay_within_what_all_voters_have_room_for;
    assert!(std::panic::catch_unwind(|| with(Mutant::WritesBeyondLimits, local)).is_err());
    assert!(std::panic::catch_unwind(|| with(Mutant::LimitsIgnored, laws_hold_up_to_refusal)).is_err());
}

/// 65,537 writers: one more than is accepted from outside by default.
#[test]
fn what_was_saved_is_loaded_whatever_the_limits() {
    let open = |disk: MemoryStorage| {
        let tight = Limits::default().with_bytes(10).with_events(1).with_writers(1).with_names(0);
        let resume = |record: Option<_>| record.map_or_else(|| Writer::from_seed(0), Writer::resume_exclusive);
        Persistent::<OrSet<u32>, _>::open(disk, tight, resume).unwrap()
    };
    let mut set = open(MemoryStorage::new());
    set.update(|set, _| {
        for number in 0..65_537 {
            set.insert(&mut Writer::from_seed(1 + number), number as u32);
        }
    });
    set.save().unwrap();
    set.update(|set, writer| set.insert(writer, 70_000));
    set.save().unwrap();
    let mut again = open(set.into_storage());
    assert_eq!((again.value().len(), again.value().version().len()), (65_538, 65_538));
    // The log has become a snapshot; a record follows.
    again.update(|set, writer| set.insert(writer, 70_001));
    again.save().unwrap();
    let Stored { snapshot, log } = again.into_storage().stored();
    assert!(snapshot.is_some());
    let (_, loaded) = Journal::<OrSet<u32>>::open(&Stored { snapshot, log }, Limits::default()).unwrap();
    let value = loaded.unwrap().value;
    assert_eq!(value.len(), 65_539);
    // From outside it is refused.
    assert_eq!(OrSet::<u32>::decode(&value.encode(), &Limits::default()), Err(DecodeError::TooLarge("writers")));
    assert!(OrSet::<u32>::decode(&value.encode(), &Limits::unlimited()).unwrap() == value);
}

/// A map of 2²⁴ + 5 keys: `cargo test --release --test limits -- --ignored` (some 6 GB, a minute).
#[test]
#[ignore = "needs some gigabytes"]
fn a_map_of_more_events_than_are_accepted_is_loaded() {
    let mut map = LwwMap::<u32, ()>::new();
    let mut writer = Writer::from_seed(1);
    map.edit(&mut writer, |mut map, edit| (0..(1 << 24) + 5).for_each(|key| _ = map.insert(edit, key, ())));
    let (mut journal, _) = Journal::<LwwMap<u32, ()>>::open(&Stored::default(), Limits::default()).unwrap();
    let Ok(Some(dotted::Step::Append(log))) = journal.record(&map, &writer) else { panic!("a record") };
    let (_, loaded) = Journal::<LwwMap<u32, ()>>::open(&Stored { snapshot: None, log }, Limits::default()).unwrap();
    assert_eq!(loaded.unwrap().value.len(), (1 << 24) + 5);
}

/// The count is kept, and not made: it is the same as what is really there.
#[test]
fn usage_is_what_is_there() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let mut values: Vec<Mixed> = vec![Mixed::new(); 3];
        let mut writers: Vec<_> = (0..3).map(|at| Writer::from_seed(seed * 10 + at)).collect();
        for _ in 0..60 {
            let at = random.below(3);
            match random.below(10) {
                0..6 => write(&mut values[at], &mut writers[at], &mut random),
                6 => values[at].compact(),
                _ => {
                    let theirs = values[random.below(3)].clone();
                    values[at].merge(&theirs);
                }
            }
            let value = &values[at];
            let read = Mixed::decode(&value.encode(), &Limits::unlimited()).unwrap();
            let names: BTreeSet<_> = read.view().2.names().map(|name| format!("{name:?}")).collect();
            assert_eq!(read.usage(), value.usage());
            assert!(names.len() <= value.usage().names);
        }
    }
}

/// Replicas that hand each other messages without loss, in turns.
struct Group {
    replicas: Vec<Replica<Store>>,
    now: u64,
    bytes: usize,
}

impl Group {
    fn new(accept: &[Limits]) -> Self {
        let store = uuid::Uuid::from_u128(1);
        let replica = |(at, limits): (usize, &Limits)| {
            let mut config = Config::new(PeerId::from_seed(at as u64), store, at as u64);
            config.bounds.decode = limits.clone();
            Replica::new(Store::new(), Writer::from_seed(at as u64 + 1), config)
        };
        let mut replicas: Vec<_> = accept.iter().enumerate().map(replica).collect();
        for (at, replica) in replicas.iter_mut().enumerate() {
            for other in (0..accept.len()).filter(|&other| other != at) {
                replica.join(PeerId::from_seed(other as u64), Role::Voter).unwrap();
            }
        }
        let mut group = Self { replicas, now: 0, bytes: 0 };
        group.run(1_000);
        group
    }

    fn run(&mut self, for_millis: u64) {
        let until = self.now + for_millis;
        while self.now < until {
            self.now += 20;
            for at in 0..self.replicas.len() {
                self.replicas[at].tick(self.now);
                while let Some(message) = self.replicas[at].poll_transmit() {
                    self.bytes += message.bytes.len();
                    let to = (0..self.replicas.len()).find(|&to| self.replicas[to].me() == message.to).unwrap();
                    let from = self.replicas[at].me();
                    _ = self.replicas[to].handle(from, &message.bytes, self.now);
                }
            }
        }
    }

    fn events(&mut self, at: usize) -> Vec<Event> {
        std::iter::from_fn(|| self.replicas[at].poll_event()).collect()
    }

    fn put(&mut self, at: usize, name: &str, value: impl Into<Value>) -> Result<(), WriteError> {
        self.replicas[at].update(|store, writer| _ = store.register(name).set(writer, value))
    }
}

/// A value that one of the group does not accept is refused where it is written, and what is written after it arrives.
#[test]
fn one_large_value_does_not_stop_the_others() {
    let small = Limits::default().with_bytes(1 << 20);
    let mut group = Group::new(&[Limits::default(), Limits::default(), small]);
    assert_eq!(group.replicas[0].accepted().bytes, 1 << 20);
    let (before, record) = (group.replicas[0].value().clone(), group.replicas[0].writer().record());
    let refused = group.put(0, "photo", "x".repeat(2_000_000));
    let Err(WriteError::TooLarge { largest, allowed }) = refused else { panic!("{refused:?}") };
    assert_eq!((largest.name.as_deref(), allowed), (Some("photo"), (1 << 20) - (1 << 16)));
    assert!((2_000_000..2_000_100).contains(&largest.bytes));
    assert!(*group.replicas[0].value() == before && group.replicas[0].writer().record() == record);
    let sent = group.bytes;
    for change in 0..100 {
        group.put(0, "small", change).unwrap();
        group.run(200);
    }
    assert_eq!(group.replicas[2].value().view().register("small").get(), Some(&99.into()));
    assert!(group.bytes - sent < 200_000, "{}", group.bytes - sent);
    // In a group of writes, all of it is refused.
    let both = group.replicas[1].update(|store, writer| {
        store.register("first").set(writer, 1);
        store.map("second").insert(writer, "key", "x".repeat(2_000_000));
    });
    assert!(
        matches!(&both, Err(WriteError::TooLarge { largest, .. }) if largest.to_string().contains("second")),
        "{both:?}"
    );
    assert_eq!(group.replicas[1].value().view().register("first").get(), None);
}

/// It was there before anybody said what is accepted: it is not sent, and both the name and the size are told.
#[test]
fn a_large_value_from_before_is_kept_back_and_named() {
    let small = Limits::default().with_bytes(1 << 20);
    let mut group = Group::new(&[Limits::default(), Limits::default()]);
    group.put(0, "photo", "x".repeat(2_000_000)).unwrap();
    group.run(1_000);
    group.replicas.push(Replica::new(
        Store::new(),
        Writer::from_seed(9),
        Config::new(PeerId::from_seed(2), uuid::Uuid::from_u128(1), 9)
            .with_bounds(Bounds { decode: small, ..Bounds::default() }),
    ));
    for at in 0..2 {
        group.replicas[at].join(PeerId::from_seed(2), Role::Voter).unwrap();
        group.replicas[2].join(PeerId::from_seed(at as u64), Role::Voter).unwrap();
    }
    group.events(0);
    let sent = group.bytes;
    group.run(10_000);
    assert!(group.bytes - sent < 10_000, "{}", group.bytes - sent);
    let named: Vec<_> = group
        .events(0)
        .into_iter()
        .filter_map(|event| match event {
            Event::TooLarge { peer, allowed, largest, .. } => Some((peer, allowed, largest?.name?.to_string())),
            _ => None,
        })
        .collect();
    assert_eq!(named, [(PeerId::from_seed(2), 1 << 20, "photo".to_string())]);
    // Made smaller, everything arrives.
    group.put(0, "photo", "x".repeat(100_000)).unwrap();
    group.run(2_000);
    assert!(group.replicas[2].value() == group.replicas[0].value());
}

/// Nobody writes what another one has no room for; a part of the room is left to those who write at the same time.
#[test]
fn local_writes_stay_within_what_all_voters_have_room_for() {
    for (limit, accept) in
        [(Limit::Events, Limits::default().with_events(160)), (Limit::Names, Limits::default().with_names(160))]
    {
        let mut group = Group::new(&[Limits::default(), Limits::default(), accept]);
        let mut written = 0;
        let refused = loop {
            assert!(written < 160, "nothing is refused");
            let at = written % 2;
            match group.put(at, &format!("name {written}"), 1) {
                Ok(()) => written += 1,
                Err(refused) => break refused,
            }
            group.run(100);
        };
        assert_eq!(refused, WriteError::Full { limit, used: 151, allowed: 150 });
        assert_eq!(written, 150);
        // What makes it no larger is written, and arrives.
        group.put(0, "name 7", 2).unwrap();
        group.run(1_000);
        assert!(group.replicas[2].value() == group.replicas[0].value());
        assert_eq!(group.replicas[2].value().view().register("name 7").get(), Some(&2.into()));
        // Both write at once what is left to them.
        group.replicas[0].update(|store, _| store.compact()).unwrap();
        assert_eq!(group.replicas[0].accepted().of(limit), 160);
        // Whoever has little room and is gone for good stops nobody.
        group.replicas[0].retire(PeerId::from_seed(2));
        group.put(0, "one more", 1).unwrap();
    }
}

/// Something on the way lets no message pass that is longer than it likes, and says so by breaking the connection.
#[test]
fn smaller_parts_pass_where_large_ones_do_not() {
    const PASSES: usize = 5_000;
    let mut group = Group::new(&[Limits::default(), Limits::default()]);
    group.put(0, "photo", "x".repeat(200_000)).unwrap();
    let (mut broken, mut sent, until) = (0, 0, group.now + 400_000);
    while group.now < until && group.replicas[1].value() != group.replicas[0].value() {
        group.now += 20;
        for at in 0..2 {
            let (me, other) = (group.replicas[at].me(), 1 - at);
            group.replicas[at].tick(group.now);
            while let Some(message) = group.replicas[at].poll_transmit() {
                sent += message.bytes.len();
                if message.bytes.len() <= PASSES {
                    _ = group.replicas[other].handle(me, &message.bytes, group.now);
                    continue;
                }
                broken += 1;
                for (one, there) in [(at, message.to), (other, me)] {
                    group.replicas[one].disconnected(there);
                    group.replicas[one].connected(there);
                }
                assert!(group.replicas[at].undelivered(message.to, message.bytes.len()));
                break;
            }
        }
    }
    assert!(group.replicas[1].value() == group.replicas[0].value(), "it never arrives");
    assert!((4..9).contains(&broken), "{broken} connections were broken");
    assert!(sent < 600_000, "{sent} bytes were sent");
    let told = group.events(0).into_iter().filter(|event| matches!(event, Event::Undelivered { .. })).count();
    assert_eq!(told, broken);
    // Not even the shortest: it waits longer and longer, and says so.
    let peer = group.replicas[1].me();
    (0..8).for_each(|_| _ = group.replicas[0].undelivered(peer, 1_100));
    assert!(!group.replicas[0].undelivered(peer, 1_024));
}

/// A value that was merged in an update cannot be taken back any more, and stays.
#[test]
fn what_is_more_than_writes_is_not_taken_back() {
    let mut group = Group::new(&[Limits::default().with_events(16)]);
    let mut other = Store::new();
    let mut writer = Writer::from_seed(7);
    (0..20).for_each(|at| _ = other.set("s").insert(&mut writer, at));
    let merged = group.replicas[0].update(|store, writer| {
        store.merge(&other);
        store.set("s").insert(writer, 99);
    });
    assert_eq!(merged, Ok(()));
    assert_eq!(group.replicas[0].value().view().set("s").len(), 21);
    let refused = group.replicas[0].update(|store, writer| _ = store.set("s").insert(writer, 100));
    assert!(matches!(refused, Err(WriteError::Full { limit: Limit::Events, .. })), "{refused:?}");
    assert_eq!(group.replicas[0].value().view().set("s").len(), 21);
}

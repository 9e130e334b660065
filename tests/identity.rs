//! Two that write under one id: noticed, and carried on from without losing anything.

mod common;

#[test]
fn every_fixed_history_comes_out_right() {
    let wrong: Vec<String> = common::identity::ALL
        .iter()
        .filter_map(|(name, schedule)| schedule().err().map(|error| format!("{name}: {error}")))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_forked_history_agrees_with_the_oracle() {
    let setting =
        |name: &str, default: u64| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (schedules, first) = (setting("DOTTED_SCHEDULES", 2_000), setting("DOTTED_SEED", 1));
    let (mut checks, mut rebases) = (0, 0);
    for seed in first..first + schedules {
        let more = common::fork::run(seed, 20 + (seed % 7) as usize * 20).unwrap_or_else(|error| panic!("{error}"));
        checks += more.0;
        rebases += more.1;
    }
    println!("{schedules} histories from seed {first}, {checks} checks, {rebases} rebases");
    assert!(rebases > schedules);
}

mod as_if_the_new_writer_had_written_it {
    use dotted::{
        Causal, Crdt, DwFlagBody, EwFlagBody, LwwRegisterBody, MapBody, RecordBody, ReplicaId, SetBody, Shared,
        Timestamp, Writer,
    };

    use super::common::random::Random;

    type Value =
        Causal<(SetBody<u8>, MapBody<u8, u16>, RecordBody<u16>, (EwFlagBody, DwFlagBody, LwwRegisterBody<u16>))>;

    /// Clocks that never show the same, so that no tie is broken by ids.
    fn clock(mut millis: u64) -> impl FnMut() -> Timestamp + Send + Sync {
        move || {
            millis += 2;
            Timestamp::from_millis(millis)
        }
    }

    fn write(value: &mut Value, writer: &mut Writer, random: &mut Random) {
        value.edit(writer, |(mut set, mut map, mut record, (mut on, mut off, mut register)), edit| {
            for _ in 0..1 + random.below(3) {
                let (key, number) = (random.below(4) as u8, random.below(1_000) as u16);
                let field = ["f", "g", "h"][random.below(3)];
                match random.below(14) {
                    0 | 1 => _ = set.insert(edit, key),
                    2 => _ = set.remove(edit, &key),
                    3 => _ = map.insert(edit, key, number),
                    4 => _ = map.remove(edit, &key),
                    5 | 6 => _ = record.set(edit, field, number),
                    7 => _ = record.remove(edit, field),
                    8 => _ = record.delete(edit),
                    // No `erase`: of several marks it keeps one, by the order of slots.
                    9 | 10 => _ = on.enable(edit),
                    11 => _ = on.disable(edit),
                    12 => _ = off.enable(edit),
                    _ => _ = register.set(edit, number),
                }
            }
        });
    }

    /// What was not shared: writes, what others say meanwhile, collections.
    fn play(mut value: Value, writer: &mut Writer, others: &[Value], seed: u64) -> Value {
        let mut random = Random::new(seed);
        for other in others {
            for _ in 0..random.below(4) {
                write(&mut value, writer, &mut random);
            }
            if random.chance(30) {
                value.collect();
            }
            value.merge(other);
        }
        write(&mut value, writer, &mut random);
        value
    }

    #[test]
    fn to_the_byte_of_the_view() {
        for seed in 0..2_000 {
            let mut random = Random::new(seed);
            let (mut first, mut ben) =
                (Writer::from_seed(5), Writer::with_clock(ReplicaId::from_seed(6).uuid(), clock(1)));
            let mut disk = Value::new();
            (0..random.below(6)).for_each(|_| write(&mut disk, &mut first, &mut random));
            let mut other = disk.clone();
            let mut others = Vec::new();
            for _ in 0..1 + random.below(4) {
                (0..random.below(3)).for_each(|_| write(&mut other, &mut ben, &mut random));
                others.push(other.clone());
            }
            // The other one, who writes under the old id, and is known to a peer.
            let (record, shared) = (first.record(), Shared::of(&disk, first.uuid()));
            let mut peer = other.clone();
            let mut copy = disk.clone();
            let mut forked = Writer::resume_exclusive_with_clock(record.clone(), clock(20_001));
            (0..random.below(4)).for_each(|_| write(&mut copy, &mut forked, &mut random));
            peer.merge(&copy);

            let new = ReplicaId::from_seed([3, 9][random.below(2)]).uuid();
            let mut old = Writer::resume_exclusive_with_clock(record, clock(1_000));
            let mut renamed = play(disk.clone(), &mut old, &others, seed);
            renamed.rebase(&peer, &shared, &mut Writer::with_clock(new, clock(0))).expect("it fits");
            let mut written = play(disk, &mut Writer::with_clock(new, clock(1_000)), &others, seed);
            written.merge(&peer);
            let shown = |value: &Value| serde_json::to_string(value).expect("it is written");
            assert!(renamed == written, "seed {seed}: {}\n{}", shown(&renamed), shown(&written));
            assert_eq!(renamed.canonical(), written.canonical(), "seed {seed}");
            // What was forgotten of the old id is known only up to where the last of it was.
            assert!(written.floor() <= renamed.floor(), "seed {seed}");
            assert_eq!(renamed.removals(), written.removals(), "seed {seed}");
        }
    }
}

/// A count that another writer of this process has reset stands on the key of a branch of which nothing has left: once
/// that has another name, the key must have it, too, or else nobody could read the value back.
#[test]
fn what_others_wrote_to_the_key_of_a_renamed_branch_moves_with_it() {
    use dotted::{Limits, PnCounter, Shared, Writer};

    let [mut forked, mut other, mut fresh] = [1, 2, 3].map(Writer::from_seed);
    let mut value = PnCounter::new();
    value.increment(&mut other, 1).unwrap();
    value.increment(&mut forked, 5).unwrap();
    value.reset(&mut other);
    value.rebase(&PnCounter::new(), &Shared::new(forked.uuid()), &mut fresh).unwrap();
    let mut read = PnCounter::decode(&value.encode(), &Limits::default()).expect("what is written can be read");
    assert_eq!((read.value(), &read), (0, &value));
    read.increment(&mut fresh, 2).unwrap();
    assert_eq!(read.value(), 2);
}

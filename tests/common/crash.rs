//! Histories of storage: crashes at every point, faults of every kind, damaged bytes.

use dotted::{
    Causal, Fault, Journal, Limits, LoadError, MapBody, MemoryStorage, OrSet, PersistError, Persistent, PnCounterBody,
    SetBody, Shared, Step, Stored, Timestamp, Unreadable, VersionVector, Writer, WriterRecord,
};

use super::schedules::{Check, Schedule, expect};

/// All of them, by name.
pub const ALL: &[(&str, Schedule)] = &[
    ("S10", s10_half_a_group_is_none),
    ("D1", d1_what_was_persisted_survives_a_crash_at_every_point),
    ("D2", d2_a_failed_step_is_made_good),
    ("D3", d3_a_torn_or_garbled_end_is_dropped),
    ("D4", d4_damage_before_whole_records_is_an_error),
    ("D5", d5_a_snapshot_is_taken_when_the_log_is_long),
    ("D6", d6_the_log_of_an_earlier_snapshot_is_passed_over),
    ("D7", d7_a_roll_back_is_saved_as_it_is),
    ("D8", d8_a_rebased_value_is_saved_whole),
    ("D9", d9_one_step_at_a_time),
];

type Body = (SetBody<u8>, MapBody<u8, u16>, PnCounterBody);
type Value = Causal<Body>;
type Replica = Persistent<Value, MemoryStorage>;

fn resume(record: Option<WriterRecord>) -> Writer {
    let mut millis = 1_000;
    record.map_or_else(
        || Writer::from_seed(1),
        |record| {
            Writer::resume_exclusive_with_clock(record, move || {
                millis += 1;
                Timestamp::from_millis(millis)
            })
        },
    )
}

fn open(disk: MemoryStorage) -> Result<Replica, String> {
    let replica = Replica::open(disk, Limits::default(), resume).map_err(|error| error.to_string())?;
    Ok(replica.with_log_bytes(600))
}

/// One group of writes.
fn write(replica: &mut Replica, round: u16) {
    replica.update(|value, writer| {
        value.edit(writer, |(mut set, mut map, mut count), edit| {
            let key = (round % 5) as u8;
            set.insert(edit, key);
            map.insert(edit, key, round);
            _ = count.increment(edit, 1);
            if round % 3 == 2 {
                set.remove(edit, &key);
                count.reset(edit);
            }
        });
        if round % 4 == 3 {
            value.collect();
        }
    });
}

const ROUNDS: u16 = 14;

/// The states between the groups, in order.
fn states() -> Result<Vec<Value>, String> {
    let mut replica = open(MemoryStorage::new())?;
    let mut states = vec![Value::new()];
    for round in 0..ROUNDS {
        write(&mut replica, round);
        states.push(replica.value().clone());
    }
    Ok(states)
}

/// What is found again is the state after some whole group, not before `least`, and its writer issues
/// nothing again.
fn found(disk: MemoryStorage, states: &[Value], least: &VersionVector) -> Result<Replica, String> {
    let mut replica = open(disk)?;
    #[cfg(feature = "mutants")]
    replica.value().assert_consistent();
    let version = replica.value().version().clone();
    let state = states.iter().find(|state| *state.version() == version);
    let state = state.ok_or_else(|| format!("half a group is there: {version:?}"))?;
    expect("the state of that version", replica.value().canonical() == state.canonical(), true)?;
    expect("what was persisted is there", least <= &version, true)?;
    expect("it is persisted again", replica.persisted() == &version, true)?;
    let dot = replica.update(|value, writer| value.edit(writer, |(mut set, ..), edit| set.insert(edit, 77)));
    expect("the next dot is new", dot.counter, version.get(&dot.replica) + 1)?;
    Ok(replica)
}

/// Plays until the fault strikes, or to the end. Gives what was persisted, too.
fn play(fault: Option<(u64, Fault)>) -> Result<(Replica, u16, bool), String> {
    let mut disk = MemoryStorage::new();
    if let Some((step, fault)) = fault {
        disk.fail_at(step, fault);
    }
    let mut replica = open(disk)?;
    for round in 0..ROUNDS {
        write(&mut replica, round);
        // Some groups are saved together.
        if round % 5 != 1 {
            match replica.save() {
                Ok(_) => {}
                Err(PersistError::Storage(_)) => return Ok((replica, round, true)),
                Err(error) => return Err(error.to_string()),
            }
        }
    }
    Ok((replica, ROUNDS, false))
}

/// Every step, failing in every way.
fn every_fault(mut check: impl FnMut((u64, Fault)) -> Check) -> Check {
    let steps = play(None)?.0.into_storage().steps();
    expect("there are snapshots and appends", steps > 20, true)?;
    for step in 0..steps {
        for fault in [Fault::Nothing, Fault::Everything] {
            check((step, fault))?;
        }
        for part in (step as usize % 11..400).step_by(11) {
            check((step, Fault::Partly(part)))?;
        }
    }
    Ok(())
}

fn d1_what_was_persisted_survives_a_crash_at_every_point() -> Check {
    let states = states()?;
    every_fault(|fault| {
        let (replica, _, failed) = play(Some(fault))?;
        expect("the fault strikes", failed, true)?;
        let persisted = replica.persisted().clone();
        let disk = replica.into_storage();
        // With every prefix of what was not synced. (A part that was appended is such a prefix already.)
        let unsynced = disk.unsynced();
        let all = matches!(fault, (_, Fault::Everything));
        for keep in (0..=unsynced).filter(|&keep| all || keep == 0 || keep == unsynced) {
            let mut disk = disk.clone();
            disk.crash(keep);
            found(disk, &states, &persisted).map_err(|error| format!("{fault:?}, {keep} kept: {error}"))?;
        }
        Ok(())
    })
}

fn d2_a_failed_step_is_made_good() -> Check {
    let states = states()?;
    every_fault(|fault| {
        let (mut replica, round, _) = play(Some(fault))?;
        for round in round + 1..ROUNDS {
            replica.save().map_err(|error| error.to_string())?;
            write(&mut replica, round);
        }
        let persisted = replica.save().map_err(|error| error.to_string())?.clone();
        expect("all is persisted", &persisted == replica.value().version(), true)?;
        let mut disk = replica.into_storage();
        disk.crash(0);
        found(disk, &states, &persisted).map_err(|error| format!("{fault:?}: {error}"))?;
        Ok(())
    })
}

type Set = OrSet<char>;

fn set_of(stored: &Stored) -> Result<(Journal<Set>, Option<Set>), LoadError> {
    let (journal, loaded) = Journal::<Set>::open(stored, Limits::default())?;
    Ok((journal, loaded.map(|loaded| loaded.value)))
}

fn append(step: Result<Option<Step>, Unreadable>) -> Result<Vec<u8>, String> {
    match step {
        Ok(Some(Step::Append(bytes))) => Ok(bytes),
        other => Err(format!("{other:?} instead of an append")),
    }
}

fn s10_half_a_group_is_none() -> Check {
    let (mut journal, loaded) = set_of(&Stored::default()).map_err(|error| error.to_string())?;
    expect("nothing was saved", loaded.is_none(), true)?;
    let (mut set, mut writer) = (Set::new(), Writer::from_seed(1));
    set.edit(&mut writer, |mut set, edit| {
        set.insert(edit, 'x');
        set.insert(edit, 'y');
    });
    let bytes = append(journal.record(&set, &writer))?;
    for len in 0..bytes.len() {
        let stored = Stored { snapshot: None, log: bytes[..len].to_vec() };
        let (_, loaded) = set_of(&stored).map_err(|error| error.to_string())?;
        expect("neither is there", loaded.is_none(), true)?;
    }
    let (_, loaded) = set_of(&Stored { snapshot: None, log: bytes }).map_err(|error| error.to_string())?;
    expect("both are there", loaded.map(|set| set.len()), Some(2))
}

/// A storage with a snapshot of `a` and three records: b, c, d. Gives also where the log ended each time.
fn three_records() -> Result<(Stored, Vec<usize>), String> {
    let mut disk = MemoryStorage::new();
    // A failed first append makes a snapshot.
    disk.fail_at(0, Fault::Nothing);
    let mut replica = open_set(disk)?;
    let mut ends = Vec::new();
    for element in ['a', 'b', 'c', 'd'] {
        replica.update(|set, writer| _ = set.insert(writer, element));
        if replica.save().is_err() {
            replica.save().map_err(|error| error.to_string())?;
        }
        ends.extend(replica.journal().log_len().map(|len| len as usize));
    }
    Ok((replica.into_storage().stored(), ends))
}

fn open_set(disk: MemoryStorage) -> Result<Persistent<Set, MemoryStorage>, String> {
    Persistent::open(disk, Limits::default(), resume).map_err(|error| error.to_string())
}

fn d3_a_torn_or_garbled_end_is_dropped() -> Check {
    let (stored, ends) = three_records()?;
    expect("the records", (ends.len(), ends[0], ends[3]), (4, 0, stored.log.len()))?;
    let last = ends[2]..ends[3];
    for at in last.clone() {
        let mut torn = stored.clone();
        torn.log.truncate(at);
        let mut zeros = stored.clone();
        zeros.log[at..].fill(0);
        let mut garbled = stored.clone();
        garbled.log[at] ^= 0x40;
        let mut longer = torn.clone();
        longer.log.extend([0xab; 100]);
        for damaged in [torn, zeros, garbled, longer] {
            if damaged.log == stored.log {
                continue; // A zero at the end.
            }
            let mut replica = open_set(MemoryStorage::holding(damaged))?;
            expect("what came before", replica.value().iter().collect::<String>(), "abc".into())?;
            // It goes on, and what it adds is found again.
            replica.update(|set, writer| _ = set.insert(writer, 'e'));
            replica.save().map_err(|error| error.to_string())?;
            let again = replica.into_storage().stored();
            let (_, loaded) = set_of(&again).map_err(|error| error.to_string())?;
            expect("afterwards", loaded.map(|set| set.iter().collect::<String>()), Some("abce".into()))?;
        }
    }
    Ok(())
}

fn d4_damage_before_whole_records_is_an_error() -> Check {
    let (stored, ends) = three_records()?;
    for at in 0..ends[2] {
        for bit in 0..8 {
            let mut damaged = stored.clone();
            damaged.log[at] ^= 1 << bit;
            let start = *ends.iter().rev().find(|&&end| end <= at).unwrap_or(&0);
            match set_of(&damaged) {
                Err(LoadError::Corrupt { at }) if at == start => {}
                other => return Err(format!("byte {at}, bit {bit}: {:?}", other.map(|(_, set)| set))),
            }
        }
    }
    let snapshot = stored.snapshot.clone().ok_or("no snapshot")?;
    for at in 0..snapshot.len() {
        let mut damaged = stored.clone();
        damaged.snapshot.as_mut().ok_or("no snapshot")?[at] ^= 1;
        match set_of(&damaged) {
            Err(LoadError::Snapshot(_)) => {}
            other => return Err(format!("byte {at} of the snapshot: {:?}", other.map(|(_, set)| set))),
        }
    }
    let lost = set_of(&Stored { snapshot: None, ..stored.clone() }).err();
    expect("without its snapshot", lost, Some(LoadError::SnapshotLost))?;
    Ok(())
}

fn d5_a_snapshot_is_taken_when_the_log_is_long() -> Check {
    let mut replica = open(MemoryStorage::new())?;
    let (mut longest, mut snapshots) = (0, 0);
    for round in 0..200 {
        write(&mut replica, round);
        let before = replica.journal().log_len();
        replica.save().map_err(|error| error.to_string())?;
        let after = replica.journal().log_len();
        snapshots += usize::from(after < before);
        longest = longest.max(after.unwrap_or(0));
    }
    expect("snapshots are taken", snapshots > 5, true)?;
    expect("the log stays short", longest < 1_500, true)?;
    let version = replica.value().version().clone();
    let disk = replica.into_storage();
    expect("and is what it is said to be", open(disk)?.value().version() == &version, true)
}

/// The snapshot is there, and a crash came before the log was emptied.
fn d6_the_log_of_an_earlier_snapshot_is_passed_over() -> Check {
    let (stored, ends) = three_records()?;
    let mut disk = MemoryStorage::holding(stored);
    disk.fail_at(0, Fault::Partly(0));
    let mut replica = open_set(disk)?.with_log_bytes(0);
    replica.update(|set, writer| _ = set.remove(writer, &'b'));
    // An old record would bring b back to one who has forgotten the removal.
    replica.update(|set, _| set.compact());
    let old = replica.value().clone();
    expect("it fails", replica.save().is_err(), true)?;
    let stored = replica.into_storage().stored();
    expect("the old log is there", stored.log.len(), ends[3])?;
    let mut replica = open_set(MemoryStorage::holding(stored))?;
    expect("the snapshot alone", replica.value().canonical() == old.canonical(), true)?;
    replica.update(|set, writer| _ = set.insert(writer, 'e'));
    replica.save().map_err(|error| error.to_string())?;
    let stored = replica.into_storage().stored();
    let (_, loaded) = set_of(&stored).map_err(|error| error.to_string())?;
    expect("afterwards", loaded.map(|set| set.iter().collect::<String>()), Some("acde".into()))
}

fn d7_a_roll_back_is_saved_as_it_is() -> Check {
    let mut replica = open_set(MemoryStorage::new())?;
    replica.update(|set, writer| _ = set.insert(writer, 'x'));
    let old = replica.value().clone();
    replica.update(|set, writer| _ = set.insert(writer, 'y'));
    replica.save().map_err(|error| error.to_string())?;
    replica.update(|set, _| set.clone_from(&old));
    let persisted = replica.save().map_err(|error| error.to_string())?.clone();
    expect("what is persisted", &persisted == old.version(), true)?;
    let mut replica = open_set(replica.into_storage())?;
    expect("the old state", replica.value() == &old, true)?;
    let dot = replica.update(|set, writer| set.insert(writer, 'z'));
    expect("z", (dot.replica.branch(), dot.counter), (1, 1))
}

/// The version of a rebased value covers that of before, and yet it is another state.
fn d8_a_rebased_value_is_saved_whole() -> Check {
    let mut replica = open_set(MemoryStorage::new())?;
    replica.update(|set, writer| _ = set.insert(writer, 'x'));
    replica.save().map_err(|error| error.to_string())?;
    let shared = Shared::of(replica.value(), replica.writer().uuid());
    let mut copy = replica.value().clone();
    let mut second = resume(Some(replica.writer().record()));
    copy.insert(&mut second, 'a');
    copy.insert(&mut second, 'b');
    replica.update(|set, writer| _ = set.insert(writer, 'c'));
    let before = replica.save().map_err(|error| error.to_string())?.clone();
    replica.update(|set, writer| {
        *writer = Writer::from_seed(2);
        set.rebase(&copy, &shared, writer).map_err(|error| error.to_string())
    })?;
    expect("it covers that of before", &before <= replica.value().version(), true)?;
    replica.save().map_err(|error| error.to_string())?;
    let value = replica.value().clone();
    let again = open_set(replica.into_storage())?;
    expect("again", again.value().canonical() == value.canonical(), true)?;
    expect("all of it", again.value().len(), 4)
}

fn d9_one_step_at_a_time() -> Check {
    let (mut journal, _) = set_of(&Stored::default()).map_err(|error| error.to_string())?;
    let (mut set, mut writer) = (Set::new(), Writer::from_seed(1));
    journal.done();
    // Even a value without events has a writer to be saved.
    let nothing = append(journal.record(&set, &writer))?;
    journal.done();
    set.insert(&mut writer, 'x');
    let first = append(journal.record(&set, &writer))?;
    set.insert(&mut writer, 'y');
    expect("while it is busy", (journal.is_busy(), journal.record(&set, &writer)), (true, Ok(None)))?;
    expect("nothing is persisted", journal.persisted().is_empty(), true)?;
    journal.done();
    expect("the first is", journal.persisted().iter().map(|(_, counter)| counter).sum::<u64>(), 1)?;
    let second = append(journal.record(&set, &writer))?;
    journal.done();
    expect("nothing is left", journal.record(&set, &writer), Ok(None))?;
    let log = [nothing, first, second].concat();
    let (_, loaded) = set_of(&Stored { snapshot: None, log }).map_err(|error| error.to_string())?;
    expect("all is found", loaded.map(|set| set.len()), Some(2))
}

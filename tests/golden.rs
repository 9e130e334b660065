//! Bytes of format version 1, kept for ever: what was written once is read by every later release, and
//! written again as it was.
//!
//! `DOTTED_WRITE_GOLDEN=1 cargo test --test golden` writes files that are missing. A file that is there
//! is never changed: another form is another format version.

use std::path::PathBuf;

use dotted::replication::{ConflictLog, LogConfig, LogKeys};
use dotted::{
    BoundedCounter, Causal, Claims, DwFlag, EwFlag, GCounter, Grouped, Ledger, Limits, LwwMap, LwwRegister, MapBody,
    MemoryStorage, MvRegister, Operation, OrSet, Persistent, PnCounter, PnCounterBody, RequestId, SetBody, Store,
    Transfer, Value, VersionVector, VersionedRecord, Writer, WriterRecord,
};
use uuid::Uuid;

fn writers() -> [Writer; 3] {
    [5, 3, 9].map(Writer::from_seed)
}

/// Compares with the file, or writes it where that was asked for.
fn check(name: &str, bytes: &[u8]) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if !path.exists() && std::env::var_os("DOTTED_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, hex(bytes)).expect("the file is written");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(hex(bytes), golden, "{name}");
}

fn hex(bytes: &[u8]) -> String {
    let lines = bytes.chunks(32).map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n");
    lines.collect()
}

macro_rules! golden {
    ($test:ident, $type:ty, $name:literal, |$value:ident, $writers:ident| $history:block) => {
        #[test]
        fn $test() {
            let mut $writers = writers();
            let mut $value = <$type>::new();
            $history
            let state = $value.encode();
            check(concat!($name, ".state"), &state);
            check(concat!($name, ".view"), &$value.canonical());
            let back = <$type>::decode(&state, &Limits::default()).expect("golden bytes are read");
            assert_eq!(back, $value);
            assert_eq!(back.encode(), state);

            let base: VersionVector = $value.version().iter().map(|(id, counter)| (id, counter.div_ceil(2))).collect();
            let delta = $value.delta_since(&base).encode();
            check(concat!($name, ".delta"), &delta);
            let back = dotted::Delta::decode(&delta, &Limits::default()).expect("golden bytes are read");
            let mut same = $value.clone();
            assert!(!same.apply(back).expect("it is known").changed());
            let mut direct = Vec::new();
            $value.encode_delta_since(&base, &mut direct);
            assert_eq!(direct, delta);
        }
    };
}

golden!(g_counter, GCounter, "g_counter", |value, writers| {
    for (writer, by) in writers.iter_mut().zip([1, 300, u64::MAX]) {
        value.increment(writer, by).expect("it fits");
    }
    value.increment(&mut writers[0], 2).expect("it fits");
});

golden!(pn_counter, PnCounter, "pn_counter", |value, writers| {
    let [a, b, c] = &mut writers;
    value.increment(a, 7).expect("it fits");
    let mut other = value.clone();
    value.decrement(b, 9).expect("it fits");
    other.reset(c);
    value.try_merge(&other).expect("it fits");
    value.increment(a, 1).expect("it fits");
});

golden!(lww_register, LwwRegister<String>, "lww_register", |value, writers| {
    let [a, b, _] = &mut writers;
    let mut other = value.clone();
    value.set(a, "Tokyo".into());
    other.set(b, "London".into());
    value.try_merge(&other).expect("it fits");
});

golden!(mv_register, MvRegister<i64>, "mv_register", |value, writers| {
    let [a, b, c] = &mut writers;
    let mut other = value.clone();
    value.set(a, -1);
    other.set(b, i64::MIN);
    value.try_merge(&other).expect("it fits");
    other.set(c, 0);
    value.try_merge(&other).expect("it fits");
});

golden!(ew_flag, EwFlag, "ew_flag", |value, writers| {
    let [a, b, _] = &mut writers;
    value.enable(a);
    value.disable(b);
});

golden!(dw_flag, DwFlag, "dw_flag", |value, writers| {
    let [a, b, _] = &mut writers;
    let mut other = value.clone();
    value.enable(a);
    other.disable(b);
    value.try_merge(&other).expect("it fits");
});

golden!(or_set, OrSet<u64>, "or_set", |value, writers| {
    let [a, b, c] = &mut writers;
    value.extend(a, 0..60);
    value.extend(b, 100..110);
    // Gaps, both few and many, and removals that are still there.
    (0..60).filter(|i| i % 3 == 0).for_each(|i| _ = value.remove(c, &i));
    value.insert(a, 1000);
});

golden!(or_set_collected, OrSet<u64>, "or_set_collected", |value, writers| {
    let [a, b, _] = &mut writers;
    value.extend(a, 0..100);
    value.retain(b, |i| i % 7 < 3);
    value.collect();
    value.insert(a, 5);
});

golden!(lww_map, LwwMap<String, Option<u16>>, "lww_map", |value, writers| {
    let [a, b, _] = &mut writers;
    value.insert(a, "milk".into(), Some(1));
    let mut other = value.clone();
    value.insert(a, "milk".into(), Some(2));
    other.insert(b, "milk".into(), None);
    other.remove(b, "tea");
    value.try_merge(&other).expect("it fits");
    value.remove(a, "nothing");
});

golden!(versioned_record, VersionedRecord<String>, "versioned_record", |value, writers| {
    let [a, b, _] = &mut writers;
    value.extend(a, [("email", "ana@example.com".to_string()), ("phone", "1".to_string())]);
    let mut other = value.clone();
    value.delete(a);
    other.set(b, "phone", "2".into());
    value.try_merge(&other).expect("it fits");
});

golden!(ledger, Ledger<Transfer>, "ledger", |value, writers| {
    let [a, b, _] = &mut writers;
    let pay = |amount| Transfer { from: "ana".into(), to: "ben".into(), amount };
    let client = Uuid::from_u128(1);
    for number in 0..66 {
        value.record(a, RequestId { client, number }, pay(number * 1000)).expect("it is new");
    }
    let mut other = Ledger::new();
    other.record(b, RequestId { client, number: 65 }, pay(1)).expect("it is new");
    value.fold(a, client);
    value.try_merge(&other).expect("it fits");
});

golden!(claims, Claims<String>, "claims", |value, writers| {
    let [a, b, c] = &mut writers;
    let members = [1, 2, 3].map(Uuid::from_u128);
    let mut other = value.clone();
    value.claim(a, "12A".into(), members[0], &members).expect("it is free");
    other.claim(b, "12A".into(), members[1], &members).expect("it is free");
    value.try_merge(&other).expect("it fits");
    value.release(a, &"12A".into(), members[0]);
    value.acknowledge(c, members[2], &members);
});

golden!(record_with_groups, VersionedRecord<Grouped<String>>, "record_with_groups", |value, writers| {
    let [a, b, _] = &mut writers;
    value.set(a, "name", Grouped::One("Ana".into()));
    value.set_members(a, "address", [("zip", "50000".to_string()), ("city", "Recife".into())]).expect("a group");
    let mut other = value.clone();
    value.delete(a);
    other.set_members(b, "address", [("city", "Olinda".to_string())]).expect("a group");
    value.try_merge(&other).expect("it fits");
});

golden!(tuple, Causal<(SetBody<String>, MapBody<u8, bool>, PnCounterBody)>, "tuple", |value, writers| {
    let [a, b, _] = &mut writers;
    value.edit(a, |(mut set, mut map, mut count), edit| {
        set.insert(edit, "milk".into());
        map.insert(edit, 7, true);
        count.increment(edit, 3).expect("it fits");
    });
    value.edit(b, |(mut set, ..), edit| set.remove(edit, "milk"));
});

golden!(store, Store, "store", |value, writers| {
    let [a, b, _] = &mut writers;
    value.counter("likes").increment(a, 3).expect("it fits");
    value.register("title").set(a, "notes");
    value.multi_register("colour").set(a, Value::Null);
    value.flag("open").enable(a);
    let numbers = Value::list([1i64, -1]).expect("not deep");
    value.set("cart").extend(a, [Value::from("milk"), 5.into(), 1.5.into(), true.into(), numbers]);
    value.map("prices").insert(a, "milk", Value::bytes([1u8, 2, 3]));
    value.map("prices").insert(a, "tea", Value::map([("yen", 300i64)]).expect("not deep"));
    value.record("ana").extend(a, [("email", "ana@example.com"), ("phone", "1")]);
    let mut other = value.clone();
    value.record("ana").delete(a);
    value.set("cart").remove(a, "milk");
    other.record("ana").set(b, "phone", "2");
    other.register("title").set(b, "Notes");
    other.counter("likes").reset(b);
    value.try_merge(&other).expect("it fits");
});

golden!(bounded_counter, BoundedCounter, "bounded_counter", |value, writers| {
    let [a, b, c] = &mut writers;
    value.increment(a, 1000).expect("it fits");
    value.announce(b);
    let mut other = value.clone();
    let to = |value: &BoundedCounter, writer: &Writer| value.branch_of(writer).expect("it has written");
    value.transfer(a, &to(&value, b), 300).expect("there are so many");
    other.increment(c, u64::MAX).expect("it fits");
    value.try_merge(&other).expect("it fits");
    value.try_decrement(b, 7).expect("there are so many");
    value.transfer(b, &to(&value, c), 2).expect("there are so many");
});

golden!(bounded_counter_in_store, Store, "bounded_counter_in_store", |value, writers| {
    let [a, b, _] = &mut writers;
    value.bounded_counter("stock").increment(a, 100).expect("it fits");
    value.register("title").set(b, "notes");
    let to = value.branch_of(b).expect("it has written");
    value.bounded_counter("stock").transfer(a, &to, 30).expect("there are so many");
    value.bounded_counter("stock").try_decrement(b, 30).expect("there are so many");
});

golden!(facts_in_store, Store, "facts_in_store", |value, writers| {
    let [a, b, c] = &mut writers;
    let pay = |amount| Transfer { from: "ana".into(), to: "ben".into(), amount };
    let client = Uuid::from_u128(1);
    let members = [1, 2, 3].map(Uuid::from_u128);
    value.edit(a, |mut store, edit| {
        let mut ledger = store.ledger("payments");
        for number in 0..64 {
            ledger.record(edit, RequestId { client, number }, pay(number)).expect("it is new");
        }
    });
    value.ledger("payments").record(b, RequestId { client, number: 300 }, pay(1)).expect("it is new");
    let mut other = value.clone();
    value.ledger("payments").fold(a, client);
    value.claims("seats").claim(a, "12A", members[0], &members).expect("it is free");
    other.claims("seats").claim(b, "12A", members[1], &members).expect("it is free");
    other.set("cart").insert(b, "milk");
    value.try_merge(&other).expect("it fits");
    value.claims("seats").release(a, "12A", members[0]);
    value.claims("seats").acknowledge(c, members[2], &members);
});

/// What programs read: the lines of a log of the conflicts in `store`.
#[test]
fn lines_of_conflicts() {
    let golden = std::fs::read_to_string("tests/golden/store.state").expect("it is there");
    let digits: String = golden.split_whitespace().collect();
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal");
    let state: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
    let store = Store::decode(&state, &Limits::default()).expect("golden bytes are read");
    for (name, keys) in [("conflicts.jsonl", LogKeys::Plain), ("conflicts_hashed.jsonl", LogKeys::Hashed(7))] {
        let mut log = ConflictLog::new(LogConfig { keys, ..LogConfig::default() });
        assert_eq!(log.note_all(&store, 1_700_000_000_000), 1);
        let mut lines = String::new();
        log.write_json_lines(&mut lines).expect("a string takes all");
        check(name, lines.as_bytes());
    }
}

#[test]
fn operations() {
    let [mut a, mut b, _] = writers();
    let mut value: OrSet<String> = OrSet::new();
    let mut operations = Vec::new();
    operations.extend(value.edit_as_operation(&mut a, |mut set, edit| set.insert(edit, "milk".into())).1);
    operations.extend(
        value
            .edit_as_operation(&mut b, |mut set, edit| {
                set.remove(edit, "milk");
                set.insert(edit, "tea".into());
                set.insert(edit, "tea".into())
            })
            .1,
    );
    operations.extend(value.edit_as_operation(&mut a, |mut set, edit| set.insert(edit, "milk".into())).1);
    let mut back: OrSet<String> = OrSet::new();
    for (number, operation) in operations.iter().enumerate() {
        let bytes = operation.encode();
        check(&format!("operation_{number}"), &bytes);
        let read = Operation::decode(&bytes, &Limits::default()).expect("golden bytes are read");
        assert_eq!(read.encode(), bytes);
        back.apply_operation(read).expect("they come in order");
    }
    assert_eq!(back, value);
}

#[test]
fn version_vectors() {
    let mut value: OrSet<u8> = OrSet::new();
    let mut clone = value.clone();
    for writer in &mut writers() {
        value.insert(writer, 1);
        clone.insert(writer, 2);
        value.try_merge(&clone).expect("it fits");
    }
    let bytes = value.version().encode();
    check("version", &bytes);
    assert_eq!(VersionVector::decode(&bytes, &Limits::default()).expect("golden bytes are read"), *value.version());
    check("version_empty", &VersionVector::new().encode());
}

#[test]
fn storage() {
    let [writer, ..] = writers();
    let replica = Persistent::<OrSet<String>, _>::open(MemoryStorage::new(), Limits::default(), |_| writer);
    let mut replica = replica.expect("it is empty");
    replica.update(|set, writer| {
        set.insert(writer, "milk".into());
        // A second branch.
        OrSet::new().insert(writer, 1);
    });
    replica.save().expect("no fault is set");
    replica.update(|set, writer| set.remove(writer, "milk"));
    replica.save().expect("no fault is set");
    let record = replica.writer().record();
    check("writer", &record.encode());
    assert_eq!(WriterRecord::decode(&record.encode(), &Limits::default()), Ok(record));
    check("writer_reserved", &replica.writer().reserve(300).encode());

    let mut replica = replica.with_log_bytes(0);
    replica.update(|set, writer| set.insert(writer, "tea".into()));
    let disk = replica.into_storage();
    check("stored.log", &disk.stored().log);
    let resumed = |record: Option<WriterRecord>| Writer::resume_exclusive(record.expect("it was saved"));
    let mut replica = Persistent::<OrSet<String>, _>::open(disk, Limits::default(), resumed).expect("golden bytes");
    assert!(replica.value().is_empty() && replica.value().removals() == 1);
    replica = replica.with_log_bytes(0);
    replica.update(|set, writer| set.insert(writer, "tea".into()));
    replica.save().expect("no fault is set");
    let stored = replica.into_storage().stored();
    assert!(stored.log.is_empty());
    check("stored.snapshot", &stored.snapshot.expect("the log was too long"));
}

//! Hostile bytes: a typed error or a value that works, never a panic; and nothing changes on an error.

mod common;

use common::random::Random;
use dotted::{
    ApplyError, Causal, DecodeError, Delta, Journal, Limits, LoadError, LwwMap, MapBody, MemoryStorage, Operation,
    OrSet, Persistent, PnCounter, PnCounterBody, ReplicaId, SetBody, Step, Stored, VersionVector, VersionedRecord,
    Writer, WriterRecord,
};
use xxhash_rust::xxh64::xxh64;

type Value = Causal<(SetBody<u8>, MapBody<String, u16>, PnCounterBody)>;

/// A state with everything in it: siblings, removals, a floor, several branches.
fn rich(seed: u64) -> Value {
    let mut random = Random::new(seed);
    let mut writers = [1, 2, 3].map(|id| Writer::from_seed(id + 10 * seed));
    let mut replicas = vec![Value::new(); 3];
    for _ in 0..60 {
        let at = random.below(3);
        let key = random.below(6) as u8;
        replicas[at].edit(&mut writers[at], |(mut set, mut map, mut count), edit| match random.below(6) {
            0 => _ = set.insert(edit, key),
            1 => _ = set.remove(edit, &key),
            2 => _ = map.insert(edit, key.to_string(), u16::from(key)),
            3 => _ = map.remove(edit, &key.to_string()),
            4 => _ = count.increment(edit, u64::from(key)),
            _ => _ = count.reset(edit),
        });
        if random.chance(30) {
            let other = replicas[random.below(3)].clone();
            replicas[at].try_merge(&other).expect("it fits");
        }
        if random.chance(5) {
            replicas[at].collect();
        }
    }
    let [mut first, second, third] = replicas.try_into().expect("there are three");
    first.try_merge(&second).expect("it fits");
    first.try_merge(&third).expect("it fits");
    first
}

/// Makes the checksum right again, so that mutations reach what is behind it.
fn reseal(bytes: &mut [u8]) {
    if let Some(at) = bytes.len().checked_sub(4) {
        let checksum = (xxh64(&bytes[..at], 0) as u32).to_le_bytes();
        bytes[at..].copy_from_slice(&checksum);
    }
}

fn mutate(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..1 + random.below(4) {
        let at = random.below(bytes.len());
        match random.below(6) {
            0 => bytes[at] = random.next() as u8,
            1 => bytes[at] ^= 1 << random.below(8),
            2 => bytes.insert(at, [0, 1, 0x7f, 0x80, 0xff][random.below(5)]),
            3 => _ = bytes.remove(at),
            4 => bytes.truncate(at.max(8)),
            _ => {
                let other = random.below(bytes.len());
                let piece = bytes[at.min(other)..at.max(other).min(at.min(other) + 8)].to_vec();
                bytes.splice(other..other, piece);
            }
        }
        if bytes.len() < 8 {
            bytes.resize(8, 0);
        }
    }
    reseal(&mut bytes);
    bytes
}

#[test]
fn every_truncation_and_every_flipped_bit_is_refused() {
    let value = rich(1);
    let bytes = value.encode();
    for len in 0..bytes.len() {
        assert!(Value::decode(&bytes[..len], &Limits::default()).is_err());
    }
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(Value::decode(&flipped, &Limits::default()).is_err(), "bit {bit}");
    }
}

/// What passes the checksum and all checks is canonical: it is written again as it was read. It can
/// be merged and written to without a panic.
#[test]
fn mutated_states_are_refused_or_sound() {
    let mut random = Random::new(7);
    let mut accepted = 0;
    for round in 0..40_000u64 {
        let bytes = rich_bytes(round % 16);
        let mutated = mutate(bytes, &mut random);
        let Ok(mut value) = Value::decode(&mutated, &Limits::default()) else { continue };
        accepted += 1;
        assert_eq!(value.encode(), mutated, "another form of the same value was accepted");
        exercise(&mut value);
    }
    assert!(accepted > 100, "mutations hardly reach the value: {accepted}");
}

fn rich_bytes(seed: u64) -> &'static [u8] {
    static BYTES: std::sync::OnceLock<Vec<Vec<u8>>> = std::sync::OnceLock::new();
    &BYTES.get_or_init(|| (0..16).map(|seed| rich(seed).encode()).collect())[seed as usize]
}

fn exercise(value: &mut Value) {
    #[cfg(feature = "mutants")]
    value.assert_consistent();
    let mut writer = Writer::from_seed(999);
    let mut mine = rich(3);
    _ = mine.try_merge(value);
    value.edit(&mut writer, |(mut set, mut map, mut count), edit| {
        set.insert(edit, 1);
        map.insert(edit, "1".into(), 1);
        _ = count.increment(edit, 1);
        count.reset(edit);
        set.clear(edit);
    });
    _ = mine.apply(value.delta_since(mine.version()));
    value.compact();
    let (set, map, count) = value.view();
    _ = (set.iter().count(), map.conflicts().len(), count.value(), format!("{value:?}"));
    #[cfg(feature = "mutants")]
    mine.assert_consistent();
}

#[test]
fn mutated_deltas_change_everything_they_say_or_nothing() {
    let mut random = Random::new(8);
    let (mut decoded, mut applied) = (0, 0);
    for round in 0..30_000 {
        let sender = rich_value(round % 8);
        let mut receiver = rich_value(if random.chance(70) { round % 8 } else { 9 });
        let base: VersionVector = sender
            .version()
            .iter()
            .map(|(id, counter)| (id, random.next() % (counter + 1)))
            .filter(|e| e.1 > 0)
            .collect();
        let delta = sender.delta_since(&base).encode();
        let Ok(delta) = Delta::decode(&mutate(&delta, &mut random), &Limits::default()) else { continue };
        decoded += 1;
        let before = receiver.encode();
        match receiver.apply(delta) {
            Ok(_) => {
                applied += 1;
                exercise(&mut receiver);
            }
            Err(_) => assert_eq!(receiver.encode(), before),
        }
    }
    assert!(decoded > 100 && applied > 20, "{decoded} decoded, {applied} applied");
}

fn rich_value(seed: u64) -> Value {
    Value::decode(rich_bytes(seed), &Limits::default()).expect("it was encoded")
}

#[test]
fn mutated_operations_change_everything_they_say_or_nothing() {
    let mut random = Random::new(9);
    let (mut decoded, mut applied) = (0, 0);
    for round in 0..20_000 {
        let mut sender = rich_value(round % 8);
        let mut receiver = sender.clone();
        let mut writer = Writer::from_seed(77);
        let (_, operation) = sender.edit_as_operation(&mut writer, |(mut set, mut map, mut count), edit| {
            set.insert(edit, 1);
            map.insert(edit, "x".into(), 4);
            _ = count.increment(edit, 2);
            count.reset(edit);
        });
        let bytes = mutate(&operation.expect("something was written").encode(), &mut random);
        let Ok(operation) = Operation::decode(&bytes, &Limits::default()) else { continue };
        decoded += 1;
        let before = receiver.encode();
        match receiver.apply_operation(operation) {
            Ok(_) => {
                applied += 1;
                exercise(&mut receiver);
            }
            Err(_) => assert_eq!(receiver.encode(), before),
        }
    }
    assert!(decoded > 100 && applied > 20, "{decoded} decoded, {applied} applied");
}

/// Snapshots, logs and records of writers: whatever is accepted works, and is saved again.
#[test]
fn mutated_storage_is_refused_or_sound() {
    let mut replica = Persistent::<Value, _>::open(MemoryStorage::new(), Limits::default(), |_| Writer::from_seed(1))
        .expect("it is empty")
        .with_log_bytes(0);
    for seed in 0..3 {
        replica.update(|value, writer| {
            value.try_merge(&rich(seed)).expect("it fits");
            value.edit(writer, |(mut set, ..), edit| set.insert(edit, seed as u8));
        });
        replica.save().expect("no fault is set");
    }
    let stored = replica.with_log_bytes(1 << 20).into_storage().stored();
    let snapshot = stored.snapshot.clone().expect("the log was too long");
    let mut random = Random::new(12);
    let (mut accepted, mut records) = (0, 0);
    for _ in 0..10_000 {
        let snapshot = Some(if random.chance(80) { mutate(&snapshot, &mut random) } else { snapshot.clone() });
        let mut log = stored.log.clone();
        if !log.is_empty() && random.chance(50) {
            log = mutate(&log, &mut random);
        }
        let disk = MemoryStorage::holding(Stored { snapshot, log });
        let resume = |record: Option<WriterRecord>| record.map_or_else(Writer::new, Writer::resume_exclusive);
        let Ok(mut replica) = Persistent::<Value, _>::open(disk, Limits::default(), resume) else { continue };
        accepted += 1;
        replica.update(|value, writer| {
            value.edit(writer, |(mut set, ..), edit| set.insert(edit, 1));
            exercise(value);
        });
        let version = replica.save().expect("no fault is set").clone();
        let again = Persistent::<Value, _>::open(replica.into_storage(), Limits::default(), resume);
        assert!(again.is_ok_and(|again| *again.value().version() == version));
    }
    let record = Writer::from_seed(1).reserve(7).encode();
    for _ in 0..20_000 {
        let bytes = mutate(&record, &mut random);
        let Ok(record) = WriterRecord::decode(&bytes, &Limits::default()) else { continue };
        records += 1;
        assert_eq!(record.encode(), bytes);
        let mut writer = Writer::resume_exclusive(record);
        OrSet::new().insert(&mut writer, 1);
    }
    assert!(accepted > 100 && records > 100, "{accepted} accepted, {records} records");
}

#[test]
fn noise_is_refused() {
    let mut random = Random::new(10);
    for _ in 0..20_000 {
        let mut bytes: Vec<u8> = (0..8 + random.below(80)).map(|_| random.next() as u8).collect();
        if random.chance(70) {
            // A head that is right: `dotd`, version 1, some content, schema 0, the shape of a set.
            bytes.splice(0..0, *b"dotd\x01");
            bytes.splice(5..5, [1 + random.below(5) as u8, 0, 1, 7, 0]);
            reseal(&mut bytes);
        }
        _ = OrSet::<u8>::decode(&bytes, &Limits::default());
        _ = Delta::<SetBody<u8>>::decode(&bytes, &Limits::default());
        _ = Operation::<SetBody<u8>>::decode(&bytes, &Limits::default());
        _ = VersionVector::decode(&bytes, &Limits::default());
    }
}

#[test]
fn limits_are_kept() {
    let mut set = OrSet::new();
    let mut writers: Vec<Writer> = (0..20).map(Writer::from_seed).collect();
    for i in 0..200u64 {
        set.insert(&mut writers[i as usize % 20], i);
    }
    let bytes = set.encode();
    let refused = |limits: Limits| OrSet::<u64>::decode(&bytes, &limits).unwrap_err();
    assert_eq!(refused(Limits::default().with_bytes(bytes.len() - 1)), DecodeError::TooLarge("bytes"));
    assert_eq!(refused(Limits::default().with_writers(19)), DecodeError::TooLarge("writers"));
    assert_eq!(refused(Limits::default().with_events(199)), DecodeError::TooLarge("events"));
    assert_eq!(refused(Limits::default().with_schema(1)), DecodeError::WrongSchema { found: 0 });
    let tight = Limits::default().with_bytes(bytes.len()).with_writers(20).with_events(200);
    assert!(OrSet::<u64>::decode(&bytes, &tight).is_ok());
}

#[test]
fn other_types_kinds_and_versions_are_refused() {
    let mut set: OrSet<u8> = OrSet::new();
    set.insert(&mut Writer::from_seed(1), 1);
    let state = set.encode();
    let limits = &Limits::default();
    assert_eq!(PnCounter::decode(&state, limits).unwrap_err(), DecodeError::WrongType);
    assert_eq!(LwwMap::<u8, u8>::decode(&state, limits).unwrap_err(), DecodeError::WrongType);
    assert_eq!(Value::decode(&state, limits).unwrap_err(), DecodeError::WrongType);
    assert_eq!(Delta::<SetBody<u8>>::decode(&state, limits).unwrap_err(), DecodeError::WrongKind);
    assert_eq!(OrSet::<u8>::decode(b"{\"hello\": 1}", limits).unwrap_err(), DecodeError::NotDotted);
    assert_eq!(OrSet::<u8>::decode(b"", limits).unwrap_err(), DecodeError::Truncated);
    let mut later = state.clone();
    later[4] = 2;
    reseal(&mut later);
    assert_eq!(OrSet::<u8>::decode(&later, limits).unwrap_err(), DecodeError::UnsupportedVersion(2));
    let mut schema = Vec::new();
    set.encode_into(7, &mut schema);
    assert_eq!(OrSet::<u8>::decode(&schema, limits).unwrap_err(), DecodeError::WrongSchema { found: 7 });
    assert_eq!(OrSet::<u8>::decode(&schema, &limits.clone().with_schema(7)).unwrap(), set);
}

#[test]
fn extensions_are_passed_over_or_refused_as_their_id_says() {
    let set: OrSet<u8> = OrSet::new();
    let plain = set.encode();
    // `dotd`, version, content, schema, one tag, then the length of the extensions.
    let at = 9;
    for (id, expected) in [(2, None), (3, Some(DecodeError::UnsupportedExtension(3)))] {
        assert_eq!(OrSet::<u8>::decode(&extended(&plain, at, id), &Limits::default()).err(), expected);
    }
}

/// What is passed over does not travel: whoever writes the value again does not write it.
#[test]
fn an_extension_that_was_passed_over_is_not_written_again() {
    let (mut set, mut writer) = (OrSet::<u8>::new(), Writer::from_seed(1));
    let (_, operation) = set.edit_as_operation(&mut writer, |mut set, edit| set.insert(edit, 1));
    let operation = operation.expect("something was written").encode();
    let delta = set.delta_since(&VersionVector::new()).encode();
    let limits = &Limits::default();
    let again = |bytes: &[u8]| OrSet::<u8>::decode(bytes, limits).map(|set| set.encode());
    assert_eq!(again(&extended(&set.encode(), 9, 2)), Ok(set.encode()));
    let again = |bytes: &[u8]| Delta::<SetBody<u8>>::decode(bytes, limits).map(|delta| delta.encode());
    assert_eq!(again(&extended(&delta, 9, 2)), Ok(delta.clone()));
    let again = |bytes: &[u8]| Operation::<SetBody<u8>>::decode(bytes, limits).map(|operation| operation.encode());
    assert_eq!(again(&extended(&operation, 9, 2)), Ok(operation.clone()));
    let version = set.version().encode();
    let again = |bytes: &[u8]| VersionVector::decode(bytes, limits).map(|version| version.encode());
    assert_eq!(again(&extended(&version, 8, 2)), Ok(version.clone()));
}

/// Of what is stored, what would not be written again would be lost with the next snapshot.
#[test]
fn every_unknown_extension_of_what_is_stored_is_refused() {
    let (mut set, mut writer) = (OrSet::<u8>::new(), Writer::from_seed(1));
    let (journal, _) = Journal::<OrSet<u8>>::open(&Stored::default(), Limits::default()).unwrap();
    let mut journal = journal.with_log_bytes(0);
    set.insert(&mut writer, 1);
    let Ok(Some(Step::Append(log))) = journal.record(&set, &writer) else { panic!("the log is empty") };
    journal.done();
    set.insert(&mut writer, 2);
    let Ok(Some(Step::Replace(snapshot))) = journal.record(&set, &writer) else { panic!("the log is too long") };
    let record = writer.record().encode();
    let open =
        |stored: &Stored| Journal::<OrSet<u8>>::open(stored, Limits::default()).map(|(_, loaded)| loaded.is_some());
    assert_eq!(open(&Stored { snapshot: None, log: log.clone() }), Ok(true));
    assert_eq!(open(&Stored { snapshot: Some(snapshot.clone()), log: Vec::new() }), Ok(true));
    for id in [2, 3, 4] {
        let error = DecodeError::UnsupportedExtension(u64::from(id));
        let stored = Stored { snapshot: Some(extended(&snapshot, 8, id)), log: Vec::new() };
        assert_eq!(open(&stored), Err(LoadError::Snapshot(error.clone())));
        let stored = Stored { snapshot: None, log: framed(&log, &extended(&log[16..log.len() - 8], 8, id)) };
        assert_eq!(open(&stored), Err(LoadError::Record { at: 0, error: error.clone() }));
        assert_eq!(WriterRecord::decode(&extended(&record, 8, id), &Limits::default()).err(), Some(error));
    }
}

/// The first frame of a log with another record in it: magic and generation, length, record, checksum.
fn framed(log: &[u8], record: &[u8]) -> Vec<u8> {
    let mut framed = [&log[..12], &(record.len() as u32).to_le_bytes(), record].concat();
    framed.extend_from_slice(&xxh64(&framed, 0).to_le_bytes());
    framed
}

/// The bytes with an extension, whose length stands at this place: behind the magic, the version, the content, the schema
/// and the shape.
fn extended(bytes: &[u8], at: usize, id: u8) -> Vec<u8> {
    assert_eq!(bytes[at], 0);
    let mut extended = bytes.to_vec();
    extended.splice(at..=at, [4, id, 2, 0xaa, 0xbb]);
    reseal(&mut extended);
    extended
}

/// A few bytes that claim a trillion events, or a trillion live ones.
#[test]
fn a_claim_of_many_events_costs_nothing() {
    let mut value: OrSet<u8> = OrSet::new();
    let mut writer = Writer::from_seed(1);
    value.insert(&mut writer, 1);
    let delta = value.delta_since(&VersionVector::new()).encode();
    let mut random = Random::new(11);
    for _ in 0..20_000 {
        let mut bytes = delta.clone();
        let at = 28 + random.below(bytes.len() - 32);
        bytes.splice(at..=at, [0xff, 0xff, 0xff, 0xff, 0xff, 0x3f]);
        reseal(&mut bytes);
        if let Ok(delta) = Delta::<SetBody<u8>>::decode(&bytes, &Limits::default()) {
            _ = value.clone().apply(delta);
        }
    }
}

#[test]
fn too_many_writers_are_a_typed_error() {
    let mut value: OrSet<u32> = OrSet::new();
    let mut refused = None;
    for part in 0..40u64 {
        // Deltas of 2^15 writers each, made of version vectors alone.
        let version: VersionVector =
            (0..1 << 15).map(|writer| (ReplicaId::from_seed(part << 32 | writer), 1)).collect();
        let mut bytes = version.encode();
        // The same table and counters as a delta without events: content 3, the shape of a set, no
        // flags, and four empty sets.
        bytes[5] = 3;
        bytes.splice(7..8, [1, 7]);
        let end = bytes.len() - 4;
        bytes.splice(end..end, [0, 0, 0, 0, 0]);
        reseal(&mut bytes);
        let delta = Delta::decode(&bytes, &Limits::default()).expect("an empty delta is well formed");
        let before = value.version().len();
        if let Err(error) = value.apply(delta) {
            assert_eq!(value.version().len(), before);
            refused = Some(error);
            break;
        }
    }
    assert_eq!(refused, Some(ApplyError::TooManyWriters));
    // There is room for this one's own writes.
    value.insert(&mut Writer::from_seed(u64::MAX), 1);
    assert_eq!(value.len(), 1);
}

#[test]
fn json_goes_through_the_same_checks() {
    let mut record: VersionedRecord<Option<u8>> = VersionedRecord::new();
    let mut writer = Writer::from_seed(1);
    record.set(&mut writer, "f", None);
    record.set(&mut writer, "g", Some(1));
    record.delete(&mut writer);
    let json = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<VersionedRecord<Option<u8>>>(&json).unwrap(), record);
    let wrong = [
        ("an event beyond the version", json.replacen("\"counter\":7", "\"counter\":4000", 1)),
        ("a counter of 43 bits", json.replacen("\"counter\":7", "\"counter\":8796093022208", 1)),
        ("a field that is not known", json.replacen("\"events\"", "\"floor\":{},\"more\":1,\"events\"", 1)),
        ("a field that is a header", json.replacen("{\"Deleted\":{\"kept\":null,", "{\"Header\":{\"kept\":null,", 1)),
    ];
    for (what, json_of) in wrong {
        assert_ne!(json_of, json, "{what} is not there to be replaced: {json}");
        assert!(serde_json::from_str::<VersionedRecord<Option<u8>>>(&json_of).is_err(), "{what}");
    }
}

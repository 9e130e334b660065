//! Storage: what was persisted survives a crash at any point. The histories of `common/crash.rs`, one by one.

mod common;

#[test]
fn every_history_of_storage_comes_out_right() {
    let wrong: Vec<String> = common::crash::ALL
        .iter()
        .filter_map(|(name, schedule)| schedule().err().map(|error| format!("{name}: {error}")))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_schema_of_the_application_is_stored() {
    use dotted::{DecodeError, Limits, LoadError, MemoryStorage, OrSet, PersistError, Persistent, Writer};
    let open = |disk: MemoryStorage, schema: u32| {
        let limits = Limits::default().with_schema(schema);
        Persistent::<OrSet<u8>, _>::open(disk, limits, |record| {
            record.map_or_else(|| Writer::from_seed(1), Writer::resume_exclusive)
        })
    };
    let mut set = open(MemoryStorage::new(), 7).unwrap();
    for element in 0..3 {
        set.update(|set, writer| set.insert(writer, element));
        set.save().unwrap();
    }
    let disk = set.into_storage();
    assert_eq!(open(disk.clone(), 7).unwrap().value().len(), 3);
    let refused = LoadError::Record { at: 0, error: DecodeError::WrongSchema { found: 7 } };
    assert_eq!(open(disk, 0).unwrap_err(), PersistError::Load(refused));
}

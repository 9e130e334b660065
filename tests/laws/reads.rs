//! What is read is a function of the version, too: values in order, winners and conflicts.

use super::*;

#[test]
fn equal_versions_read_alike() {
    every_step_reads_alike::<PnCounter>();
    every_step_reads_alike::<BoundedCounter>();
    every_step_reads_alike::<MvRegister<Option<String>>>();
    every_step_reads_alike::<LwwRegister<u8>>();
    every_step_reads_alike::<DwFlag>();
    every_step_reads_alike::<OrSet<u8>>();
    every_step_reads_alike::<LwwMap<u8, u16>>();
    every_step_reads_alike::<VersionedRecord<u8>>();
    every_step_reads_alike::<RecordWith<u8, DeleteWins>>();
    every_step_reads_alike::<RecordWith<u8, Ask>>();
    every_step_reads_alike::<Causal<(SetBody<u8>, PnCounterBody, MapBody<u8, u16>)>>();
}

#[test]
fn equal_versions_have_equal_conflicts() {
    check(|one: &LwwMap<u8, u16>, other| one.conflicts() == other.conflicts());
    check(|one: &LwwRegister<u8>, other| one.conflict() == other.conflict());
    check(|one: &MvRegister<u8>, other| one.conflict() == other.conflict());
    check(|one: &VersionedRecord<u8>, other| one.conflicts() == other.conflicts());
    check(|one: &Store, other| one.conflicts() == other.conflicts());
}

pub fn every_step_reads_alike<C: Generate + Debug>() {
    check(|one: &C, other| format!("{one:?}") == format!("{other:?}"));
}

/// Compares what comes of merging each way, compacted and read back, after every step.
fn check<C: Generate + Debug>(alike: fn(&C, &C) -> bool) {
    for seed in 0..100 {
        let history = Replicas::<C>::arbitrary(&mut Gen::from_size_and_seed(60, seed));
        let visited = history.replay(|changed, states| {
            let one = &states[changed];
            states.iter().try_for_each(|other| {
                let (mut here, mut there) = (one.clone(), other.clone());
                here.merge(other);
                there.merge(one);
                let mut compact = here.clone();
                compact.compact();
                let read_back = C::decode(&there.encode(), &Limits::default()).unwrap();
                let all = [&there, &compact, &read_back];
                if all.into_iter().all(|other| alike(&here, other)) { Ok(()) } else { Err(()) }
            })
        });
        assert!(visited.is_ok(), "seed {seed}: {history:?}");
    }
}

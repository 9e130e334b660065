//! Storage in real files: every call that fails, every crash, damage of every kind.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use dotted::{
    Causal, Fault, FileCall, FileError, FileStorage, Journal, Limits, LoadError, MapBody, OrSet, PersistError,
    Persistent, SetBody, Step, Storage, Stored, Uuid, VersionVector, Writer, WriterRecord,
};

type Value = Causal<(SetBody<u8>, MapBody<u8, u16>)>;
type Replica = Persistent<Value, FileStorage>;

/// A directory that goes when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("dotted-{}", Uuid::new_v4())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.0);
    }
}

fn resume(record: Option<WriterRecord>) -> Writer {
    record.map_or_else(|| Writer::from_seed(1), Writer::resume_exclusive)
}

fn open(storage: FileStorage) -> Replica {
    Replica::open(storage, Limits::default(), resume).unwrap().with_log_bytes(150)
}

/// Writes groups and saves them, until a call fails. What was persisted, and the state after each group.
fn play(storage: FileStorage) -> (VersionVector, Vec<Value>) {
    let mut states = vec![Value::new()];
    let Ok(replica) = Replica::open(storage, Limits::default(), resume) else {
        return (VersionVector::new(), states);
    };
    let mut replica = replica.with_log_bytes(150);
    for round in 0..12u16 {
        replica.update(|value, writer| {
            value.edit(writer, |(mut set, mut map), edit| {
                set.insert(edit, (round % 5) as u8);
                map.insert(edit, (round % 3) as u8, round);
                if round % 3 == 2 {
                    set.remove(edit, &((round % 5) as u8));
                }
            });
        });
        states.push(replica.value().clone());
        if replica.save().is_err() {
            break;
        }
    }
    (replica.persisted().clone(), states)
}

/// What is found is the state after some whole group, not before what was persisted; and it goes on from there.
fn assert_found(directory: &Path, persisted: &VersionVector, states: &[Value], what: &str) {
    let mut replica = open(FileStorage::open(directory).unwrap());
    let version = replica.value().version().clone();
    let state = states.iter().find(|state| *state.version() == version);
    let state = state.unwrap_or_else(|| panic!("{what}: half a group is there"));
    assert_eq!(replica.value().canonical(), state.canonical(), "{what}");
    assert!(persisted <= &version, "{what}: what was persisted is lost");
    replica.update(|value, writer| value.edit(writer, |(mut set, _), edit| set.insert(edit, 77)));
    replica.save().unwrap();
    let after = replica.value().clone();
    drop(replica);
    assert_eq!(open(FileStorage::open(directory).unwrap()).value(), &after, "{what}: afterwards");
}

/// A call, without its bytes borrowed.
#[derive(Debug, Clone)]
enum Call {
    Create(String),
    Write(String, Vec<u8>),
    Truncate(String),
    Sync(String),
    Rename(String, String),
    SyncDirectory,
}

impl From<FileCall<'_>> for Call {
    fn from(call: FileCall<'_>) -> Self {
        match call {
            FileCall::Create(file) => Self::Create(file.into()),
            FileCall::Write(file, bytes) => Self::Write(file.into(), bytes.into()),
            FileCall::Truncate(file) => Self::Truncate(file.into()),
            FileCall::Sync(file) => Self::Sync(file.into()),
            FileCall::Rename(from, to) => Self::Rename(from.into(), to.into()),
            FileCall::SyncDirectory => Self::SyncDirectory,
        }
    }
}

/// All calls of a play without faults, and what it comes to.
fn calls() -> (Vec<Call>, Vec<Value>) {
    let (scratch, calls) = (Scratch::new(), Arc::new(Mutex::new(Vec::new())));
    let noted = calls.clone();
    let storage = FileStorage::open(&scratch.0).unwrap().with_faults(move |call| {
        noted.lock().unwrap().push(Call::from(call));
        None
    });
    let (persisted, states) = play(storage);
    assert_eq!(&persisted, states.last().unwrap().version());
    let calls = calls.lock().unwrap().clone();
    assert!(calls.iter().filter(|call| matches!(call, Call::Rename(..))).count() > 2, "snapshots are taken");
    (calls, states)
}

#[test]
fn whatever_call_fails_what_was_persisted_is_found_again() {
    let (calls, states) = calls();
    for (at, call) in calls.iter().enumerate() {
        let parts = match call {
            Call::Write(_, bytes) => bytes.len(),
            _ => 0,
        };
        let parts = (1..parts).step_by(7).map(Fault::Partly);
        for fault in [Fault::Nothing, Fault::Everything].into_iter().chain(parts) {
            let (scratch, mut count) = (Scratch::new(), 0);
            let storage = FileStorage::open(&scratch.0).unwrap().with_faults(move |_| {
                count += 1;
                (count - 1 == at).then_some(fault)
            });
            let (persisted, _) = play(storage);
            assert_found(&scratch.0, &persisted, &states, &format!("{at} {call:?} {fault:?}"));
        }
    }
}

#[test]
fn after_a_call_that_failed_saving_goes_on_with_a_snapshot() {
    let (calls, _) = calls();
    for at in 2..calls.len() {
        let (scratch, mut count) = (Scratch::new(), 0);
        let storage = FileStorage::open(&scratch.0).unwrap().with_faults(move |_| {
            count += 1;
            (count - 1 == at).then_some(Fault::Partly(5))
        });
        let mut replica = open(storage);
        let mut failures = 0;
        for round in 0..12 {
            replica.update(|value, writer| value.edit(writer, |(mut set, _), edit| set.insert(edit, round)));
            failures += usize::from(replica.save().is_err());
        }
        replica.save().unwrap();
        assert!(failures <= 1);
        let value = replica.value().clone();
        drop(replica);
        assert_eq!(open(FileStorage::open(&scratch.0).unwrap()).value(), &value, "{at}");
    }
}

/// What a disk may hold after a crash: of what was not synced to a file, a prefix or garbage; of entries that were not
/// synced to the directory, the old or the new ones.
#[derive(Default, Clone)]
struct Disk {
    /// Name, what is synced, what is in the page cache.
    files: Vec<(String, Vec<u8>, Vec<u8>)>,
    /// Renamed, and not synced to the directory: the content that the name had before.
    renamed: Option<(String, Option<Vec<u8>>)>,
}

impl Disk {
    fn file(&mut self, name: &str) -> &mut (String, Vec<u8>, Vec<u8>) {
        let at = self.files.iter().position(|(file, ..)| file == name).unwrap_or_else(|| {
            self.files.push((name.into(), Vec::new(), Vec::new()));
            self.files.len() - 1
        });
        &mut self.files[at]
    }

    fn make(&mut self, call: &Call) {
        match call {
            Call::Create(file) => self.file(file).2.clear(),
            Call::Write(file, bytes) => self.file(file).2.extend(bytes),
            Call::Truncate(file) => self.file(file).2.clear(),
            Call::Sync(file) => {
                let file = self.file(file);
                file.1.clone_from(&file.2);
            }
            Call::Rename(from, to) => {
                let at = self.files.iter().position(|(file, ..)| file == from).unwrap();
                let (_, synced, cached) = self.files.remove(at);
                let before = self.files.iter().position(|(file, ..)| file == to);
                let before = before.map(|at| self.files.remove(at).1);
                self.renamed = Some((to.clone(), before));
                self.files.push((to.clone(), synced, cached));
            }
            Call::SyncDirectory => self.renamed = None,
        }
    }

    /// Everything that a crash may leave of it.
    fn crashes(&self) -> Vec<Vec<(String, Vec<u8>)>> {
        let mut all = vec![Vec::new()];
        for (name, synced, cached) in &self.files {
            let mut contents = vec![synced.clone(), cached.clone()];
            if cached.starts_with(synced) {
                for len in synced.len()..cached.len() {
                    contents.push(cached[..len].to_vec());
                }
                // The length is there, and the bytes are not.
                let mut zeros = cached.clone();
                zeros[synced.len()..].fill(0);
                contents.push(zeros);
                for at in (synced.len()..cached.len()).step_by(13) {
                    let mut garbled = cached.clone();
                    garbled[at] ^= 0x10;
                    contents.push(garbled);
                }
            }
            if let Some((_, before)) = self.renamed.as_ref().filter(|(renamed, _)| renamed == name) {
                all = all
                    .into_iter()
                    .flat_map(|files: Vec<(String, Vec<u8>)>| {
                        let old = before.iter().map(|bytes| (name.clone(), bytes.clone()));
                        let old: Vec<_> = files.iter().cloned().chain(old).collect();
                        let new: Vec<_> = files.into_iter().chain([(name.clone(), synced.clone())]).collect();
                        [old, new]
                    })
                    .collect();
                continue;
            }
            contents.dedup();
            all = all
                .iter()
                .flat_map(|files| {
                    contents
                        .iter()
                        .map(|bytes| files.iter().cloned().chain([(name.clone(), bytes.clone())]).collect::<Vec<_>>())
                })
                .collect();
        }
        all
    }
}

#[test]
fn a_crash_between_any_two_calls_loses_nothing_that_was_persisted() {
    let (calls, states) = calls();
    let (mut disk, mut tried) = (Disk::default(), 0);
    // What was persisted at least, given the calls that were made: known from a play that ends there.
    for (made, call) in calls.iter().enumerate() {
        disk.make(call);
        let persisted = persisted_after(made + 1);
        for files in disk.crashes() {
            let scratch = Scratch::new();
            std::fs::create_dir_all(&scratch.0).unwrap();
            for (name, bytes) in &files {
                std::fs::write(scratch.0.join(name), bytes).unwrap();
            }
            assert_found(&scratch.0, &persisted, &states, &format!("after call {made} {call:?}"));
            tried += 1;
        }
    }
    assert!(tried > 1_000, "{tried}");
}

/// What is persisted once so many calls were made, and no more.
fn persisted_after(made: usize) -> VersionVector {
    let (scratch, mut count) = (Scratch::new(), 0);
    let storage = FileStorage::open(&scratch.0).unwrap().with_faults(move |_| {
        count += 1;
        (count > made).then_some(Fault::Nothing)
    });
    play(storage).0
}

#[test]
fn a_directory_is_opened_once() {
    let scratch = Scratch::new();
    let first = FileStorage::open(&scratch.0).unwrap();
    let error = FileStorage::open(&scratch.0).unwrap_err();
    assert!(matches!(&error, FileError::Locked { directory } if *directory == scratch.0), "{error}");
    drop(first);
    assert_eq!(FileStorage::open(&scratch.0).unwrap().directory(), scratch.0);
}

#[test]
fn what_cannot_be_opened_is_an_error_that_names_it() {
    let scratch = Scratch::new();
    std::fs::create_dir_all(&scratch.0).unwrap();
    let file = scratch.0.join("file");
    std::fs::write(&file, "x").unwrap();
    let error = FileStorage::open(file.join("below")).unwrap_err();
    assert!(matches!(error, FileError::Failed { action: "make", .. }), "{error}");
    // A directory where a file should be.
    std::fs::create_dir_all(scratch.0.join("snapshot")).unwrap();
    let error = FileStorage::open(&scratch.0).unwrap().load().unwrap_err();
    assert!(error.to_string().starts_with("cannot read ") && error.to_string().contains("snapshot"), "{error}");
}

/// Damage that no crash does is told, and nothing is overwritten.
#[test]
fn flipped_bits_are_told_and_left_as_they_are() {
    let scratch = Scratch::new();
    let open_set = |storage| Persistent::<OrSet<u8>, _>::open(storage, Limits::default(), resume);
    let mut set = open_set(FileStorage::open(&scratch.0).unwrap()).unwrap();
    for element in 0..4 {
        set.update(|set, writer| set.insert(writer, element));
        set.save().unwrap();
    }
    drop(set);
    let Stored { snapshot, log } = FileStorage::open(&scratch.0).unwrap().load().unwrap();
    let (mut journal, loaded) = Journal::<OrSet<u8>>::open(&Stored { snapshot, log }, Limits::default()).unwrap();
    let loaded = loaded.unwrap();
    // A snapshot, and a log behind it.
    let mut storage = FileStorage::open(&scratch.0).unwrap();
    let mut value = loaded.value;
    let mut writer = Writer::resume_exclusive(loaded.writer);
    journal = journal.with_log_bytes(0);
    value.insert(&mut writer, 4);
    let step = journal.record(&value, &writer).unwrap().unwrap();
    assert!(matches!(step, Step::Replace(_)));
    storage.perform(&step).unwrap();
    journal.done();
    journal = journal.with_log_bytes(1 << 20);
    for element in 5..8 {
        value.insert(&mut writer, element);
        let step = journal.record(&value, &writer).unwrap().unwrap();
        storage.perform(&step).unwrap();
        journal.done();
    }
    drop(storage);
    for name in ["snapshot", "log"] {
        let path = scratch.0.join(name);
        let sound = std::fs::read(&path).unwrap();
        let third = sound.len() * 2 / 3;
        for at in 0..if name == "log" { third - 8 } else { sound.len() } {
            let mut damaged = sound.clone();
            damaged[at] ^= 1 << (at % 8);
            std::fs::write(&path, &damaged).unwrap();
            let error = open_set(FileStorage::open(&scratch.0).unwrap()).map(|_| ()).unwrap_err();
            let told = matches!(&error, PersistError::Load(LoadError::Snapshot(_) | LoadError::Corrupt { .. }));
            assert!(told, "{name} {at}: {error}");
            assert_eq!(std::fs::read(&path).unwrap(), damaged);
        }
        std::fs::write(&path, &sound).unwrap();
    }
    assert_eq!(open_set(FileStorage::open(&scratch.0).unwrap()).unwrap().value(), &value);
}

use alloc::vec::Vec;
use core::fmt;

use super::{Storage, Stored};

/// A storage in memory that can crash and fail as a disk does, for tests and simulations.
#[derive(Debug, Clone, Default)]
pub struct MemoryStorage {
    snapshot: Option<Vec<u8>>,
    log: Vec<u8>,
    /// How much of the log is synced.
    synced: usize,
    steps: u64,
    fault: Option<(u64, Fault)>,
}

/// How a step fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing happens.
    Nothing,
    /// It happens in part: so many bytes are appended; of a `replace`, the snapshot is there and the log is
    /// not empty.
    Partly(usize),
    /// Everything happens; only the answer is an error.
    Everything,
}

/// The storage failed, as it was told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageFault;

impl fmt::Display for StorageFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the storage failed, as it was told to")
    }
}

impl core::error::Error for StorageFault {}

impl MemoryStorage {
    /// An empty storage.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A storage in which this is found.
    #[must_use]
    pub fn holding(stored: Stored) -> Self {
        let synced = stored.log.len();
        Self { snapshot: stored.snapshot, log: stored.log, synced, ..Self::default() }
    }

    /// What is there now, synced or not.
    #[must_use]
    pub fn stored(&self) -> Stored {
        Stored { snapshot: self.snapshot.clone(), log: self.log.clone() }
    }

    /// How many steps (replacements, appends, syncs) there were.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// How many bytes a crash can take away.
    #[must_use]
    pub fn unsynced(&self) -> usize {
        self.log.len() - self.synced
    }

    /// The machine stops: of what was not synced, the first `keep` bytes are found again.
    pub fn crash(&mut self, keep: usize) {
        self.log.truncate((self.synced + keep).min(self.log.len()));
        self.synced = self.log.len();
        self.fault = None;
    }

    /// Step number `step` (the first is 0) fails in this way.
    pub fn fail_at(&mut self, step: u64, fault: Fault) {
        self.fault = Some((step, fault));
    }

    /// The fault of this step, if it has one.
    fn step(&mut self) -> Option<Fault> {
        let step = self.steps;
        self.steps += 1;
        self.fault.take_if(|(at, _)| *at == step).map(|(_, fault)| fault)
    }
}

fn answer(fault: Option<Fault>) -> Result<(), StorageFault> {
    if fault.is_some() { Err(StorageFault) } else { Ok(()) }
}

impl Storage for MemoryStorage {
    type Error = StorageFault;

    fn load(&mut self) -> Result<Stored, StorageFault> {
        self.synced = self.log.len();
        Ok(self.stored())
    }

    fn replace(&mut self, snapshot: &[u8]) -> Result<(), StorageFault> {
        let fault = self.step();
        if fault != Some(Fault::Nothing) {
            self.snapshot = Some(snapshot.to_vec());
        }
        if matches!(fault, None | Some(Fault::Everything)) {
            self.log.clear();
            self.synced = 0;
        }
        answer(fault)
    }

    fn append(&mut self, record: &[u8]) -> Result<(), StorageFault> {
        let fault = self.step();
        let len = match fault {
            Some(Fault::Nothing) => 0,
            Some(Fault::Partly(len)) => len.min(record.len()),
            None | Some(Fault::Everything) => record.len(),
        };
        self.log.extend_from_slice(&record[..len]);
        answer(fault)
    }

    fn sync(&mut self) -> Result<(), StorageFault> {
        let fault = self.step();
        self.synced = match fault {
            Some(Fault::Nothing) => self.synced,
            Some(Fault::Partly(len)) => (self.synced + len).min(self.log.len()),
            None | Some(Fault::Everything) => self.log.len(),
        };
        answer(fault)
    }
}

//! A whole replica in durable storage: its value and the record of its writer, together.
//!
//! [`Journal`] decides what is written and reads it back, and does no I/O itself; [`Storage`] is where the
//! bytes are; [`Persistent`] joins the two. What was called persisted survives a crash at any point.

#[cfg(feature = "std")]
mod file;
mod frame;
mod journal;
mod memory;
mod persistent;

#[cfg(feature = "std")]
pub use file::{FileCall, FileError, FileStorage};
pub use journal::{Journal, LoadError, Loaded, Step};
pub use memory::{Fault, MemoryStorage, StorageFault};
pub use persistent::{PersistError, Persistent};

use alloc::vec::Vec;

/// What a [`Storage`] holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stored {
    /// The last snapshot, if there is one.
    pub snapshot: Option<Vec<u8>>,
    /// All that was appended since, in order. After a crash the end may be missing, or be garbage.
    pub log: Vec<u8>,
}

/// Where a replica is kept: one snapshot that is replaced as a whole, and a log that grows.
///
/// # For implementers
/// * One process at a time: take an exclusive lock when the storage is opened, and hold it until it is
///   dropped. Two writers with one id lose data; nothing above this can prevent that.
/// * [`replace`](Storage::replace) is atomic. With files: write the snapshot to a new file, sync it,
///   rename it over the old one, sync the directory, truncate the log, sync the log. A crash may leave
///   the old snapshot with the old log, or the new snapshot with the old log or an empty one: snapshots
///   and log records carry a generation, and records of an earlier one are passed over.
/// * [`append`](Storage::append) need not be durable before [`sync`](Storage::sync) returns. Until then a
///   crash may leave any part of what was appended, or garbage in its place, but must not touch what was
///   synced before.
/// * An error says nothing about what happened. After one, the log is not appended to again: the next
///   step is a `replace`.
pub trait Storage {
    /// What can go wrong.
    type Error: core::error::Error;

    /// Reads everything. Called once, before anything is written. What it returns is taken for durable, so
    /// sync what a process before may have left unsynced.
    ///
    /// # Errors
    /// If the storage cannot be read. A storage in which nothing was ever written is no error.
    fn load(&mut self) -> Result<Stored, Self::Error>;

    /// Makes this the snapshot and the log empty, durably and atomically.
    ///
    /// # Errors
    /// If that is not sure to have happened.
    fn replace(&mut self, snapshot: &[u8]) -> Result<(), Self::Error>;

    /// Appends to the log.
    ///
    /// # Errors
    /// If that is not sure to have happened.
    fn append(&mut self, record: &[u8]) -> Result<(), Self::Error>;

    /// Makes durable all that was appended.
    ///
    /// # Errors
    /// If that is not sure to have happened.
    fn sync(&mut self) -> Result<(), Self::Error>;

    /// Does what a [`Journal`] wants to be done, durably.
    ///
    /// # Errors
    /// If that is not sure to have happened.
    fn perform(&mut self, step: &Step) -> Result<(), Self::Error> {
        match step {
            Step::Append(record) => self.append(record).and_then(|()| self.sync()),
            Step::Replace(snapshot) => self.replace(snapshot),
        }
    }
}

use core::fmt;

use super::{Journal, LoadError, Storage};
use crate::causality::{VersionVector, Writer, WriterRecord};
use crate::codec::Limits;
use crate::{DeltaCrdt, Unreadable};

/// A whole replica in storage: a value, its writer, and the journal that keeps the two together.
///
/// ```
/// use dotted::{MemoryStorage, OrSet, Persistent, Uuid, Writer};
///
/// let resume = |record: Option<_>| record.map_or_else(Writer::new, |record| Writer::resume(record, Uuid::new_v4()));
///
/// let mut replica = Persistent::<OrSet<u8>, _>::open(MemoryStorage::new(), Default::default(), resume)?;
/// replica.update(|set, writer| set.insert(writer, 1));
/// replica.save()?; // Now it may leave.
/// replica.update(|set, writer| set.insert(writer, 2));
///
/// let mut disk = replica.into_storage();
/// disk.crash(0);
/// let replica = Persistent::<OrSet<u8>, _>::open(disk, Default::default(), resume)?;
/// assert!(replica.value().iter().eq([&1]));
/// # Ok::<(), dotted::PersistError<dotted::StorageFault>>(())
/// ```
pub struct Persistent<C, S> {
    value: C,
    writer: Writer,
    journal: Journal<C>,
    storage: S,
}

/// Why a replica was not loaded or not saved.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PersistError<E> {
    /// The storage failed. In memory nothing has changed; what was not persisted before is not known
    /// to be now. Saving again is safe, and writes a snapshot.
    Storage(E),
    /// What is stored cannot be read. Nothing was changed.
    Load(LoadError),
    /// What is new cannot be read back from its bytes. What is stored is as it was; overwrite or remove the key that it
    /// names, and save again.
    Unreadable(Unreadable),
}

impl<E: fmt::Display> fmt::Display for PersistError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage(error) => write!(f, "the storage failed: {error}"),
            Self::Load(error) => fmt::Display::fmt(error, f),
            Self::Unreadable(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl<E: core::error::Error> core::error::Error for PersistError<E> {}

impl<E> From<LoadError> for PersistError<E> {
    fn from(error: LoadError) -> Self {
        Self::Load(error)
    }
}

impl<C: DeltaCrdt, S: Storage> Persistent<C, S> {
    /// Loads what is stored, or starts empty. `writer` is given the saved record of the writer, if there
    /// is one, and decides how to go on: see [Resuming](Writer#resuming).
    ///
    /// # Errors
    /// [`PersistError`]. Nothing was written.
    pub fn open(
        mut storage: S,
        limits: Limits,
        writer: impl FnOnce(Option<WriterRecord>) -> Writer,
    ) -> Result<Self, PersistError<S::Error>> {
        let stored = storage.load().map_err(PersistError::Storage)?;
        let (journal, loaded) = Journal::<C>::open(&stored, limits)?;
        let (value, record) = loaded.map_or_else(|| (C::default(), None), |loaded| (loaded.value, Some(loaded.writer)));
        Ok(Self { value, writer: writer(record), journal, storage })
    }

    /// Takes a snapshot when the log is longer than this and than the last snapshot. 1 MiB unless told.
    #[must_use]
    pub fn with_log_bytes(mut self, bytes: u64) -> Self {
        self.journal = self.journal.with_log_bytes(bytes);
        self
    }

    /// The value, as it is in memory.
    #[must_use]
    pub const fn value(&self) -> &C {
        &self.value
    }

    /// The writer.
    #[must_use]
    pub const fn writer(&self) -> &Writer {
        &self.writer
    }

    /// Changes the value, in memory. Nothing of that may leave before it is [saved](Persistent::save):
    /// before it is within [`persisted`](Persistent::persisted).
    pub fn update<R>(&mut self, update: impl FnOnce(&mut C, &mut Writer) -> R) -> R {
        update(&mut self.value, &mut self.writer)
    }

    /// Makes everything durable, and says what is.
    ///
    /// # Errors
    /// [`PersistError::Storage`] or [`PersistError::Unreadable`]. Then [`persisted`](Persistent::persisted) is what it was. Try again, or
    /// give up; in memory nothing is lost.
    pub fn save(&mut self) -> Result<&VersionVector, PersistError<S::Error>> {
        // A step from before a panic inside of the storage.
        self.journal.failed();
        if let Some(step) = self.journal.record(&self.value, &self.writer).map_err(PersistError::Unreadable)? {
            match self.storage.perform(&step) {
                Ok(()) => self.journal.done(),
                Err(error) => {
                    self.journal.failed();
                    return Err(PersistError::Storage(error));
                }
            }
        }
        Ok(self.journal.persisted())
    }

    /// What is durable, and may leave.
    #[must_use]
    pub const fn persisted(&self) -> &VersionVector {
        self.journal.persisted()
    }

    /// The journal.
    #[must_use]
    pub const fn journal(&self) -> &Journal<C> {
        &self.journal
    }

    /// Gives the storage back. What was not saved is lost.
    #[must_use]
    pub fn into_storage(self) -> S {
        self.storage
    }
}

impl<C: fmt::Debug, S> fmt::Debug for Persistent<C, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Persistent")
            .field("value", &self.value)
            .field("writer", &self.writer)
            .field("journal", &self.journal)
            .finish_non_exhaustive()
    }
}

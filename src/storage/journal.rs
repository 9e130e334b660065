use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use super::{Stored, frame};
use crate::causality::{VersionVector, Writer, WriterRecord};
use crate::codec::envelope::{self, Content};
use crate::codec::wire::{Reader, put_varint};
use crate::codec::{DecodeError, Limits};
use crate::mutants::{self, Mutant};
use crate::{ApplyError, DeltaCrdt, Unreadable};

/// Decides what of a replica is written to storage, and reads it back. It does no I/O itself.
///
/// There is no way to make one without what is [`Stored`], so that nothing is overwritten that was
/// not read. Each [`record`](Journal::record) gives a [`Step`] with all that is new of the value *and*
/// of its writer, in one record that is found again as a whole or not at all; a group of writes is
/// never cut. When the step is durable, say so by [`done`](Journal::done): then, and not before,
/// [`persisted`](Journal::persisted) moves on, and what it covers may leave the process.
///
/// Use one writer for the value of one journal. A writer that writes to other values, too, must have its
/// [`record`](Writer::record) durable before any of *those* leave.
///
/// ```
/// use dotted::{Journal, OrSet, Step, Stored, Writer};
///
/// let (mut journal, _) = Journal::<OrSet<u8>>::open(&Stored::default(), Default::default())?;
/// let (mut set, mut writer) = (OrSet::new(), Writer::new());
/// set.insert(&mut writer, 1);
/// let Some(Step::Append(bytes)) = journal.record(&set, &writer)? else { panic!() };
/// assert!(journal.persisted().is_empty());
/// journal.done(); // The bytes are durable.
/// assert_eq!(journal.persisted(), set.version());
///
/// let stored = Stored { snapshot: None, log: bytes };
/// let (_, loaded) = Journal::<OrSet<u8>>::open(&stored, Default::default())?;
/// assert_eq!(loaded.unwrap().value, set);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Journal<C> {
    persisted: VersionVector,
    /// What is durable of the writer.
    writer: Option<WriterRecord>,
    generation: u64,
    /// The length of the log, if it is sound and may be appended to.
    log: Option<u64>,
    snapshot: u64,
    log_bytes: u64,
    /// Of the application's data: that of the limits with which it was opened.
    schema: u32,
    pending: Option<Pending>,
    /// What is stored is another state of the version that was persisted.
    is_outdated: bool,
    value: PhantomData<fn() -> C>,
}

/// A step that was given out and is not known to be done.
#[derive(Clone)]
struct Pending {
    version: VersionVector,
    writer: WriterRecord,
    generation: u64,
    log: u64,
    snapshot: u64,
}

/// What is to be written next. It must be durable before [`Journal::done`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Append this to the log, and sync it.
    Append(Vec<u8>),
    /// Replace the snapshot by this, atomically; the log is empty afterwards.
    Replace(Vec<u8>),
}

/// What came back from storage.
#[derive(Debug, Clone)]
pub struct Loaded<C> {
    /// The value: all that was persisted, and perhaps what was just being written.
    pub value: C,
    /// The record of its writer, for [`Writer::resume`].
    pub writer: WriterRecord,
    /// How many bytes at the end of the log were dropped, since a crash left them incomplete. They were
    /// never called persisted.
    pub dropped: usize,
}

/// What is stored cannot be read. Nothing was changed, and no journal was made that could.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadError {
    /// Malformed or refused: the snapshot.
    Snapshot(DecodeError),
    /// Malformed: the log is damaged here, and whole records follow. Something that was called
    /// persisted is lost; a crash does not do that.
    Corrupt {
        /// The place in the log.
        at: usize,
    },
    /// Malformed or refused: a record that is whole, at this place.
    Record {
        /// The place in the log.
        at: usize,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// Refused: a record that is whole does not follow upon those before it.
    Apply {
        /// The place in the log.
        at: usize,
        /// What is wrong with it.
        error: ApplyError,
    },
    /// Malformed: the log belongs to a later snapshot than the one that is there.
    SnapshotLost,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Snapshot(error) => write!(f, "the snapshot cannot be read: {error}"),
            Self::Corrupt { at } => write!(f, "the log is damaged at byte {at}, before whole records"),
            Self::Record { at, error } => write!(f, "the log record at byte {at} cannot be read: {error}"),
            Self::Apply { at, error } => write!(f, "the log record at byte {at} does not follow: {error}"),
            Self::SnapshotLost => f.write_str("the log belongs to a later snapshot than the one that is there"),
        }
    }
}

impl core::error::Error for LoadError {}

impl<C: DeltaCrdt> Journal<C> {
    /// Reads what is stored. `None` says that nothing was ever saved. What was saved is read whatever the limits are: of
    /// them only the schema counts here.
    ///
    /// # Errors
    /// [`LoadError`]. Then there is no journal, and nothing is overwritten.
    pub fn open(stored: &Stored, limits: Limits) -> Result<(Self, Option<Loaded<C>>), LoadError> {
        let limits = Limits::unlimited().with_schema(limits.schema);
        let mut value = C::default();
        let mut writer = None;
        let mut generation = 0;
        if let Some(bytes) = &stored.snapshot {
            let saved = Saved::<C>::decode(bytes, &limits).map_err(LoadError::Snapshot)?;
            (value, writer, generation) = (saved.value, Some(saved.writer), saved.generation);
        }
        let log = &stored.log;
        let (mut at, mut stale) = (0, false);
        while let Some(found) = frame::at(log, at) {
            if found.generation > generation {
                return Err(LoadError::SnapshotLost);
            }
            if found.generation < generation {
                stale = true;
            } else {
                let record = |error| LoadError::Record { at, error };
                let (new, delta) = take_record::<C>(found.record, &limits).map_err(record)?;
                value.apply(delta).map_err(|error| LoadError::Apply { at, error })?;
                writer = Some(new);
            }
            at = found.end;
        }
        if frame::any_behind(log, at, generation) {
            return Err(LoadError::Corrupt { at });
        }
        let dropped = log.len() - at;
        let journal = Self {
            persisted: value.version().clone(),
            writer: writer.clone(),
            generation,
            log: (dropped == 0 && !stale).then_some(at as u64),
            snapshot: stored.snapshot.as_ref().map_or(0, Vec::len) as u64,
            log_bytes: 1 << 20,
            schema: limits.schema,
            pending: None,
            is_outdated: false,
            value: PhantomData,
        };
        let writer = writer.map(|writer| match mutants::on(Mutant::ResumeFromValue) {
            false => writer,
            true => as_the_value_says(&writer, value.version()),
        });
        Ok((journal, writer.map(|writer| Loaded { value, writer, dropped })))
    }

    /// Takes a snapshot when the log is longer than this and than the last snapshot. 1 MiB unless told.
    #[must_use]
    pub fn with_log_bytes(mut self, bytes: u64) -> Self {
        self.log_bytes = bytes;
        self
    }

    /// A second journal of the same storage: for a search, in which each goes on in a world of its own.
    #[cfg(feature = "mutants")]
    #[doc(hidden)]
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self { persisted: self.persisted.clone(), writer: self.writer.clone(), pending: self.pending.clone(), ..*self }
    }

    /// All that is durable of the value: what may leave the process.
    #[must_use]
    pub const fn persisted(&self) -> &VersionVector {
        &self.persisted
    }

    /// What is durable of the writer, if anything was ever saved.
    #[must_use]
    pub const fn writer(&self) -> Option<&WriterRecord> {
        self.writer.as_ref()
    }

    /// The length of the log, where it may be appended to.
    #[must_use]
    pub const fn log_len(&self) -> Option<u64> {
        self.log
    }

    /// Whether all of a version is durable.
    #[must_use]
    pub fn has(&self, version: &VersionVector) -> bool {
        !self.is_outdated && self.persisted == *version
    }

    /// The value holds something else than before under names that were persisted
    /// ([`Causal::adopt`](crate::Causal::adopt)): the next step stores all of it.
    pub fn outdate(&mut self) {
        // A step that is under way holds what was there before.
        self.failed();
        self.is_outdated = true;
    }

    /// Whether a step was given out and not answered yet.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        self.pending.is_some()
    }

    /// What must be written for the value and its writer, as they are now, to be durable. `None` if they
    /// are already, or while a step is [busy](Journal::is_busy): one at a time, so that a crash can damage
    /// no more than the last record.
    ///
    /// Costs what is new, or O(state) for a snapshot. A value that was rolled back, or whose writer is neither the
    /// one before nor its next incarnation (after [`Causal::rebase`](crate::Causal::rebase)), is saved as a snapshot.
    /// What is new is read back once before it is given out, so that nothing counts as saved that cannot be loaded.
    ///
    /// # Errors
    /// [`Unreadable`], naming type and key: what is new cannot be read back. There is no step, and what is stored is as it
    /// was. Overwrite or remove that key.
    pub fn record(&mut self, value: &C, writer: &Writer) -> Result<Option<Step>, Unreadable> {
        let version = value.version();
        let record = writer.record();
        if self.pending.is_some() || (self.writer.as_ref() == Some(&record) && self.has(version)) {
            return Ok(None);
        }
        let nothing = VersionVector::new();
        value.check_since(if self.is_outdated { &nothing } else { &self.persisted })?;
        let continues = !self.is_outdated
            && self.persisted <= *version
            && self.writer.as_ref().is_none_or(|before| writer.follows(before.uuid()));
        let room = self.log.filter(|&log| continues && log <= self.log_bytes.max(self.snapshot));
        let pending = |generation, log, snapshot| {
            Some(Pending { version: version.clone(), writer: record.clone(), generation, log, snapshot })
        };
        let logged = room.map(|log| (log, put_record(value, &record, &self.persisted, self.schema)));
        match logged.filter(|(_, bytes)| bytes.len() <= frame::LONGEST) {
            Some((log, logged)) => {
                let mut bytes = Vec::new();
                frame::put(log, self.generation, &logged, &mut bytes);
                self.pending = pending(self.generation, log + bytes.len() as u64, self.snapshot);
                if mutants::on(Mutant::PersistedTooEarly) {
                    self.persisted = version.clone();
                }
                Ok(Some(Step::Append(bytes)))
            }
            None => {
                let generation = self.generation + 1;
                let bytes = put_saved(value, &record, generation, self.schema);
                self.pending = pending(generation, 0, bytes.len() as u64);
                Ok(Some(Step::Replace(bytes)))
            }
        }
    }

    /// The step that was given out is durable. Without one, this does nothing.
    pub fn done(&mut self) {
        let Some(Pending { version, writer, generation, log, snapshot }) = self.pending.take() else { return };
        self.persisted = version;
        self.writer = Some(writer);
        self.generation = generation;
        self.log = Some(log);
        self.snapshot = snapshot;
        self.is_outdated = false;
    }

    /// The step that was given out failed, or may have. What it wrote may be there in part, so the log is
    /// not appended to again: the next step is a snapshot. Without a step, this does nothing.
    pub fn failed(&mut self) {
        let Some(pending) = self.pending.take() else { return };
        // A snapshot that is there after all has this generation. The next one must not have it.
        self.generation = pending.generation;
        if !mutants::on(Mutant::AppendAfterFailure) {
            self.log = None;
        }
    }
}

impl<C> fmt::Debug for Journal<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("persisted", &self.persisted)
            .field("generation", &self.generation)
            .field("log", &self.log)
            .finish_non_exhaustive()
    }
}

/// The mistake of rebuilding the record of a writer from the value.
fn as_the_value_says(writer: &WriterRecord, version: &VersionVector) -> WriterRecord {
    let last = (0..writer.branches()).map(|branch| version.get(&crate::ReplicaId::new(writer.uuid(), branch)));
    WriterRecord::checked(writer.uuid(), 0, last.collect()).unwrap_or_else(|_| writer.clone())
}

/// A snapshot, read back.
struct Saved<C> {
    generation: u64,
    writer: WriterRecord,
    value: C,
}

impl<C: DeltaCrdt> Saved<C> {
    fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, DecodeError> {
        let mut reader = open(bytes, Content::Saved)?;
        let generation = reader.varint()?;
        let writer = WriterRecord::take(&mut reader)?;
        Ok(Self { generation, writer, value: C::decode(reader.rest, limits)? })
    }
}

/// Opens an envelope of this module: it bounds nothing, what is inside does.
fn open(bytes: &[u8], content: Content) -> Result<Reader<'_>, DecodeError> {
    envelope::open_plain(bytes, content, usize::MAX)
}

fn put_saved<C: DeltaCrdt>(value: &C, writer: &WriterRecord, generation: u64, schema: u32) -> Vec<u8> {
    envelope::seal_plain(Content::Saved, |out| {
        put_varint(out, generation);
        writer.put(out);
        value.encode_into(schema, out);
    })
}

fn put_record<C: DeltaCrdt>(value: &C, writer: &WriterRecord, since: &VersionVector, schema: u32) -> Vec<u8> {
    envelope::seal_plain(Content::Logged, |out| {
        writer.put(out);
        value.encode_delta_since_into(since, schema, out);
    })
}

fn take_record<C: DeltaCrdt>(bytes: &[u8], limits: &Limits) -> Result<(WriterRecord, C::Delta), DecodeError> {
    let mut reader = open(bytes, Content::Logged)?;
    let writer = WriterRecord::take(&mut reader)?;
    Ok((writer, C::decode_delta(reader.rest, limits)?))
}

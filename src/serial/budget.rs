use core::cell::Cell;
use core::fmt;

use super::{DEPTH_MAX, EMPTY_ITEMS};

/// In readable formats, what stands above a key or a value: the record, parts, rows, a row.
const ROWS: u16 = 8;

/// What is counted while one thing is written or read.
#[derive(Debug)]
pub(crate) struct Budget {
    depth: u16,
    /// Whether bytes and items are counted. They are not in readable formats, where every item takes some.
    counts: bool,
    /// Bytes so far.
    bytes: Cell<usize>,
    /// Items so far that took no bytes.
    empty: Cell<usize>,
    fault: Cell<Option<Unfit>>,
}

/// Why a key or a value cannot be written or read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unfit {
    /// It is nested deeper than 192 options, lists, maps, tuples, structs and enums.
    TooDeep,
    /// More of its items take no bytes than it has bytes, and 256 more.
    TooManyItems,
    /// Its `Serialize` failed, or the format cannot write it.
    NotWritten,
    /// Its `Deserialize` does not read what its `Serialize` writes.
    NotRead,
    /// What is read is not what was written, or is not written in the same bytes again.
    Changed,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooDeep => "it is nested too deep",
            Self::TooManyItems => "it has too many items that take no bytes",
            Self::NotWritten => "its `Serialize` failed, or needs a format that describes itself",
            Self::NotRead => "its `Deserialize` does not read what its `Serialize` writes",
            Self::Changed => "what is read back is another value, or has other bytes",
        })
    }
}

impl Budget {
    /// For one key or value in the postcard format.
    pub(super) const fn new() -> Self {
        Self::with(DEPTH_MAX, true)
    }

    /// For all that is inside of a value in a readable format.
    pub(crate) const fn readable() -> Self {
        Self::with(DEPTH_MAX + ROWS, false)
    }

    const fn with(depth: u16, counts: bool) -> Self {
        let (bytes, empty) = (Cell::new(0), Cell::new(0));
        Self { depth, counts, bytes, empty, fault: Cell::new(None) }
    }

    pub(super) const fn bytes(&self) -> &Cell<usize> {
        &self.bytes
    }

    /// What came of it. A fault counts even if the type went on in spite of it.
    pub(crate) fn judge<T, E>(&self, result: Result<T, E>, error: fn(Unfit) -> E) -> Result<T, E> {
        match self.fault.get() {
            Some(fault) => Err(error(fault)),
            None => result,
        }
    }

    /// The depth below `depth`.
    #[inline]
    pub(super) fn below<E>(&self, depth: u16, error: fn(Unfit) -> E) -> Result<u16, E> {
        if depth < self.depth { Ok(depth + 1) } else { Err(self.refuse(Unfit::TooDeep, error)) }
    }

    /// After an item that began with so many bytes before it.
    #[inline]
    pub(super) fn item<E>(&self, before: usize, error: fn(Unfit) -> E) -> Result<(), E> {
        if self.bytes.get() > before || !self.counts {
            return Ok(());
        }
        self.empty.set(self.empty.get() + 1);
        if self.empty.get() <= before + EMPTY_ITEMS {
            return Ok(());
        }
        Err(self.refuse(Unfit::TooManyItems, error))
    }

    #[cold]
    fn refuse<E>(&self, fault: Unfit, error: fn(Unfit) -> E) -> E {
        self.fault.set(Some(fault));
        error(fault)
    }
}

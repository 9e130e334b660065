use core::fmt;

/// Bytes that were not accepted. Nothing was changed anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// Malformed: the bytes end too early.
    Truncated,
    /// Malformed: not this format at all.
    NotDotted,
    /// Malformed: the checksum is wrong.
    Checksum,
    /// Malformed: something that no encoder of this version writes.
    Malformed(&'static str),
    /// Malformed: a key or a value is not what its type reads.
    Value,
    /// Refused: a version of the format that this build does not read.
    UnsupportedVersion(u8),
    /// Refused: an extension that must be understood and is not. Of what is stored that is every one.
    UnsupportedExtension(u64),
    /// Refused: another thing (a state, a delta, an operation, a version vector) than was asked for.
    WrongKind,
    /// Refused: a value of another type.
    WrongType,
    /// Refused: keys and values of another application schema.
    WrongSchema {
        /// The schema of the bytes.
        found: u32,
    },
    /// Refused: more than [`Limits`](crate::Limits) allow; this is the limit.
    TooLarge(&'static str),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the bytes end too early"),
            Self::NotDotted => f.write_str("these bytes are not of this format"),
            Self::Checksum => f.write_str("the checksum is wrong"),
            Self::Malformed(what) => write!(f, "malformed: {what}"),
            Self::Value => f.write_str("malformed: a key or a value does not fit its type"),
            Self::UnsupportedVersion(version) => write!(f, "format version {version} is not supported"),
            Self::UnsupportedExtension(id) => write!(f, "extension {id} is not supported"),
            Self::WrongKind => f.write_str("the bytes hold another kind of thing"),
            Self::WrongType => f.write_str("the bytes hold a value of another type"),
            Self::WrongSchema { found } => write!(f, "the bytes have the application schema {found}"),
            Self::TooLarge(limit) => write!(f, "more {limit} than the limits allow"),
        }
    }
}

impl core::error::Error for DecodeError {}

/// What a decoder accepts. Memory is never reserved for what a length claims, only for what the
/// bytes hold; these limits bound the bytes and what they may name. Dense sets of dots are a bit or
/// two each in bytes and 16 to 60 bytes each in memory, so that [`events`](Limits::events) is the
/// bound that matters for memory.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The length of the input, in bytes.
    pub bytes: usize,
    /// How many writers it may name.
    pub writers: usize,
    /// How many events it may hold, in all of its parts; and how many runs of live ones.
    pub events: usize,
    /// The application schema that is expected: what your keys and values look like.
    pub schema: u32,
}

impl Default for Limits {
    /// 256 MiB, 65,536 writers, 2²⁴ events, schema 0.
    fn default() -> Self {
        Self { bytes: 256 << 20, writers: 1 << 16, events: 1 << 24, schema: 0 }
    }
}

impl Limits {
    /// The same limits for data of another application schema.
    #[must_use]
    pub fn with_schema(mut self, schema: u32) -> Self {
        self.schema = schema;
        self
    }

    /// The same limits with another bound on the input's length.
    #[must_use]
    pub fn with_bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// The same limits with another bound on the number of writers.
    #[must_use]
    pub fn with_writers(mut self, writers: usize) -> Self {
        self.writers = writers;
        self
    }

    /// The same limits with another bound on the number of events.
    #[must_use]
    pub fn with_events(mut self, events: usize) -> Self {
        self.events = events;
        self
    }
}

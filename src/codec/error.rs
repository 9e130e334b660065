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
    /// Refused: a key or a value is nested deeper than 192 options, lists, maps, tuples, structs and enums.
    TooDeep,
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
            Self::TooDeep => f.write_str("a key or a value is nested too deep"),
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

use alloc::vec::Vec;

use xxhash_rust::xxh64::xxh64;

use super::wire::{Reader, put_varint};
use super::{DecodeError, Limits};

const MAGIC: [u8; 4] = *b"dotd";
const VERSION: u8 = 1;
const CHECKSUM: usize = 4;

/// What an envelope holds.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Content {
    /// A snapshot: all that is stored.
    State = 1,
    /// What replicas agree on; only ever hashed and compared.
    View = 2,
    Delta = 3,
    Operation = 4,
    Version = 5,
    /// What must be durable of a writer.
    Writer = 6,
    /// A replica in storage: its value and the record of its writer.
    Saved = 7,
    /// What a replica has learned since it was saved.
    Logged = 8,
    // Messages between replicas: `replication/message.rs`.
    Have = 16,
    Part = 17,
    Nack = 18,
    Audit = 19,
    // Messages between rebalancers: `replication/rebalancer/message.rs`.
    Want = 20,
    Grant = 21,
}

impl Content {
    /// Whether it is kept in storage, and written again from what was read. Nobody else has what is lost of it.
    const fn is_stored(self) -> bool {
        matches!(self, Self::Writer | Self::Saved | Self::Logged)
    }
}

/// Whether a message between replicas holds a state or a part of one.
#[cfg(feature = "simulation")]
pub(crate) fn is_state(bytes: &[u8]) -> bool {
    claimed(bytes) == Some(Content::Part as u8)
}

/// Wraps what `write` appends: magic, version, kind, schema, shape, extensions, payload, checksum.
pub(crate) fn seal(
    out: &mut Vec<u8>,
    content: Content,
    schema: u32,
    shape: fn(&mut Vec<u8>),
    write: impl FnOnce(&mut Vec<u8>),
) {
    let start = begin(out, content, schema, shape);
    write(out);
    let checksum = checksum(&out[start..]);
    out.extend_from_slice(&checksum);
}

/// Writes what stands before the payload. Returns where the envelope begins.
fn begin(out: &mut Vec<u8>, content: Content, schema: u32, shape: fn(&mut Vec<u8>)) -> usize {
    let start = out.len();
    out.extend_from_slice(&MAGIC);
    out.push(VERSION);
    out.push(content as u8);
    put_varint(out, u64::from(schema));
    let mut tags = Vec::new();
    shape(&mut tags);
    put_varint(out, tags.len() as u64);
    out.extend_from_slice(&tags);
    out.push(0);
    start
}

/// As [`seal`], for what holds no data of an application: no schema and no shape.
pub(crate) fn seal_plain(content: Content, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    seal(&mut out, content, 0, |_| {}, write);
    out
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    (xxh64(bytes, 0) as u32).to_le_bytes()
}

/// What an envelope says that it holds, before anything about it has been checked.
pub(crate) fn claimed(bytes: &[u8]) -> Option<u8> {
    bytes.get(MAGIC.len() + 1).copied()
}

/// Checks the envelope and gives its payload.
pub(crate) fn open<'a>(
    bytes: &'a [u8],
    content: Content,
    limits: &Limits,
    shape: fn(&mut Vec<u8>),
) -> Result<Reader<'a>, DecodeError> {
    if bytes.len() > limits.bytes {
        return Err(DecodeError::TooLarge("bytes"));
    }
    let mut reader = Reader::new(bytes);
    if reader.take(MAGIC.len())? != MAGIC {
        return Err(DecodeError::NotDotted);
    }
    match reader.byte()? {
        VERSION => {}
        version => return Err(DecodeError::UnsupportedVersion(version)),
    }
    let payload = bytes.len().checked_sub(CHECKSUM).ok_or(DecodeError::Truncated)?;
    if checksum(&bytes[..payload]) != bytes[payload..] {
        return Err(DecodeError::Checksum);
    }
    let end = reader.rest.len().checked_sub(CHECKSUM).ok_or(DecodeError::Truncated)?;
    reader.rest = &reader.rest[..end];
    if reader.byte()? != content as u8 {
        return Err(DecodeError::WrongKind);
    }
    let schema = u32::try_from(reader.varint()?).map_err(|_| DecodeError::Malformed("the schema has 32 bits"))?;
    let len = usize::try_from(reader.varint()?).map_err(|_| DecodeError::Truncated)?;
    let found = reader.take(len)?;
    let mut tags = Vec::new();
    shape(&mut tags);
    if found != tags {
        return Err(DecodeError::WrongType);
    }
    if schema != limits.schema {
        return Err(DecodeError::WrongSchema { found: schema });
    }
    skip_extensions(&mut reader, content.is_stored())?;
    Ok(reader)
}

/// Checks an envelope that [`seal_plain`] made, of at most so many bytes, and gives its payload.
pub(crate) fn open_plain(bytes: &[u8], content: Content, most: usize) -> Result<Reader<'_>, DecodeError> {
    open(bytes, content, &Limits::default().with_bytes(most), |_| {})
}

/// Extensions: a length, then entries of an id, a length and bytes, by ascending id. Whoever does not
/// know an even one passes over it, and whoever does not know an odd one refuses the whole.
///
/// What is passed over is not written again, so of what is stored every unknown one is refused.
fn skip_extensions(reader: &mut Reader<'_>, all_must_be_known: bool) -> Result<(), DecodeError> {
    let len = usize::try_from(reader.varint()?).map_err(|_| DecodeError::Truncated)?;
    let mut entries = Reader::new(reader.take(len)?);
    let mut last = None;
    while !entries.rest.is_empty() {
        let id = entries.varint()?;
        if last.is_some_and(|last| last >= id) {
            return Err(DecodeError::Malformed("extensions are not in order"));
        }
        last = Some(id);
        let len = usize::try_from(entries.varint()?).map_err(|_| DecodeError::Truncated)?;
        entries.take(len)?;
        if id % 2 == 1 || all_must_be_known {
            return Err(DecodeError::UnsupportedExtension(id));
        }
    }
    Ok(())
}

//! What travels between replicas: see "Messages" in `codec/FORMAT.md`.

use alloc::vec::Vec;
use core::ops::Range;

use uuid::Uuid;
use xxhash_rust::xxh64::xxh64;

use super::accepts::Accepts;
use super::{PeerId, Refusal};
use crate::causality::{MAX_COUNTER, ReplicaId, VersionVector};
use crate::codec::{Content, DecodeError, Limits, Reader, claimed, open_plain, put_varint, seal_plain};

/// No replica may ask for smaller messages.
pub(super) const MIN_MESSAGE_BYTES: usize = 1024;
/// What a part needs beside its bytes, at most.
pub(super) const PART_OVERHEAD: usize = 96;
/// Parts are at least as long, so that few bytes cannot announce many parts.
const MIN_PART_BYTES: usize = MIN_MESSAGE_BYTES - PART_OVERHEAD;
/// How many gaps a `Nack` names at once.
pub(super) const MAX_RANGES: usize = 64;
/// XXH64 of the canonical view.
pub(super) const HASH_SCHEME: u8 = 1;

/// What a message is about and who says it: the store, and the session of the sender, drawn at random at each of its
/// starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sender {
    pub(super) store: Uuid,
    pub(super) session: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    Have(Have),
    Part(Part),
    Nack(Nack),
    Audit(Audit),
}

/// "This is what I know."
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Have {
    pub(super) version: VersionVector,
    /// Whether an answer is wanted even if both have seen the same.
    pub(super) answer: bool,
    /// Whether long deltas are to wait.
    pub(super) holds: bool,
    pub(super) accepts: Accepts,
    /// Who waits for confirmations of which branch, in which round. Ascending.
    pub(super) watches: Vec<(PeerId, ReplicaId, u64)>,
    /// What other members have of the branches that somebody waits for. Ascending.
    pub(super) seen: Vec<(ReplicaId, PeerId, u64)>,
}

/// A part of a delta, or the whole of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// The hash of the whole.
    pub(super) id: u64,
    pub(super) total: usize,
    /// The length of all parts but the last.
    pub(super) size: usize,
    pub(super) index: u32,
    /// Whether nothing follows: say now what is missing.
    pub(super) last: bool,
    pub(super) bytes: Vec<u8>,
}

/// "I cannot take this in", or "these parts are missing".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Nack {
    pub(super) version: VersionVector,
    pub(super) why: Why,
    /// The delta.
    pub(super) id: u64,
    /// Ascending, not touching, not empty.
    pub(super) missing: Vec<Range<u32>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    Parts,
    Gap,
    Floor,
    Refused(Refusal),
}

/// "With this version my state has this hash."
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Audit {
    pub(super) version: VersionVector,
    pub(super) scheme: u8,
    pub(super) hash: u64,
}

pub(super) fn parts_of(total: usize, size: usize) -> u32 {
    // Sizes are bounded by limits far below 2^32 parts, as parts have some hundred bytes.
    u32::try_from(total.div_ceil(size)).unwrap_or(u32::MAX)
}

impl Message {
    pub(super) fn encode(&self, sender: Sender) -> Vec<u8> {
        let content = match self {
            Self::Have(_) => Content::Have,
            Self::Part(_) => Content::Part,
            Self::Nack(_) => Content::Nack,
            Self::Audit(_) => Content::Audit,
        };
        seal_plain(content, |out| {
            out.extend_from_slice(sender.store.as_bytes());
            out.extend_from_slice(&sender.session.to_le_bytes());
            match self {
                Self::Have(have) => have.put(out),
                Self::Part(part) => part.put(out),
                Self::Nack(nack) => nack.put(out),
                Self::Audit(audit) => audit.put(out),
            }
        })
    }

    /// Reads a message, and who sent it.
    pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<(Sender, Self), DecodeError> {
        let kinds = [Content::Have, Content::Part, Content::Nack, Content::Audit];
        let content = kinds.into_iter().find(|&kind| claimed(bytes) == Some(kind as u8)).unwrap_or(Content::Have);
        let mut reader = open_plain(bytes, content, limits.bytes)?;
        let reader = &mut reader;
        let store = reader.uuid()?;
        let session = u32::from_le_bytes(reader.array()?);
        let message = match content {
            Content::Part => Self::Part(Part::take(reader)?),
            Content::Nack => Self::Nack(Nack::take(reader, limits)?),
            Content::Audit => Self::Audit(Audit::take(reader, limits)?),
            _ => Self::Have(Have::take(reader, limits)?),
        };
        reader.end()?;
        Ok((Sender { store, session }, message))
    }
}

impl Have {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.answer) | u8::from(self.accepts.is_told()) << 1 | u8::from(self.holds) << 2);
        self.accepts.put(out);
        self.version.put(out);
        put_varint(out, self.watches.len() as u64);
        for (origin, branch, round) in &self.watches {
            out.extend_from_slice(origin.uuid().as_bytes());
            put_replica(branch, out);
            put_varint(out, *round);
        }
        let groups = self.seen.chunk_by(|a, b| a.0 == b.0);
        put_varint(out, groups.clone().count() as u64);
        for group in groups {
            put_replica(&group[0].0, out);
            put_varint(out, group.len() as u64 - 1);
            for (_, member, counter) in group {
                out.extend_from_slice(member.uuid().as_bytes());
                put_varint(out, *counter);
            }
        }
    }

    fn take(reader: &mut Reader<'_>, limits: &Limits) -> Result<Self, DecodeError> {
        let flags = reader.byte()?;
        if flags > 7 {
            return Err(DecodeError::Malformed("unknown flags"));
        }
        let (answer, holds) = (flags & 1 != 0, flags & 4 != 0);
        let accepts = Accepts::take(reader, flags & 2 != 0)?;
        let version = VersionVector::take(reader, limits)?;
        let mut watches = Vec::new();
        for _ in 0..reader.varint()? {
            watches.push((PeerId::new(reader.uuid()?), take_replica(reader)?, reader.varint()?));
        }
        ascending(&watches, |&(origin, branch, _)| (origin, branch))?;
        let mut seen: Vec<(ReplicaId, PeerId, u64)> = Vec::new();
        for _ in 0..reader.varint()? {
            let branch = take_replica(reader)?;
            for at in 0u64..=reader.varint()? {
                if at == 0 && seen.last().is_some_and(|&(last, ..)| last >= branch) {
                    return Err(DecodeError::Malformed("branches are not in order"));
                }
                seen.push((branch, PeerId::new(reader.uuid()?), take_counter(reader)?));
            }
        }
        ascending(&seen, |&(branch, member, _)| (branch, member))?;
        Ok(Self { version, answer, holds, accepts, watches, seen })
    }
}

impl Part {
    /// Whether this is the whole delta, which says all of the rest itself.
    pub(super) fn is_whole(&self) -> bool {
        self.size == self.total && self.last
    }

    fn put(&self, out: &mut Vec<u8>) {
        if self.is_whole() {
            put_varint(out, 0);
            out.extend_from_slice(&self.bytes);
            return;
        }
        put_varint(out, self.size as u64);
        put_varint(out, self.total as u64);
        out.extend_from_slice(&self.id.to_le_bytes());
        put_varint(out, u64::from(self.index));
        out.push(u8::from(self.last));
        out.extend_from_slice(&self.bytes);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let size = usize::try_from(reader.varint()?).map_err(|_| DecodeError::TooLarge("bytes"))?;
        if size == 0 {
            let bytes = reader.take(reader.rest.len())?.to_vec();
            if bytes.is_empty() {
                return Err(DecodeError::Malformed("no such part"));
            }
            let (id, total) = (xxh64(&bytes, 0), bytes.len());
            return Ok(Self { id, total, size: total, index: 0, last: true, bytes });
        }
        let total = usize::try_from(reader.varint()?).map_err(|_| DecodeError::TooLarge("bytes"))?;
        let id = take_u64(reader)?;
        let index = u32::try_from(reader.varint()?).map_err(|_| DecodeError::Malformed("no such part"))?;
        let last = take_flag(reader)?;
        let bytes = reader.take(reader.rest.len())?.to_vec();
        if total == 0 || size > total || (size < MIN_PART_BYTES && size != total) || index >= parts_of(total, size) {
            return Err(DecodeError::Malformed("no such part"));
        }
        if bytes.len() != size.min(total - size * index as usize) {
            return Err(DecodeError::Malformed("a part of another length"));
        }
        let part = Self { id, total, size, index, last, bytes };
        if part.is_whole() { Err(DecodeError::Malformed("a whole delta as a part")) } else { Ok(part) }
    }
}

impl Nack {
    fn put(&self, out: &mut Vec<u8>) {
        self.version.put(out);
        out.push(match self.why {
            Why::Parts => 0,
            Why::Gap => 1,
            Why::Floor => 2,
            Why::Refused(Refusal::TooBig) => 3,
            Why::Refused(Refusal::BadBytes) => 4,
            Why::Refused(Refusal::Forked) => 5,
        });
        out.extend_from_slice(&self.id.to_le_bytes());
        put_varint(out, self.missing.len() as u64);
        let mut next = 0;
        for range in &self.missing {
            put_varint(out, u64::from(range.start - next));
            put_varint(out, u64::from(range.end - range.start - 1));
            // The next one does not touch it.
            next = range.end.saturating_add(1);
        }
    }

    fn take(reader: &mut Reader<'_>, limits: &Limits) -> Result<Self, DecodeError> {
        let version = VersionVector::take(reader, limits)?;
        let why = match reader.byte()? {
            0 => Why::Parts,
            1 => Why::Gap,
            2 => Why::Floor,
            3 => Why::Refused(Refusal::TooBig),
            4 => Why::Refused(Refusal::BadBytes),
            5 => Why::Refused(Refusal::Forked),
            _ => return Err(DecodeError::Malformed("an unknown reason")),
        };
        let id = take_u64(reader)?;
        let count = reader.varint()?;
        if count > MAX_RANGES as u64 {
            return Err(DecodeError::TooLarge("missing parts"));
        }
        let mut missing: Vec<Range<u32>> = Vec::new();
        let mut next = 0u64;
        for _ in 0..count {
            let start = next.checked_add(reader.varint()?);
            let end =
                start.and_then(|start| start.checked_add(reader.varint().ok()?)).and_then(|end| end.checked_add(1));
            let (Some(start), Some(end)) = (start, end.filter(|&end| end < u64::from(u32::MAX))) else {
                return Err(DecodeError::Malformed("no such part"));
            };
            missing.push(start as u32..end as u32);
            next = end + 1;
        }
        if missing.is_empty() == (why == Why::Parts) {
            return Err(DecodeError::Malformed("missing parts without need"));
        }
        Ok(Self { version, why, id, missing })
    }
}

impl Audit {
    fn put(&self, out: &mut Vec<u8>) {
        self.version.put(out);
        out.push(self.scheme);
        out.extend_from_slice(&self.hash.to_le_bytes());
    }

    fn take(reader: &mut Reader<'_>, limits: &Limits) -> Result<Self, DecodeError> {
        let version = VersionVector::take(reader, limits)?;
        Ok(Self { version, scheme: reader.byte()?, hash: take_u64(reader)? })
    }
}

pub(super) fn put_replica(id: &ReplicaId, out: &mut Vec<u8>) {
    out.extend_from_slice(id.uuid().as_bytes());
    put_varint(out, u64::from(id.branch()));
}

pub(super) fn take_replica(reader: &mut Reader<'_>) -> Result<ReplicaId, DecodeError> {
    Ok(ReplicaId::new(reader.uuid()?, reader.branch()?))
}

fn take_u64(reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
    Ok(u64::from_le_bytes(reader.array()?))
}

fn take_counter(reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
    match reader.varint()? {
        counter @ 1..=MAX_COUNTER => Ok(counter),
        _ => Err(DecodeError::Malformed("a counter is out of range")),
    }
}

fn take_flag(reader: &mut Reader<'_>) -> Result<bool, DecodeError> {
    match reader.byte()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(DecodeError::Malformed("unknown flags")),
    }
}

fn ascending<T, K: Ord>(list: &[T], key: impl Fn(&T) -> K) -> Result<(), DecodeError> {
    if list.windows(2).all(|pair| key(&pair[0]) < key(&pair[1])) {
        Ok(())
    } else {
        Err(DecodeError::Malformed("entries are not in order"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replication::Bounds;

    fn examples() -> Vec<Message> {
        let version: VersionVector =
            [(ReplicaId::from_seed(1), 3), (ReplicaId::from_seed(2), 500)].into_iter().collect();
        let (peer, branch) = (PeerId::from_seed, ReplicaId::from_seed);
        let accepts = |bytes, limits: &Limits| {
            let bounds = Bounds { message_bytes: bytes, decode: limits.clone(), ..Bounds::default() };
            Accepts::within(&bounds)
        };
        let nack = |why, missing| Nack { version: version.clone(), why, id: 77, missing };
        alloc::vec![
            Message::Have(Have {
                version: VersionVector::new(),
                answer: true,
                holds: false,
                accepts: accepts(MIN_MESSAGE_BYTES, &Limits::default()),
                watches: Vec::new(),
                seen: Vec::new(),
            }),
            Message::Have(Have {
                version: version.clone(),
                answer: false,
                holds: true,
                accepts: accepts(usize::MAX, &Limits::unlimited().with_bytes(1 << 20)),
                watches: alloc::vec![(peer(1), branch(4), 9), (peer(1), branch(5), 8), (peer(2), branch(4), 7)],
                seen: alloc::vec![(branch(4), peer(1), 9), (branch(4), peer(2), 8), (branch(5), peer(1), 7)],
            }),
            Message::Part(Part {
                id: xxh64(&[1, 2, 3], 0),
                total: 3,
                size: 3,
                index: 0,
                last: true,
                bytes: alloc::vec![1, 2, 3]
            }),
            Message::Part(Part { id: 5, total: 2003, size: 1000, index: 2, last: false, bytes: alloc::vec![1, 2, 3] }),
            Message::Nack(nack(Why::Parts, alloc::vec![0..1, 3..9])),
            Message::Nack(nack(Why::Gap, Vec::new())),
            Message::Nack(nack(Why::Refused(Refusal::Forked), Vec::new())),
            Message::Audit(Audit { version: version.clone(), scheme: HASH_SCHEME, hash: u64::MAX }),
        ]
    }

    #[test]
    fn messages_have_one_form_and_nothing_else_is_read() {
        let store = Sender { store: Uuid::from_u128(9), session: 5 };
        let limits = Limits::default();
        for message in examples() {
            let bytes = message.encode(store);
            assert_eq!(Message::decode(&bytes, &limits), Ok((store, message)));
            for at in 0..bytes.len() {
                assert!(Message::decode(&bytes[..at], &limits).is_err());
                for change in 1..=255 {
                    let mut other = bytes.clone();
                    other[at] ^= change;
                    assert!(Message::decode(&other, &limits).is_err());
                    // The same with the checksum made right.
                    let end = other.len() - 4;
                    let checksum = (xxh64(&other[..end], 0) as u32).to_le_bytes();
                    other[end..].copy_from_slice(&checksum);
                    if let Ok((store, read)) = Message::decode(&other, &limits) {
                        assert_eq!(read.encode(store), other, "one form");
                    }
                }
            }
            assert!(Message::decode(&bytes, &limits.clone().with_bytes(bytes.len() - 1)).is_err());
        }
    }
}

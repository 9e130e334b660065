//! What rebalancers say to each other: see "Messages" in `codec/FORMAT.md`.

use alloc::string::String;
use alloc::vec::Vec;

use uuid::Uuid;

use crate::causality::ReplicaId;
use crate::codec::{Content, DecodeError, Reader, claimed, open_plain, put_varint, seal_plain};
use crate::replication::message::{MIN_MESSAGE_BYTES, put_replica, take_replica};

/// No message is longer; every peer accepts as much.
pub(super) const MAX_BYTES: usize = MIN_MESSAGE_BYTES;
/// What a message needs beside the name, at most.
const OVERHEAD: usize = 96;
/// The longest name of a counter for which rights are asked.
pub(super) const MAX_NAME: usize = MAX_BYTES - OVERHEAD;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    Want(Want),
    Grant(Grant),
}

/// "I want so many rights."
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Want {
    /// New at each start of the one who asks; its requests count up from 1.
    pub(super) session: u64,
    pub(super) number: u64,
    /// Who shall have them.
    pub(super) to: ReplicaId,
    pub(super) amount: u64,
    pub(super) name: String,
}

/// "You have so many more, as soon as you hear of it."
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) session: u64,
    pub(super) number: u64,
    /// Who gives; `None` if it has never written.
    pub(super) from: Option<ReplicaId>,
    pub(super) amount: u64,
}

/// Whether a message is one of these.
pub(super) fn claims(bytes: &[u8]) -> bool {
    [Content::Want, Content::Grant].into_iter().any(|content| claimed(bytes) == Some(content as u8))
}

impl Message {
    pub(super) fn encode(&self, store: Uuid) -> Vec<u8> {
        let (content, session, number, amount) = match self {
            Self::Want(want) => (Content::Want, want.session, want.number, want.amount),
            Self::Grant(grant) => (Content::Grant, grant.session, grant.number, grant.amount),
        };
        seal_plain(content, |out| {
            out.extend_from_slice(store.as_bytes());
            out.extend_from_slice(&session.to_le_bytes());
            put_varint(out, number);
            put_varint(out, amount);
            match self {
                Self::Want(want) => {
                    put_replica(&want.to, out);
                    out.extend_from_slice(want.name.as_bytes());
                }
                Self::Grant(grant) => grant.from.iter().for_each(|from| put_replica(from, out)),
            }
        })
    }

    /// Reads a message and the store that it is about.
    pub(super) fn decode(bytes: &[u8]) -> Result<(Uuid, Self), DecodeError> {
        let content = if claimed(bytes) == Some(Content::Want as u8) { Content::Want } else { Content::Grant };
        let reader: &mut Reader<'_> = &mut open_plain(bytes, content, MAX_BYTES)?;
        let store = reader.uuid()?;
        let session = u64::from_le_bytes(reader.array()?);
        let (number, amount) = (reader.varint()?, reader.varint()?);
        let message = match content {
            Content::Want => {
                let to = take_replica(reader)?;
                let name = reader.take(reader.rest.len())?;
                let name = core::str::from_utf8(name).map_err(|_| DecodeError::Malformed("a name is no text"))?;
                Self::Want(Want { session, number, to, amount, name: name.into() })
            }
            _ => {
                let from = if reader.rest.is_empty() { None } else { Some(take_replica(reader)?) };
                Self::Grant(Grant { session, number, from, amount })
            }
        };
        reader.end()?;
        Ok((store, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_one_form_and_nothing_else_is_read() {
        let (store, to) = (Uuid::from_u128(9), ReplicaId::from_seed(3));
        let longest = "n".repeat(MAX_NAME);
        let messages = [
            Message::Want(Want { session: 7, number: 1, to, amount: u64::MAX, name: "stock".into() }),
            Message::Want(Want { session: u64::MAX, number: u64::MAX, to, amount: u64::MAX, name: longest }),
            Message::Grant(Grant { session: 7, number: 1, from: Some(to), amount: 300 }),
            Message::Grant(Grant { session: 7, number: 1, from: None, amount: 0 }),
        ];
        for message in messages {
            let bytes = message.encode(store);
            assert!(claims(&bytes) && bytes.len() <= MAX_BYTES);
            assert_eq!(Message::decode(&bytes), Ok((store, message)));
            for at in 0..bytes.len() {
                assert!(Message::decode(&bytes[..at]).is_err());
                let mut other = bytes.clone();
                other[at] ^= 1;
                assert!(Message::decode(&other).is_err());
                // The same with the checksum made right.
                let end = other.len() - 4;
                let checksum = (xxhash_rust::xxh64::xxh64(&other[..end], 0) as u32).to_le_bytes();
                other[end..].copy_from_slice(&checksum);
                if let Ok((store, read)) = Message::decode(&other) {
                    assert_eq!(read.encode(store), other, "one form");
                }
            }
        }
        let long = Want { session: 7, number: 1, to, amount: 1, name: "n".repeat(MAX_BYTES) };
        assert_eq!(Message::decode(&Message::Want(long).encode(store)), Err(DecodeError::TooLarge("bytes")));
    }
}

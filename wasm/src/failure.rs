//! Why a call failed: a code for programs, and a few words for people.

use alloc::boxed::Box;
use alloc::string::String;

use dotted::replication::{JoinError, ReplicaError, TooManyTickets, WriteError};
use dotted::{
    ApplyError, ClaimError, DecodeError, EscrowError, Forked, GroupError, Limit, NoSuchKey, Overflow,
    ParseReplicaIdError, RebaseError, ResolveError,
};
use wasm_bindgen::JsValue;

use crate::member::{put_largest, put_room};
use crate::wire::Out;

/// What becomes a `CrdtError`. Nothing was changed.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    code: &'static str,
    detail: &'static str,
    /// Figures, as `ts/failure.ts` reads them.
    facts: Option<Box<[u8]>>,
}

impl Failure {
    pub const ARGUMENT: Self = Self::new("invalid-argument", "the arguments cannot be read");
    pub const NO_REPLICA: Self = Self::new("no-replica", "the store is not a member of a group");
    pub const IS_REPLICA: Self = Self::new("is-replica", "the store is a member of a group already");

    /// With figures.
    fn with(code: &'static str, detail: &'static str, put: impl FnOnce(&mut Out)) -> Self {
        let mut out = Out::default();
        put(&mut out);
        Self { facts: Some(out.finish().into()), ..Self::new(code, detail) }
    }

    pub const fn new(code: &'static str, detail: &'static str) -> Self {
        Self { code, detail, facts: None }
    }
}

/// `code: detail`, which the other side takes apart; facts follow on another line, in hexadecimal digits.
impl From<Failure> for JsValue {
    fn from(failure: Failure) -> Self {
        let mut text: String = [failure.code, ": ", failure.detail].concat();
        if let Some(facts) = failure.facts {
            text.push('\n');
            for byte in facts {
                text.extend([byte >> 4, byte & 0xf].into_iter().filter_map(|digit| char::from_digit(digit.into(), 16)));
            }
        }
        Self::from_str(&text)
    }
}

impl From<DecodeError> for Failure {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::Truncated => Self::new("truncated", "the bytes end too early"),
            DecodeError::NotDotted => Self::new("not-dotted", "these bytes are not of this format"),
            DecodeError::Checksum => Self::new("checksum", "the checksum is wrong"),
            DecodeError::Malformed(what) => Self::new("malformed", what),
            DecodeError::Value => Self::new("malformed", "a key or a value does not fit its type"),
            DecodeError::UnsupportedVersion(_) => Self::new("unsupported-version", "another version of the format"),
            DecodeError::UnsupportedExtension(_) => Self::new("unsupported-extension", "an extension is not known"),
            DecodeError::WrongKind => Self::new("wrong-kind", "the bytes hold another kind of thing"),
            DecodeError::WrongType => Self::new("wrong-type", "the bytes hold a value of another type"),
            DecodeError::WrongSchema { .. } => Self::new("wrong-schema", "the bytes have another application schema"),
            DecodeError::TooDeep => Self::new("malformed", "a key or a value is nested too deep"),
            DecodeError::TooLarge(limit) => Self::new("too-large", limit),
            _ => Self::new("malformed", "the bytes cannot be read"),
        }
    }
}

impl From<ApplyError> for Failure {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Gap { .. } => Self::new("gap", "events in between are missing: ask again with version()"),
            ApplyError::Floor { .. } => {
                Self::new("floor", "the sender forgot removals that are not known here: ask again with version()")
            }
            ApplyError::TooManyWriters => Self::new("too-many-writers", "the store would name too many writers"),
            ApplyError::OverLimit(limit) => Self::new(
                "full",
                match limit {
                    Limit::Writers => "the store would name more writers than its limits allow",
                    Limit::Events => "the store would hold more events than its limits allow",
                    _ => "the store would hold more names than its limits allow",
                },
            ),
            ApplyError::TooManyKeys => Self::new("too-many-keys", "the store would hold too many keys"),
            _ => Self::new("refused", "the delta does not fit"),
        }
    }
}

impl From<Overflow> for Failure {
    fn from(_: Overflow) -> Self {
        Self::new("overflow", "a writer's count would exceed 64 bits")
    }
}

impl From<EscrowError> for Failure {
    fn from(error: EscrowError) -> Self {
        match error {
            EscrowError::ZeroAmount => Self::new("zero-amount", "the amount is zero"),
            EscrowError::InsufficientRights { local, elsewhere } => {
                Self::with("insufficient-rights", "there are not so many rights here", |out| {
                    out.raw(&local.to_le_bytes());
                    out.raw(&elsewhere.to_le_bytes());
                })
            }
            EscrowError::ToOneself => Self::new("to-oneself", "rights are handed over to another replica"),
            EscrowError::UnknownReplica => {
                Self::new("unknown-replica", "nothing is known of the replica: let it call announce() first")
            }
            EscrowError::Overflow => Self::new("overflow", "a writer's sum would exceed 64 bits"),
            _ => Self::new("refused", "nothing was counted"),
        }
    }
}

impl From<GroupError> for Failure {
    fn from(error: GroupError) -> Self {
        match error {
            GroupError::InConflict => Self::new("in-conflict", "there are several groups that differ: settle it first"),
            GroupError::NotAGroup => Self::new("not-a-group", "the field has a value that is no object"),
            GroupError::TooDeep => Self::new("too-deep", "the group would be nested more than 64 deep"),
            _ => Self::new("refused", "the members cannot be set"),
        }
    }
}

impl From<ClaimError> for Failure {
    fn from(error: ClaimError) -> Self {
        match error {
            ClaimError::NotAMember => Self::new("not-member", "only members can claim"),
            ClaimError::Taken { .. } => Self::new("taken", "it is claimed already: seat() says by whom"),
            ClaimError::Contested { .. } => Self::new("contested", "the name of a member is in use twice"),
        }
    }
}

impl From<NoSuchKey> for Failure {
    fn from(_: NoSuchKey) -> Self {
        Self::new(
            "no-such-key",
            "no value can be written there: a record as a whole is kept by restore(), and deleted by clear()",
        )
    }
}

impl From<ResolveError> for Failure {
    fn from(_: ResolveError) -> Self {
        Self::new("refused", "a resolver gave several answers for the same versions")
    }
}

impl From<ParseReplicaIdError> for Failure {
    fn from(_: ParseReplicaIdError) -> Self {
        Self::new("invalid-id", "not the id of a replica")
    }
}

impl From<Forked> for Failure {
    fn from(_: Forked) -> Self {
        Self::new("forked", "somebody else writes under this id: take a new one with rebase()")
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Forked(fork) => fork.into(),
            WriteError::Full { limit, used, allowed } => {
                Self::with("full", "the group has no room for it", |out| put_room(limit, used, allowed, out))
            }
            WriteError::TooLarge { largest, allowed } => {
                Self::with("too-large", "a value is larger than all of the group accept", |out| {
                    put_largest(out, &largest);
                    out.number(allowed as u64);
                })
            }
            _ => Self::new("refused", "nothing was written"),
        }
    }
}

impl From<RebaseError> for Failure {
    fn from(error: RebaseError) -> Self {
        match error {
            RebaseError::SameWriter => Self::new("same-writer", "the new writer has the id that was forked"),
            RebaseError::Apply(error) => error.into(),
            _ => Self::new("refused", "the new writer was not accepted"),
        }
    }
}

impl From<JoinError> for Failure {
    fn from(error: JoinError) -> Self {
        match error {
            JoinError::Myself => Self::new("myself", "a replica does not join itself"),
            JoinError::Retired => Self::new("retired", "the peer was retired"),
            JoinError::Full => Self::new("full", "there are as many members as allowed"),
            _ => Self::new("refused", "the peer cannot join"),
        }
    }
}

impl From<TooManyTickets> for Failure {
    fn from(_: TooManyTickets) -> Self {
        Self::new("too-many-tickets", "too many confirmations are waited for")
    }
}

impl From<ReplicaError> for Failure {
    fn from(error: ReplicaError) -> Self {
        match error {
            ReplicaError::NotMember { .. } => Self::new("not-member", "the sender is not a member"),
            ReplicaError::Retired { .. } => Self::new("retired", "the sender was retired"),
            ReplicaError::Muted { .. } => Self::new("muted", "the sender sent too many bad messages"),
            ReplicaError::TooLong { .. } => Self::new("too-large", "the message is longer than allowed"),
            ReplicaError::WrongStore { .. } => Self::new("wrong-store", "a message about another store"),
            ReplicaError::Malformed { error, .. } | ReplicaError::BadDelta { error, .. } => error.into(),
            ReplicaError::NoRoom { error, .. } => error.into(),
            ReplicaError::Forked { fork, .. } => fork.into(),
            _ => Self::new("refused", "the message was not accepted"),
        }
    }
}

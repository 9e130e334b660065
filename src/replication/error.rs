use core::fmt;

use super::PeerId;
use crate::causality::Forked;
use crate::codec::{DecodeError, Largest, Limit};
use crate::kernel::ApplyError;

/// Why a message was not accepted. The value is as it was before.
///
/// What is [malformed](ReplicaError::is_malformed) counts against what the peer may send in vain
/// ([`Bounds::bad_burst`](super::Bounds)), and nothing else does. That a delta does not
/// fit because something in between was lost is no error: it is asked for again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplicaError {
    /// Refused: the sender is not a member. Not counted anywhere.
    NotMember {
        /// Who sent it.
        peer: PeerId,
    },
    /// Refused: the sender was retired.
    Retired {
        /// Who sent it.
        peer: PeerId,
    },
    /// Refused without being read: the peer sent too many bad messages.
    Muted {
        /// Who sent it.
        peer: PeerId,
    },
    /// Refused: the message is longer than [`Bounds::message_bytes`](super::Bounds).
    TooLong {
        /// Who sent it.
        peer: PeerId,
        /// Its length.
        bytes: usize,
    },
    /// Malformed: the message cannot be read.
    Malformed {
        /// Who sent it.
        peer: PeerId,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// Refused: a message about another store.
    WrongStore {
        /// Who sent it.
        peer: PeerId,
    },
    /// Malformed, or beyond the limits: the delta inside. The peer was told.
    BadDelta {
        /// Who sent it.
        peer: PeerId,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// Refused: the value has no room for the delta. The peer was told.
    NoRoom {
        /// Who sent it.
        peer: PeerId,
        /// What there is too much of.
        error: ApplyError,
    },
    /// Refused: the peer has seen events of this replica's writer that it has not issued.
    /// See [`Forked`].
    Forked {
        /// Who sent it.
        peer: PeerId,
        /// Which branch, and how far.
        fork: Forked,
    },
}

/// Why nothing was written. The value and its writer are as they were.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteError {
    /// Another one writes under this id. See [`Forked`].
    Forked(Forked),
    /// The value would come too near to the least of what this replica and the voters of its group accept: the last
    /// sixteenth is kept free, since others write at the same time.
    Full {
        /// Of what there would be too much.
        limit: Limit,
        /// How much there would be.
        used: usize,
        /// How much there may be.
        allowed: usize,
    },
    /// A value is larger than all voters accept in one piece, less a sixteenth.
    TooLarge {
        /// Which, and how large it is.
        largest: Largest,
        /// How many bytes it may have.
        allowed: usize,
    },
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forked(fork) => write!(f, "{fork}"),
            Self::Full { limit, used, allowed } => {
                write!(f, "there would be {used} {limit}, and the group has room for {allowed}")
            }
            Self::TooLarge { largest, allowed } => write!(f, "{largest}, and the group accepts {allowed}"),
        }
    }
}

impl core::error::Error for WriteError {}

impl ReplicaError {
    /// Whether no sound peer sends such bytes. What goes beyond limits, a fork, or a message of a group that the sender
    /// does not belong to is nobody's fault, and mutes no one.
    #[must_use]
    pub const fn is_malformed(&self) -> bool {
        match self {
            Self::Malformed { error, .. } | Self::BadDelta { error, .. } => !matches!(error, DecodeError::TooLarge(_)),
            _ => false,
        }
    }

    /// Who sent the message.
    #[must_use]
    pub const fn peer(&self) -> PeerId {
        match self {
            Self::NotMember { peer }
            | Self::Retired { peer }
            | Self::Muted { peer }
            | Self::TooLong { peer, .. }
            | Self::Malformed { peer, .. }
            | Self::WrongStore { peer }
            | Self::BadDelta { peer, .. }
            | Self::NoRoom { peer, .. }
            | Self::Forked { peer, .. } => *peer,
        }
    }
}

impl fmt::Display for ReplicaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a message of {}: ", self.peer())?;
        match self {
            Self::NotMember { .. } => f.write_str("not a member"),
            Self::Retired { .. } => f.write_str("retired"),
            Self::Muted { .. } => f.write_str("muted after too many bad messages"),
            Self::TooLong { bytes, .. } => write!(f, "too long with {bytes} bytes"),
            Self::Malformed { error, .. } => write!(f, "{error}"),
            Self::WrongStore { .. } => f.write_str("about another store"),
            Self::BadDelta { error, .. } => write!(f, "its delta: {error}"),
            Self::NoRoom { error, .. } => write!(f, "its delta: {error}"),
            Self::Forked { fork, .. } => write!(f, "{fork}"),
        }
    }
}

impl core::error::Error for ReplicaError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Malformed { error, .. } | Self::BadDelta { error, .. } => Some(error),
            Self::NoRoom { error, .. } => Some(error),
            _ => None,
        }
    }
}

/// Why a peer did not become a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinError {
    /// It is this replica itself.
    Myself,
    /// It was retired. Its owner must take a new id.
    Retired,
    /// There are as many members as [`Bounds::members`](super::Bounds) allows.
    Full,
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Myself => "a replica does not join itself",
            Self::Retired => "the peer was retired",
            Self::Full => "there are as many members as allowed",
        })
    }
}

impl core::error::Error for JoinError {}

/// Why the state of another replica was not adopted. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdoptError {
    /// Malformed or refused: it cannot be read.
    Decode(DecodeError),
    /// Refused: there is no room for both.
    Apply(ApplyError),
}

impl fmt::Display for AdoptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode(error) => write!(f, "the other state cannot be read: {error}"),
            Self::Apply(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl core::error::Error for AdoptError {}

/// There are as many confirmations, waited for or not polled, as [`Bounds::tickets`](super::Bounds) allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyTickets;

impl fmt::Display for TooManyTickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too many confirmations are waited for")
    }
}

impl core::error::Error for TooManyTickets {}

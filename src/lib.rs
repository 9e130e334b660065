#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

extern crate alloc;

#[doc = include_str!("../docs/guide.md")]
pub mod guide {}

mod causality;
mod codec;
mod crdt;
mod hashing;
mod kernel;
#[cfg(feature = "quickcheck")]
pub mod laws;
#[cfg_attr(feature = "mutants", doc(hidden))]
#[cfg(feature = "mutants")]
pub mod mutants;
#[cfg(not(feature = "mutants"))]
mod mutants;
pub mod replication;
mod serial;
#[cfg(feature = "simulation")]
pub mod simulation;
mod sorted;
mod storage;
mod store;
mod types;

#[doc(hidden)]
pub use causality::Checkpoint;
pub use causality::{Dot, Forked, ParseReplicaIdError, ReplicaId, Timestamp, VersionVector, Writer, WriterRecord};
pub use codec::{DecodeError, FragmentCodec, Largest, LatestStamp, Limit, Limits, Usage};
pub use crdt::{Crdt, DeltaCrdt};
pub use hashing::seed_hashing;
pub use kernel::{
    Applied, ApplyError, Causal, CausalInbox, Change, ChangeKind, Data, Delta, DotStore, Edit, Either, Fragment,
    InboxFull, Kind, Mut, Operation, Part, RebaseError, Shared, View,
};
pub use serial::{Unfit, Unreadable};
pub use storage::{
    Fault, Journal, LoadError, Loaded, MemoryStorage, PersistError, Persistent, Step, Storage, StorageFault, Stored,
};
#[cfg(feature = "std")]
pub use storage::{FileCall, FileError, FileStorage};
pub use store::*;
pub use types::*;
pub use uuid::Uuid;

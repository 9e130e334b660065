//! Who wrote what, and who has seen it: replica ids, dots, version vectors, timestamps, writers.
//!
//! Nothing here knows of keys or values.

mod dot;
mod record;
mod replica_id;
mod timestamp;
mod version_vector;
mod writer;

pub use dot::Dot;
pub(crate) use dot::{MAX_COUNTER, PackedDot};
pub use record::{Forked, WriterRecord};
pub use replica_id::{ParseReplicaIdError, ReplicaId};
pub use timestamp::Timestamp;
pub(crate) use version_vector::SlotMap;
pub use version_vector::VersionVector;
pub use writer::{Checkpoint, Writer};

/// How many writers one value can name: a slot has 20 bits.
pub(crate) const MAX_WRITERS: usize = 1 << 20;
/// Slots that foreign data may not take, so that a local write always finds a branch.
pub(crate) const RESERVED_WRITERS: usize = 1 << 16;

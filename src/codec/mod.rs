//! The binary format of states, deltas, operations and version vectors: see `FORMAT.md` beside this
//! file. One encoder and one decoder serve every type; a value of a readable format goes through the
//! same checks.

mod body;
mod causal;
pub(crate) mod envelope;
mod error;
mod limits;
mod operation;
mod readable;
mod runs;
mod value;
mod version;
pub(crate) mod wire;
mod writer;

pub use body::FragmentCodec;
pub(crate) use envelope::{Content, claimed, open_plain, seal_plain};
pub use error::DecodeError;
pub use limits::{Largest, LatestStamp, Limit, Limits, Usage};
pub(crate) use wire::{Reader, put_varint};

/// The tag of a tuple, which the number and the tags of its parts follow.
pub(crate) const TUPLE: u8 = 0xff;

//! Many named values under one version vector: one kernel whose keys are composite.

mod conflicts;
mod event;
mod index;
mod key;
mod named;
mod parts;
mod snapshot;
#[allow(clippy::module_inception)]
mod store;
mod value;
mod value_serde;
mod watched;

pub use conflicts::{NoSuchKey, StoreConflict};
pub use event::{ByName, StoreBody};
pub use key::{Named, StoreKey, ValueKind};
pub use snapshot::Snapshot;
pub use store::{
    BoundedCounterPart, ClaimsPart, CounterPart, FlagPart, LedgerPart, MapPart, MultiRegisterPart, RecordPart,
    RegisterPart, SetPart, Store,
};
pub use value::{Float, List, Map, OutOfRange, TooDeep, Value};
pub use watched::{Batch, Origin, StoreChange, Watched};

//! The one structure under all types. It knows no type, no peer and no byte.
//!
//! Reading order: [`event`] and [`lookup`] say what is stored, [`store`] keeps it, [`fragment`] and
//! [`causal`] make it a replicated value.

mod absorb;
mod causal;
mod changes;
mod column;
mod context;
mod delta;
mod dot_set;
mod edit;
mod error;
mod event;
mod events;
mod fragment;
mod group;
mod handle;
mod incoming;
mod index;
mod lookup;
mod operation;
mod rebase;
mod salvage;
mod store;
mod table;
mod trial;
mod view;
mod within;

pub use causal::Causal;
pub use changes::{Applied, Change, ChangeKind, Either};
pub(crate) use column::Column;
pub(crate) use delta::Effect;
pub use delta::{Delta, StoreDelta};
pub(crate) use dot_set::DotSet;
pub use edit::Edit;
pub use error::ApplyError;
pub(crate) use event::payload;
pub use event::{Kind, Payload};
pub use events::{Events, EventsMut, EventsOf};
pub use fragment::{Fragment, Show};
pub use handle::Mut;
pub use incoming::Since;
pub(crate) use lookup::Numbers;
pub use lookup::{Data, Hashed, Key, KeyForm, KeySort, Keys, Lookup, OwnedForm, Slots, Vacant, WriterKey, WriterPair};
pub use operation::{CausalInbox, InboxFull, Operation};
pub use rebase::{RebaseError, Shared};
pub use store::DotStore;
pub(crate) use table::Table;
pub(crate) use view::reads;
pub use view::{Part, Place, ShowKind, View};

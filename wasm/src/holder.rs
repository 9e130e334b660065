//! Where the store of a document lives: as it is while nobody asks for changes, since listing them takes time;
//! watched; or with a member of a group.

use alloc::boxed::Box;

use dotted::replication::Replica;
use dotted::{Applied, ApplyError, Batch, ByName, Delta, DeltaCrdt, Edit, Mut, Store, StoreBody, Watched, Writer};

use crate::failure::Failure;

/// How many changes are kept until they are fetched.
const CHANGES: usize = 1 << 16;

/// A store with its writer.
pub enum Holder {
    Plain(Box<Store>, Writer),
    Watched(Box<Watched>, Writer),
    Member(Box<Replica<Watched>>),
    /// Nothing lives here: only while one becomes another.
    Moving,
}

/// The store, to be changed.
pub enum Live<'a> {
    Plain(&'a mut Store),
    Watched(&'a mut Watched),
}

impl Live<'_> {
    /// What is written is compiled once for both.
    pub fn edit(self, writer: &mut Writer, edit: &mut dyn for<'e> FnMut(Mut<'e, ByName>, &mut Edit<'e>)) {
        match self {
            Live::Plain(store) => store.edit(writer, edit),
            Live::Watched(store) => store.edit(writer, edit),
        }
    }

    pub fn apply(self, delta: Delta<StoreBody>) -> Result<Applied, ApplyError> {
        match self {
            Live::Plain(store) => store.apply(delta),
            Live::Watched(store) => store.apply(delta),
        }
    }

    pub fn merge(self, other: &Store) -> Result<Applied, ApplyError> {
        match self {
            Live::Plain(store) => store.try_merge(other),
            // A delta of the same difference, since a watched store merges with watched ones only.
            Live::Watched(store) => store.apply(other.delta_since(DeltaCrdt::version(store))),
        }
    }

    pub fn compact(self) {
        match self {
            Live::Plain(store) => store.compact(),
            Live::Watched(store) => store.compact(),
        }
    }
}

impl Holder {
    pub fn store(&self) -> Result<&Store, Failure> {
        match self {
            Self::Plain(store, _) => Ok(store),
            Self::Watched(store, _) => Ok(store.store()),
            Self::Member(replica) => Ok(replica.value().store()),
            Self::Moving => Err(Failure::ARGUMENT),
        }
    }

    pub fn writer(&self) -> Result<&Writer, Failure> {
        match self {
            Self::Plain(_, writer) | Self::Watched(_, writer) => Ok(writer),
            Self::Member(replica) => Ok(replica.writer()),
            Self::Moving => Err(Failure::ARGUMENT),
        }
    }

    /// Changes the store. What is done is compiled once for all holders.
    pub fn update<R>(
        &mut self,
        mut write: impl FnMut(Live<'_>, &mut Writer) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        let mut result = Err(Failure::ARGUMENT);
        self.update_dyn(&mut |live, writer| result = write(live, writer))?;
        result
    }

    fn update_dyn(&mut self, write: &mut dyn FnMut(Live<'_>, &mut Writer)) -> Result<(), Failure> {
        match self {
            Self::Plain(store, writer) => write(Live::Plain(store), writer),
            Self::Watched(store, writer) => write(Live::Watched(store), writer),
            Self::Member(replica) => replica.update(|store, writer| write(Live::Watched(store), writer))?,
            Self::Moving => return Err(Failure::ARGUMENT),
        }
        Ok(())
    }

    /// Begins to list changes.
    pub fn watch(&mut self) {
        *self = match core::mem::replace(self, Self::Moving) {
            Self::Plain(store, writer) => Self::Watched(Box::new(Watched::with_limit(*store, CHANGES)), writer),
            Self::Member(mut replica) => {
                // What happened before nobody asked for.
                replica.keep_changes(CHANGES);
                while replica.poll_changes().is_some() {}
                Self::Member(replica)
            }
            other => other,
        };
    }

    /// The oldest batch of changes that was not fetched yet.
    pub fn poll_changes(&mut self) -> Option<Batch> {
        match self {
            Self::Watched(store, _) => store.poll_changes(),
            Self::Member(replica) => replica.poll_changes(),
            Self::Plain(..) | Self::Moving => None,
        }
    }

    /// Value and writer of a store that is no member, to become one.
    pub fn leave_alone(&mut self) -> Result<(Watched, Writer), Failure> {
        match core::mem::replace(self, Self::Moving) {
            Self::Plain(store, writer) => Ok((Watched::with_limit(*store, 0), writer)),
            Self::Watched(store, writer) => Ok((*store, writer)),
            other => {
                *self = other;
                Err(Failure::IS_REPLICA)
            }
        }
    }
}

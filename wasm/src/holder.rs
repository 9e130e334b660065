//! Where the store of a document lives: as it is while nobody asks for changes, since listing them takes time;
//! watched; or with a member of a group.

use alloc::boxed::Box;

use dotted::replication::Replica;
use dotted::{
    Applied, ApplyError, Batch, ByName, Checkpoint, Delta, DeltaCrdt, Edit, Limits, Mut, Store, StoreBody, Usage,
    Watched, Writer,
};

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

    pub fn apply(self, delta: Delta<StoreBody>, limits: &Limits) -> Result<Applied, ApplyError> {
        match self {
            Live::Plain(store) => store.apply_within(delta, limits),
            Live::Watched(store) => store.apply_within(delta, limits),
        }
    }

    pub fn merge(self, other: &Store, limits: &Limits) -> Result<Applied, ApplyError> {
        match self {
            Live::Plain(store) => {
                let (here, there) = (store.usage(), other.usage());
                let most =
                    Usage::new(here.writers + there.writers, here.events + there.events, here.names + there.names);
                // The difference is not looked at as long as all of both is within the limits.
                if most.beyond(limits).is_none() {
                    store.try_merge(other)
                } else {
                    store.try_merge_within(other, limits)
                }
            }
            // A delta of the same difference, since a watched store merges with watched ones only.
            Live::Watched(store) => store.apply_within(other.delta_since(DeltaCrdt::version(store)), limits),
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

    /// Writes from here on can be taken back.
    pub fn begin_trial(&mut self) -> Result<Checkpoint, Failure> {
        match self {
            Self::Plain(store, writer) => {
                DeltaCrdt::begin_trial(&mut **store);
                Ok(writer.checkpoint())
            }
            Self::Watched(store, writer) => {
                store.begin_trial();
                Ok(writer.checkpoint())
            }
            Self::Member(replica) => Ok(replica.begin_trial()),
            Self::Moving => Err(Failure::ARGUMENT),
        }
    }

    /// Keeps what was written since, or takes it back. Says whether it was taken back.
    pub fn end_trial(&mut self, before: Checkpoint, keep: bool) -> Result<bool, Failure> {
        match self {
            Self::Plain(store, writer) => Ok(end_trial(&mut **store, writer, before, keep)),
            Self::Watched(store, writer) => Ok(end_trial(&mut **store, writer, before, keep)),
            Self::Member(replica) => Ok(replica.end_trial(before, keep)),
            Self::Moving => Err(Failure::ARGUMENT),
        }
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

fn end_trial(value: &mut impl DeltaCrdt, writer: &mut Writer, before: Checkpoint, keep: bool) -> bool {
    if keep || !writer.is_after(&before) {
        value.keep_trial();
        return false;
    }
    let taken_back = value.take_back_trial();
    if taken_back {
        writer.restore(before);
    }
    taken_back
}

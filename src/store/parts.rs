//! The writes of the types, to one name of a store in place. The reads are the types' own.

use alloc::sync::Arc;
use alloc::vec::Vec;

use uuid::Uuid;

use super::event::NamedKind;
use super::named::{Name, NameMut};
use super::store::{
    BoundedCounterPart, ClaimsPart, CounterPart, FlagPart, LedgerPart, MapPart, MultiRegisterPart, RecordPart,
    RegisterPart, SetPart,
};
use super::value::Value;
use crate::causality::{Dot, ReplicaId, Writer};
use crate::kernel::{Edit, Mut, Part};
use crate::types::{
    ClaimError, EscrowError, GroupError, Overflow, RecordError, RecordKey, Recorded, RequestId, ResolveError, Resolver,
    Settled, Transfer,
};

impl<S: NamedKind> Part<'_, S, Name<'_, S>> {
    /// Writes a group to this value: all of it becomes visible together everywhere.
    pub fn edit<R>(
        &mut self,
        writer: &mut Writer,
        edit: impl for<'e> FnOnce(Mut<'e, S, NameMut<'e, S>>, &mut Edit<'e>) -> R,
    ) -> R {
        let (name, policy) = (self.place.text, self.policy);
        self.root.edit(writer, |store, group| edit(store.into_named(name, policy), group))
    }
}

impl CounterPart<'_, '_> {
    /// Adds to the count.
    ///
    /// # Errors
    /// [`Overflow`] if this writer alone would have counted up beyond 64 bits since ever. Nothing is
    /// written.
    pub fn increment(&mut self, writer: &mut Writer, by: u64) -> Result<Dot, Overflow> {
        self.edit(writer, |mut counter, edit| counter.increment(edit, by))
    }

    /// Takes from the count, which may go below zero.
    ///
    /// # Errors
    /// [`Overflow`] if this writer alone would have counted down beyond 64 bits. Nothing is written.
    pub fn decrement(&mut self, writer: &mut Writer, by: u64) -> Result<Dot, Overflow> {
        self.edit(writer, |mut counter, edit| counter.decrement(edit, by))
    }

    /// Takes away everything that is counted here so far; what others count meanwhile stays.
    pub fn reset(&mut self, writer: &mut Writer) -> Option<Dot> {
        self.edit(writer, |mut counter, edit| counter.reset(edit))
    }
}

impl BoundedCounterPart<'_, '_> {
    /// Counts up: makes so many rights, which belong to this replica.
    ///
    /// # Errors
    /// [`EscrowError::ZeroAmount`], [`EscrowError::Overflow`]. Nothing is written.
    pub fn increment(&mut self, writer: &mut Writer, by: u64) -> Result<Dot, EscrowError> {
        self.edit(writer, |mut counter, edit| counter.increment(edit, by))
    }

    /// Counts down, if this replica has so many rights.
    ///
    /// # Errors
    /// [`EscrowError::ZeroAmount`], [`EscrowError::InsufficientRights`], [`EscrowError::Overflow`]. Nothing is written.
    pub fn try_decrement(&mut self, writer: &mut Writer, by: u64) -> Result<Dot, EscrowError> {
        self.edit(writer, |mut counter, edit| counter.try_decrement(edit, by))
    }

    /// Hands so many rights over to another replica, which has them when it hears of it.
    ///
    /// # Errors
    /// [`EscrowError`]. Nothing is written.
    pub fn transfer(&mut self, writer: &mut Writer, to: &ReplicaId, amount: u64) -> Result<Dot, EscrowError> {
        self.edit(writer, |mut counter, edit| counter.transfer(edit, to, amount))
    }

    /// Makes this replica known, so that others can hand rights over to it. Returns `None` if it is known already.
    pub fn announce(&mut self, writer: &mut Writer) -> Option<Dot> {
        self.edit(writer, |mut counter, edit| counter.announce(edit))
    }

    /// How many rights `writer` has here: what it can count down without hearing of others.
    #[must_use]
    pub fn rights(&self, writer: &Writer) -> u128 {
        self.root.branch_of(writer).map_or(0, |branch| self.view().spendable(&branch))
    }
}

impl LedgerPart<'_, '_> {
    /// Records a request, unless it is known. It is known under its id from then on, wherever this change arrives.
    ///
    /// # Errors
    /// [`RecordError`]. Nothing is written.
    pub fn record(&mut self, writer: &mut Writer, id: RequestId, entry: Transfer) -> Result<Recorded, RecordError> {
        self.edit(writer, |mut ledger, edit| ledger.record(edit, id, entry))
    }

    /// Settles a dispute between requests none of which was folded: the id stands for this one.
    /// `None` if there is none, and nothing is written.
    ///
    /// # Errors
    /// [`RecordError::Unfit`]. Nothing is written.
    pub fn resolve(&mut self, writer: &mut Writer, id: RequestId, entry: Transfer) -> Result<Option<Dot>, RecordError> {
        self.edit(writer, |mut ledger, edit| ledger.resolve(edit, id, entry))
    }

    /// Settles a dispute with what was folded: see [`Ledger::dismiss`](crate::Ledger::dismiss).
    pub fn dismiss(&mut self, writer: &mut Writer, id: RequestId) -> Option<Dot> {
        self.edit(writer, |mut ledger, edit| ledger.dismiss(edit, id))
    }

    /// Folds old requests of a client, block after block of 64: see [`Ledger::fold`](crate::Ledger::fold). Returns how
    /// many blocks were folded.
    pub fn fold(&mut self, writer: &mut Writer, client: Uuid) -> u64 {
        self.edit(writer, |mut ledger, edit| ledger.fold(edit, client))
    }
}

impl ClaimsPart<'_, '_> {
    /// Claims a resource for this member, if it is free as far as is known. The claim is tentative until all members
    /// have answered.
    ///
    /// # Errors
    /// [`ClaimError`]; nothing is written.
    pub fn claim(
        &mut self,
        writer: &mut Writer,
        resource: impl Into<Arc<str>>,
        me: Uuid,
        members: &[Uuid],
    ) -> Result<Dot, ClaimError> {
        self.edit(writer, |mut claims, edit| claims.claim(edit, resource.into(), me, members))
    }

    /// Gives up a claim, confirmed or not. `None` if this member has no claim, and nothing is written.
    pub fn release(&mut self, writer: &mut Writer, resource: impl Into<Arc<str>>, me: Uuid) -> Option<Dot> {
        self.edit(writer, |mut claims, edit| claims.release(edit, &resource.into(), me))
    }

    /// Answers all claims that this member has not answered yet: see [`Claims::acknowledge`](crate::Claims::acknowledge).
    pub fn acknowledge(&mut self, writer: &mut Writer, me: Uuid, members: &[Uuid]) -> Option<Dot> {
        self.edit(writer, |mut claims, edit| claims.acknowledge(edit, me, members))
    }
}

impl RegisterPart<'_, '_> {
    /// Sets the value, superseding all that is known; where it is the only version already, writes nothing.
    pub fn set(&mut self, writer: &mut Writer, value: impl Into<Value>) -> Dot {
        self.edit(writer, |mut register, edit| register.set(edit.only_changes(), value.into()))
    }

    /// Sets members of a group, the value if it is a map, and keeps the others, as one event.
    ///
    /// # Errors
    /// [`GroupError`] if the group is in conflict, is no map, or would be nested too deep. Nothing is written.
    pub fn set_members<'m, V: Into<Value>>(
        &mut self,
        writer: &mut Writer,
        members: impl IntoIterator<Item = (&'m str, V)>,
    ) -> Result<Dot, GroupError> {
        let members = members.into_iter().map(|(name, value)| (name, value.into()));
        self.edit(writer, |mut register, edit| register.set_members(edit.only_changes(), members))
    }

    /// Settles the conflict: supersedes all versions. The same as `set`.
    pub fn resolve(&mut self, writer: &mut Writer, value: impl Into<Value>) -> Dot {
        self.set(writer, value)
    }

    /// Settles the conflict as the resolver says. What it leaves open stays open.
    ///
    /// # Errors
    /// [`ResolveError`] if the resolver is found not to be a function of the versions. Nothing is written.
    pub fn resolve_by(
        &mut self,
        writer: &mut Writer,
        resolver: Resolver<'_, Value>,
    ) -> Result<Option<Settled<(), Value>>, ResolveError> {
        self.edit(writer, |mut register, edit| register.resolve_by(edit, resolver))
    }

    /// Where more than `limit` concurrent writes are kept, writes the last of them again, which supersedes the others.
    /// Anybody can do it. Of those who do it at a time, who write the same, only the last goes on: so it ends.
    /// Returns the conflict that this settled.
    pub fn trim_siblings(&mut self, writer: &mut Writer, limit: usize) -> Option<Settled<(), Value>> {
        self.edit(writer, |mut register, edit| register.trim_siblings(edit, limit))
    }

    /// Removes the value, if there is one. A concurrent `set` survives.
    pub fn clear(&mut self, writer: &mut Writer) -> Option<Dot> {
        self.edit(writer, |mut register, edit| register.clear(edit))
    }
}

impl MultiRegisterPart<'_, '_> {
    /// Sets the value, superseding all that is known; where it is the only version already, writes nothing.
    pub fn set(&mut self, writer: &mut Writer, value: impl Into<Value>) -> Dot {
        self.edit(writer, |mut register, edit| register.set(edit.only_changes(), value.into()))
    }

    /// Settles the conflict: supersedes all versions. The same as `set`.
    pub fn resolve(&mut self, writer: &mut Writer, value: impl Into<Value>) -> Dot {
        self.set(writer, value)
    }

    /// Settles the conflict as the resolver says. What it leaves open stays open.
    ///
    /// # Errors
    /// [`ResolveError`] if the resolver is found not to be a function of the versions. Nothing is written.
    pub fn resolve_by(
        &mut self,
        writer: &mut Writer,
        resolver: Resolver<'_, Value>,
    ) -> Result<Option<Settled<(), Value>>, ResolveError> {
        self.edit(writer, |mut register, edit| register.resolve_by(edit, resolver))
    }

    /// Removes all values, if there are any. A concurrent `set` survives.
    pub fn clear(&mut self, writer: &mut Writer) -> Option<Dot> {
        self.edit(writer, |mut register, edit| register.clear(edit))
    }
}

impl FlagPart<'_, '_> {
    /// Switches the flag on. Also where it is on already: against concurrent disabling.
    pub fn enable(&mut self, writer: &mut Writer) -> Dot {
        self.edit(writer, |mut flag, edit| flag.enable(edit))
    }

    /// Switches the flag off, if it is on. A concurrent `enable` survives.
    pub fn disable(&mut self, writer: &mut Writer) -> Option<Dot> {
        self.edit(writer, |mut flag, edit| flag.disable(edit))
    }
}

impl SetPart<'_, '_> {
    /// Adds an element. Also where it is there already: against concurrent removals.
    pub fn insert(&mut self, writer: &mut Writer, value: impl Into<Value>) -> Dot {
        self.edit(writer, |mut set, edit| set.insert(edit, value.into()))
    }

    /// Removes an element, if it is there. A concurrent `insert` survives.
    pub fn remove(&mut self, writer: &mut Writer, value: impl Into<Value>) -> Option<Dot> {
        self.edit(writer, |mut set, edit| set.remove(edit, &value.into()))
    }

    /// Removes all elements, as one group.
    pub fn clear(&mut self, writer: &mut Writer) -> Option<Dot> {
        self.edit(writer, |mut set, edit| set.clear(edit))
    }

    /// Removes the elements that do not pass, as one group.
    pub fn retain(&mut self, writer: &mut Writer, keep: impl FnMut(&Value) -> bool) -> Option<Dot> {
        self.edit(writer, |mut set, edit| set.retain(edit, keep))
    }

    /// Adds all elements, as one group.
    pub fn extend(&mut self, writer: &mut Writer, values: impl IntoIterator<Item = impl Into<Value>>) {
        self.edit(writer, |mut set, edit| {
            let values = values.into_iter();
            set.reserve(values.size_hint().0);
            for value in values {
                set.insert(edit, value.into());
            }
        });
    }
}

impl MapPart<'_, '_> {
    /// Sets the value of a key, superseding all that is known of it; where it is the only version already, writes nothing.
    pub fn insert(&mut self, writer: &mut Writer, key: impl Into<Arc<str>>, value: impl Into<Value>) -> Dot {
        self.edit(writer, |mut map, edit| map.insert(edit.only_changes(), key.into(), value.into()))
    }

    /// Sets members of a group, the value of a key if it is a map, and keeps the others, as one event.
    ///
    /// # Errors
    /// [`GroupError`] if the group is in conflict, is no map, or would be nested too deep. Nothing is written.
    pub fn set_members<'m, V: Into<Value>>(
        &mut self,
        writer: &mut Writer,
        key: impl Into<Arc<str>>,
        members: impl IntoIterator<Item = (&'m str, V)>,
    ) -> Result<Dot, GroupError> {
        let members = members.into_iter().map(|(name, value)| (name, value.into()));
        self.edit(writer, |mut map, edit| map.set_members(edit.only_changes(), key.into(), members))
    }

    /// Settles a conflict: supersedes all versions of the key. The same as `insert`.
    pub fn resolve(&mut self, writer: &mut Writer, key: impl Into<Arc<str>>, value: impl Into<Value>) -> Dot {
        self.insert(writer, key, value)
    }

    /// Settles all conflicts as the resolver says, as one group. What it leaves open stays open.
    ///
    /// # Errors
    /// [`ResolveError`] if the resolver is found not to be a function of the versions. Nothing is written.
    pub fn resolve_all(
        &mut self,
        writer: &mut Writer,
        resolver: Resolver<'_, Value>,
    ) -> Result<Vec<Settled<Arc<str>, Value>>, ResolveError> {
        self.edit(writer, |mut map, edit| map.resolve_all(edit, resolver))
    }

    /// Where more than `limit` concurrent writes of a key are kept, writes the last of them again, which supersedes the others.
    /// Anybody can do it. Of those who do it at a time, who write the same, only the last goes on: so it ends.
    /// Returns the conflicts that this settled.
    pub fn trim_siblings(&mut self, writer: &mut Writer, limit: usize) -> Vec<Settled<Arc<str>, Value>> {
        self.edit(writer, |mut map, edit| map.trim_siblings(edit, limit))
    }

    /// Removes a key, if it is there. A concurrent `insert` survives.
    pub fn remove(&mut self, writer: &mut Writer, key: &str) -> Option<Dot> {
        self.edit(writer, |mut map, edit| map.remove(edit, key))
    }

    /// Removes all keys, as one group.
    pub fn clear(&mut self, writer: &mut Writer) -> Option<Dot> {
        self.edit(writer, |mut map, edit| map.clear(edit))
    }

    /// Sets all of these, as one group.
    pub fn extend<K: Into<Arc<str>>, V: Into<Value>>(
        &mut self,
        writer: &mut Writer,
        entries: impl IntoIterator<Item = (K, V)>,
    ) {
        self.edit(writer, |mut map, edit| {
            let entries = entries.into_iter();
            map.reserve(entries.size_hint().0);
            for (key, value) in entries {
                map.insert(edit, key.into(), value.into());
            }
        });
    }
}

impl RecordPart<'_, '_> {
    /// Sets a field, superseding all of its versions; where it is the only version already, and no deletion is in conflict,
    /// writes nothing.
    pub fn set(&mut self, writer: &mut Writer, field: &str, value: impl Into<Value>) -> Dot {
        self.edit(writer, |mut record, edit| record.set(edit.only_changes(), field, value.into()))
    }

    /// Sets fields as one group.
    pub fn extend<'f, V: Into<Value>>(&mut self, writer: &mut Writer, fields: impl IntoIterator<Item = (&'f str, V)>) {
        self.edit(writer, |mut record, edit| {
            for (field, value) in fields {
                record.set(edit, field, value.into());
            }
        });
    }

    /// Sets members of a group, a field whose value is a map, and keeps the others, as one event.
    ///
    /// # Errors
    /// [`GroupError`] if the group is in conflict, is no map, or would be nested too deep. Nothing is written.
    pub fn set_members<'m, V: Into<Value>>(
        &mut self,
        writer: &mut Writer,
        field: &str,
        members: impl IntoIterator<Item = (&'m str, V)>,
    ) -> Result<Dot, GroupError> {
        let members = members.into_iter().map(|(name, value)| (name, value.into()));
        self.edit(writer, |mut record, edit| record.set_members(edit.only_changes(), field, members))
    }

    /// Settles the conflict of a field: supersedes all of its versions. The same as `set`.
    pub fn resolve(&mut self, writer: &mut Writer, field: &str, value: impl Into<Value>) -> Dot {
        self.set(writer, field, value)
    }

    /// Settles all conflicts as the resolver says, as one group. What it leaves open stays open.
    ///
    /// # Errors
    /// [`ResolveError`] if the resolver is found not to be a function of the versions. Nothing is written.
    pub fn resolve_all(
        &mut self,
        writer: &mut Writer,
        resolver: Resolver<'_, Value>,
    ) -> Result<Vec<Settled<RecordKey, Value>>, ResolveError> {
        self.edit(writer, |mut record, edit| record.resolve_all(edit, resolver))
    }

    /// Where more than `limit` concurrent writes of a key are kept, writes the last of them again, which supersedes the others.
    /// Anybody can do it. Of those who do it at a time, who write the same, only the last goes on: so it ends.
    /// Returns the conflicts that this settled.
    pub fn trim_siblings(&mut self, writer: &mut Writer, limit: usize) -> Vec<Settled<RecordKey, Value>> {
        self.edit(writer, |mut record, edit| record.trim_siblings(edit, limit))
    }

    /// Settles all conflicts with deletions, as one group, so that the record stays whatever the policy. Returns what
    /// was settled.
    pub fn restore(&mut self, writer: &mut Writer) -> Vec<Settled<RecordKey, Value>> {
        self.edit(writer, |mut record, edit| record.restore(edit))
    }

    /// Removes a field, if it shows something. A concurrent `set` of it survives, as a conflict.
    pub fn remove(&mut self, writer: &mut Writer, field: &str) -> Option<Dot> {
        self.edit(writer, |mut record, edit| record.remove(edit, field))
    }

    /// Deletes the record, if it shows anything. A concurrent update survives, as a conflict.
    pub fn delete(&mut self, writer: &mut Writer) -> Option<Dot> {
        self.edit(writer, |mut record, edit| record.delete(edit))
    }

    /// Forgets the values that standing deletions kept, everywhere. Only the fact of the deletion stays.
    pub fn erase(&mut self, writer: &mut Writer) -> Option<Dot> {
        self.edit(writer, |mut record, edit| record.erase(edit))
    }

    /// Forgets standing deletions altogether, when all replicas are known to have seen them.
    pub fn purge(&mut self, writer: &mut Writer) -> Option<Dot> {
        self.edit(writer, |mut record, edit| record.purge(edit))
    }
}

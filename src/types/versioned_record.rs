use core::fmt::{self, Debug};
use core::marker::PhantomData;

use alloc::vec::Vec;

use super::conflict::Settled;
use super::{ResolveError, Resolver, tag};
use crate::causality::{Dot, Timestamp, Writer};
use crate::kernel::{Causal, Data, DotStore, Events, Hashed, Kind, ShowKind, View};

mod edit;
mod event;
mod members;
mod policy;
mod view;

pub(crate) use edit::Choice;
pub use edit::RecordMut;
pub(crate) use event::FieldEvent;
use event::FieldState;
pub use event::RecordKey;
pub use policy::{Ask, DeletePolicy, DeleteWins, Deletes, UpdateWins};

/// A record of named fields, which merges by field and shows every conflict.
///
/// Deleting it is a change like any other: it keeps the values, so that a concurrent update is a
/// conflict that a person can see and settle, and neither side is lost.
///
/// | concurrent | result |
/// |---|---|
/// | set f ∥ set g | both |
/// | set f ∥ set f | the later one is read; a write-write conflict, or insert-insert if both created f |
/// | set f ∥ delete | the record survives with the new f; an update-delete conflict |
/// | set f ∥ remove f | the new f survives; an update-delete conflict |
/// | delete ∥ delete | deleted |
///
/// A deletion is *overruled* when a field, or the record's header, has both its mark and a live
/// value. Then the fields that it deleted show the values that it kept, as long as no other deletion
/// that stands deleted them too. Writing into such a conflict brings those fields back for good.
/// Setting a field again after a deletion overwrites its marks on that field and on the header: only
/// the marks that are left can then be overruled by an update that was concurrent with the deletion.
/// After a delete that was concurrent with an update, a third party that has seen only the delete
/// and writes a field again does not bring the other fields back.
///
/// ```
/// use dotted::{ConflictKind, Crdt, VersionedRecord, Writer};
///
/// let (mut tokyo, mut london) = (Writer::new(), Writer::new());
/// let mut here = VersionedRecord::new();
/// here.set(&mut tokyo, "email", "ana@example.com".to_string());
/// here.set(&mut tokyo, "phone", "+81 1".to_string());
/// let mut there = here.clone();
///
/// here.delete(&mut tokyo);
/// there.set(&mut london, "phone", "+44 2".to_string());
/// here.merge(&there);
/// assert_eq!(here.get("email").unwrap(), "ana@example.com");
/// assert_eq!(here.get("phone").unwrap(), "+44 2");
/// assert_eq!(here.conflicts()[0].kind, ConflictKind::UpdateDelete);
///
/// let choice = here.get("phone").unwrap().clone();
/// here.resolve(&mut tokyo, "phone", choice);
/// assert!(here.conflicts().is_empty());
/// assert_eq!(here.len(), 2);
/// ```
///
/// That is the policy of [`UpdateWins`]; [`RecordWith`] takes another one.
///
/// Fields that change as a unit are the members of a [`Group`](crate::Group), which is one field.
///
/// Reading a field costs O(its versions + conflicts of the record), writing one O(fields) besides while a
/// deletion is in conflict; `delete` and `iter` cost O(fields), `conflicts` O(conflicts).
pub type VersionedRecord<V> = RecordWith<V, UpdateWins>;

/// A [`VersionedRecord`] with another policy for deletions that are concurrent with updates.
///
/// | policy | set f ∥ delete | set f ∥ remove f |
/// |---|---|---|
/// | [`UpdateWins`] | the record survives with the new f | the new f survives |
/// | [`DeleteWins`] | deleted | f is removed |
/// | [`Ask`] | all fields are undecided | f is undecided |
///
/// ```
/// use dotted::{Crdt, DeleteWins, RecordWith, Writer};
///
/// let (mut tokyo, mut london) = (Writer::new(), Writer::new());
/// let mut here: RecordWith<u32, DeleteWins> = RecordWith::new();
/// here.set(&mut tokyo, "amount", 20);
/// let mut there = here.clone();
/// here.delete(&mut tokyo);
/// there.set(&mut london, "amount", 30);
/// here.merge(&there);
/// assert!(here.is_empty());
/// assert_eq!(here.conflicts().len(), 1); // still to be seen, and to be undone
/// here.restore(&mut tokyo);
/// assert_eq!(here.get("amount"), Some(&30));
/// ```
pub type RecordWith<V, P> = Causal<RecordBody<V, P>>;
/// The body of a [`VersionedRecord`], for values made of values.
pub type RecordBody<V, P = UpdateWins> = DotStore<Versioned<V, P>>;

/// The kind of a [`VersionedRecord`]: fields and a header, live or marked as deleted.
#[derive(Debug)]
pub struct Versioned<V, P = UpdateWins>(PhantomData<(V, P)>);

impl<V: Data, P: DeletePolicy> Kind for Versioned<V, P> {
    type Key = Hashed<RecordKey>;
    type Value = FieldEvent<V>;
    type Policy = P;
    const TAG: u8 = tag::VERSIONED_RECORD;
    const NAME: &'static str = "VersionedRecord";

    fn admits(_: u32, key: &Self::Key, event: Option<&FieldEvent<V>>) -> bool {
        match event.map(|event| &event.state) {
            Some(FieldState::Header) => key.0 == RecordKey::Record,
            Some(FieldState::Live(_) | FieldState::Deleted { .. }) => key.0 != RecordKey::Record,
            Some(FieldState::Gone { .. }) | None => true,
        }
    }

    const RESTAMP: Option<fn(&mut FieldEvent<V>, Timestamp)> = Some(FieldEvent::restamp);

    fn stamp_of(event: &FieldEvent<V>) -> Option<Timestamp> {
        Some(event.at)
    }

    fn rename(event: &mut FieldEvent<V>, name: &dyn Fn(Dot) -> Dot) {
        if let FieldState::Deleted { deletion, .. } | FieldState::Gone { deletion } = &mut event.state {
            *deletion = name(*deletion);
        }
    }
}

impl<V: Data, P: DeletePolicy> RecordWith<V, P> {
    /// Sets a field, superseding all of its versions. Setting what is there already, as the only version and with no
    /// deletion in conflict, writes nothing, and returns the event that did.
    pub fn set(&mut self, writer: &mut Writer, field: &str, value: V) -> Dot {
        self.edit(writer, |mut record, edit| record.set(edit.only_changes(), field, value))
    }

    /// Sets fields as one group.
    pub fn extend<'f>(&mut self, writer: &mut Writer, fields: impl IntoIterator<Item = (&'f str, V)>) {
        self.edit(writer, |mut record, edit| {
            for (field, value) in fields {
                record.set(edit, field, value);
            }
        });
    }

    /// Settles the conflict of a field: supersedes all of its versions. The same as
    /// [`set`](VersionedRecord::set).
    pub fn resolve(&mut self, writer: &mut Writer, field: &str, value: V) -> Dot {
        self.set(writer, field, value)
    }

    /// Settles all conflicts as one group, by what a read with this resolver shows. Where a deletion is concurrent with an
    /// update, the policy says which of both is written; under [`Ask`] it stays open, and so does what the resolver leaves
    /// open. [`Resolver::KeepAll`] settles nothing. What is written is stamped just after what it supersedes, so that
    /// what a person writes meanwhile wins.
    ///
    /// # Errors
    /// [`ResolveError`] if the resolver is found not to be a function of the versions. Nothing is written.
    pub fn resolve_all(
        &mut self,
        writer: &mut Writer,
        resolver: Resolver<'_, V>,
    ) -> Result<Vec<Settled<RecordKey, V>>, ResolveError> {
        self.edit(writer, |mut record, edit| record.resolve_all(edit, resolver))
    }

    /// Where more than `limit` concurrent writes of a field are kept, writes the last of them again, which supersedes the others.
    /// Anybody can do it. Of those who do it at a time, who write the same, only the last goes on: so it ends.
    /// Returns the conflicts that this settled. Conflicts with deletions are left as they are.
    pub fn trim_siblings(&mut self, writer: &mut Writer, limit: usize) -> Vec<Settled<RecordKey, V>> {
        self.edit(writer, |mut record, edit| record.trim_siblings(edit, limit))
    }

    /// Settles all conflicts with deletions, as one group, so that the record stays whatever the policy: of each field
    /// the latest value is written again. Returns what was settled.
    pub fn restore(&mut self, writer: &mut Writer) -> Vec<Settled<RecordKey, V>> {
        self.edit(writer, |mut record, edit| record.restore(edit))
    }

    /// Removes a field, if there is something of it. A concurrent `set` of it survives, as a conflict.
    pub fn remove(&mut self, writer: &mut Writer, field: &str) -> Option<Dot> {
        self.edit(writer, |mut record, edit| record.remove(edit, field))
    }

    /// Deletes the record, if there is something of it. A concurrent update survives, as a conflict.
    /// Returns the deletion's name: its first event.
    pub fn delete(&mut self, writer: &mut Writer) -> Option<Dot> {
        self.edit(writer, |mut record, edit| record.delete(edit))
    }

    /// Forgets the values that standing deletions kept, everywhere. Only the fact of the deletion
    /// stays. What a deletion in conflict keeps is not touched, so settle conflicts first;
    /// `None` says that there was nothing to erase now.
    pub fn erase(&mut self, writer: &mut Writer) -> Option<Dot> {
        self.edit(writer, |mut record, edit| record.erase(edit))
    }

    /// Forgets standing deletions altogether, when all replicas are known to have seen them: a later
    /// update that had not is then no conflict.
    pub fn purge(&mut self, writer: &mut Writer) -> Option<Dot> {
        self.edit(writer, |mut record, edit| record.purge(edit))
    }
}

impl<V: Data + Debug, P: DeletePolicy> ShowKind for Versioned<V, P> {
    fn show<'a>(view: View<'a, Self, impl Events<'a, Kind = Self>>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VersionedRecord ")?;
        f.debug_map().entries(view.fields()).finish()
    }
}

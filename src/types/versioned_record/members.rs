//! Groups as the values of fields.

use super::policy::DeletePolicy;
use super::view::Standing;
use super::{RecordWith, Versioned};
use crate::causality::{Dot, Writer};
use crate::kernel::{Edit, EventsMut, Mut, reads};
use crate::types::group::{Group, GroupError, changed};

reads! { impl[V: Group, P: DeletePolicy] Versioned<V, P> {
    /// A member of the group that a field shows.
    #[must_use]
    fn get_member(view, field: &str, member: &str) -> Option<&'a V::Member> {
        view.get(field)?.member(member)
    }
} }

impl<'e, V: Group, P: DeletePolicy, E: EventsMut<'e, Kind = Versioned<V, P>>> Mut<'e, Versioned<V, P>, E> {
    /// Sets members of a group and keeps the others: see
    /// [`VersionedRecord::set_members`](crate::VersionedRecord::set_members).
    ///
    /// # Errors
    /// [`GroupError`]. Nothing is written.
    pub fn set_members<'m>(
        &mut self,
        edit: &mut Edit<'e>,
        field: &str,
        members: impl IntoIterator<Item = (&'m str, V::Member)>,
    ) -> Result<Dot, GroupError> {
        let view = self.view(edit);
        let versions = match view.slot_of(field).map(|slot| view.standing(slot, &view.marks())) {
            None | Some(Standing::Nothing) => alloc::vec::Vec::new(),
            Some(Standing::There(versions)) => versions,
            Some(Standing::Undecided(_)) => return Err(GroupError::InConflict),
        };
        let group = changed(versions, members)?;
        Ok(self.set(edit, field, group))
    }
}

impl<V: Group, P: DeletePolicy> RecordWith<V, P> {
    /// Sets members of a group, the value of `field`, and keeps the others, as one event that supersedes the group as it
    /// was. A group that is not there is made. Costs O(members of the group).
    ///
    /// # Errors
    /// [`GroupError::InConflict`] while several groups are in conflict, since there is no one group to keep the others of;
    /// [`GroupError::NotAGroup`] and [`GroupError::TooDeep`]. Nothing is written then.
    pub fn set_members<'m>(
        &mut self,
        writer: &mut Writer,
        field: &str,
        members: impl IntoIterator<Item = (&'m str, V::Member)>,
    ) -> Result<Dot, GroupError> {
        self.edit(writer, |mut record, edit| record.set_members(edit.only_changes(), field, members))
    }
}

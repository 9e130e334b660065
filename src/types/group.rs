use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::{Resolved, Resolver, Version};
use crate::kernel::Data;

/// A value that can be a group of named members, which change as a unit: of a field of a record, of a register, or of a
/// key of a map.
///
/// A group is one value: one event per write, one conflict. So concurrent changes of one member here and of
/// another there never mix into a group that nobody wrote; of the two groups the later one is read, and both
/// are listed. It needs no schema that replicas could disagree about: what is a group, and of which members,
/// is in the value.
///
/// ```
/// use dotted::{Crdt, Grouped, VersionedRecord, Writer};
///
/// let (mut tokyo, mut london) = (Writer::new(), Writer::new());
/// let mut here: VersionedRecord<Grouped<String>> = VersionedRecord::new();
/// here.set(&mut tokyo, "name", "Ana".to_string().into());
/// here.set_members(&mut tokyo, "address", [("city", "Recife".to_string()), ("zip", "50000".to_string())])?;
/// let mut there = here.clone();
/// here.set_members(&mut tokyo, "address", [("city", "Olinda".to_string())])?;
/// there.set_members(&mut london, "address", [("zip", "50100".to_string())])?;
/// here.merge(&there);
/// // Either the one address or the other, and never "Olinda 50100".
/// let mixed = (here.get_member("address", "city").unwrap().as_str(), here.get_member("address", "zip").unwrap().as_str());
/// assert_ne!(mixed, ("Olinda", "50100"));
/// assert_eq!(here.conflicts().len(), 1);
/// # Ok::<(), dotted::GroupError>(())
/// ```
pub trait Group: Data {
    /// What the members are.
    type Member: Data;

    /// The member with this name, if this is a group that has it.
    fn member(&self, name: &str) -> Option<&Self::Member>;

    /// The same group with these members in place of those that it had by their names; of nothing, a group of these.
    ///
    /// # Errors
    /// [`GroupError`] if there is a value that is no group, or if the group cannot have such members.
    fn with(
        group: Option<&Self>,
        members: impl IntoIterator<Item = (Arc<str>, Self::Member)>,
    ) -> Result<Self, GroupError>;
}

/// Members of a group cannot be set. Nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GroupError {
    /// There are several groups that differ, or it is undecided whether there is one: which of them the members are
    /// to go to is for the caller to say, by `resolve`.
    InConflict,
    /// There is a value that is no group.
    NotAGroup,
    /// The group would be nested too deep.
    TooDeep,
}

impl fmt::Display for GroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InConflict => "the group is in conflict",
            Self::NotAGroup => "the value is no group",
            Self::TooDeep => "the group would be nested too deep",
        })
    }
}

impl core::error::Error for GroupError {}

/// One value, or a group of several: for records with groups, where values are of one type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Grouped<V> {
    /// A value.
    One(V),
    /// A group, by the names of its members.
    Group(BTreeMap<Arc<str>, V>),
}

impl<V> Grouped<V> {
    /// A group. Of members with one name the last counts.
    pub fn group<N: Into<Arc<str>>>(members: impl IntoIterator<Item = (N, V)>) -> Self {
        Self::Group(members.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    /// The value, if it is no group.
    #[must_use]
    pub const fn one(&self) -> Option<&V> {
        if let Self::One(value) = self { Some(value) } else { None }
    }
}

impl<V> From<V> for Grouped<V> {
    fn from(value: V) -> Self {
        Self::One(value)
    }
}

impl<V: Data> Group for Grouped<V> {
    type Member = V;

    fn member(&self, name: &str) -> Option<&V> {
        if let Self::Group(members) = self { members.get(name) } else { None }
    }

    fn with(group: Option<&Self>, members: impl IntoIterator<Item = (Arc<str>, V)>) -> Result<Self, GroupError> {
        let mut all = match group {
            None => BTreeMap::new(),
            Some(Self::Group(members)) => members.clone(),
            Some(Self::One(_)) => return Err(GroupError::NotAGroup),
        };
        all.extend(members);
        Ok(Self::Group(all))
    }
}

/// The group that there is, with these members in place of those that it had by their names.
pub(super) fn changed<'a, 'm, V: Group>(
    versions: Vec<Version<&'a V>>,
    members: impl IntoIterator<Item = (&'m str, V::Member)>,
) -> Result<V, GroupError> {
    let members = members.into_iter().map(|(name, value)| (name.into(), value));
    match Resolver::KeepAll.resolve(versions) {
        Ok(Resolved::Nothing) => V::with(None, members),
        Ok(Resolved::One(group)) => V::with(Some(&group), members),
        _ => Err(GroupError::InConflict),
    }
}

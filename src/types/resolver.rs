use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::fmt;

use uuid::Uuid;

use super::Version;
use super::conflict::differ;

/// What a read shows of concurrent versions that differ. It is a parameter of the read, so it writes
/// nothing, and replicas that choose differently still agree on the state.
///
/// ```
/// use dotted::{Crdt, LwwRegister, Resolved, Resolver, Writer};
///
/// let (mut here, mut there) = (LwwRegister::new(), LwwRegister::new());
/// here.set(&mut Writer::new(), 3);
/// there.set(&mut Writer::new(), 4);
/// here.merge(&there);
/// // A value of its own: the greatest that anyone wrote.
/// let greatest = Resolver::Custom(&|versions| versions.iter().filter_map(|version| version.value).max().copied());
/// assert_eq!(here.get_by(greatest)?.value(), Some(&4));
/// assert!(matches!(here.get_by(Resolver::KeepAll)?, Resolved::Conflict(versions) if versions.len() == 2));
/// # Ok::<(), dotted::ResolveError>(())
/// ```
#[derive(Default)]
pub enum Resolver<'r, T> {
    /// The last write, by `(timestamp, replica, counter)`.
    #[default]
    Latest,
    /// The first of the concurrent writes.
    Earliest,
    /// The write of the writer that comes first in this list; among the others the latest.
    Priority(&'r [Uuid]),
    /// All: the conflict stays visible.
    KeepAll,
    /// What this function makes of the versions, one of them or something new; `None` leaves the
    /// conflict visible.
    ///
    /// It is asked only where values differ, and sees the versions that are in question, all with a value, in the
    /// order of their dots, so all replicas get one answer. Still it should not depend on that order,
    /// nor on anything but the versions: where debug assertions are on, it is called on other orders,
    /// too, and other answers are an error. If it panics, the read or edit that called it unwinds, and nothing
    /// has been written.
    Custom(&'r dyn Fn(&[Version<&T>]) -> Option<T>),
}

/// What a read with a [`Resolver`] shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved<'a, T: Clone> {
    /// There is nothing.
    Nothing,
    /// One value: all versions agree on it, or the resolver chose or made it.
    One(Cow<'a, T>),
    /// It is left open between these versions, in the order of their dots.
    Conflict(Vec<Version<&'a T>>),
}

impl<T: Clone> Resolved<'_, T> {
    /// The value, if it is one.
    #[must_use]
    pub fn value(&self) -> Option<&T> {
        if let Self::One(value) = self { Some(value) } else { None }
    }
}

/// A resolver cannot be used. Nothing was read, and nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResolveError {
    /// The function of [`Resolver::Custom`] gave several answers for the same versions: it depends on
    /// their order, or on something else. Found only where debug assertions are on.
    OrderDependent,
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OrderDependent => f.write_str("a resolver gave several answers for the same versions"),
        }
    }
}

impl core::error::Error for ResolveError {}

/// In so many other orders a function is tried.
const ORDERS: usize = 8;

impl<T: Clone + Eq> Resolver<'_, T> {
    /// What is shown of these versions, whatever the order in which they are given.
    ///
    /// # Errors
    /// [`ResolveError`] if the resolver is found not to be a function of the versions.
    pub fn resolve<'v>(
        &self,
        versions: impl IntoIterator<Item = Version<&'v T>>,
    ) -> Result<Resolved<'v, T>, ResolveError> {
        let mut versions: Vec<_> = versions.into_iter().filter(|version| version.value.is_some()).collect();
        let Some(first) = versions.first().and_then(|version| version.value) else { return Ok(Resolved::Nothing) };
        if !differ(versions.iter().filter_map(|version| version.value)) {
            return Ok(Resolved::One(Cow::Borrowed(first)));
        }
        let one = |version: Option<Version<&'v T>>| {
            version
                .and_then(|version| version.value)
                .map_or(Resolved::Nothing, |value| Resolved::One(Cow::Borrowed(value)))
        };
        Ok(match self {
            Self::Latest => one(versions.into_iter().max_by_key(Version::order)),
            Self::Earliest => one(versions.into_iter().min_by_key(Version::order)),
            Self::Priority(writers) => {
                let place = |version: &Version<&T>| {
                    let uuid = version.dot.replica.uuid();
                    writers.iter().position(|&writer| writer == uuid).unwrap_or(writers.len())
                };
                one(versions.into_iter().max_by_key(|version| (Reverse(place(version)), version.order())))
            }
            Self::KeepAll => {
                versions.sort_unstable_by_key(|version| version.dot);
                Resolved::Conflict(versions)
            }
            Self::Custom(function) => {
                versions.sort_unstable_by_key(|version| version.dot);
                let answer = function(&versions);
                if cfg!(debug_assertions) && !is_answer_in_any_order(function, &versions, answer.as_ref()) {
                    return Err(ResolveError::OrderDependent);
                }
                answer.map_or(Resolved::Conflict(versions), |value| Resolved::One(Cow::Owned(value)))
            }
        })
    }
}

fn is_answer_in_any_order<T: Clone + Eq>(
    function: &dyn Fn(&[Version<&T>]) -> Option<T>,
    versions: &[Version<&T>],
    answer: Option<&T>,
) -> bool {
    let mut versions = versions.to_vec();
    versions.reverse();
    (0..versions.len().min(ORDERS)).all(|_| {
        let same = function(&versions).as_ref() == answer;
        versions.rotate_left(1);
        same
    })
}

impl<T> Clone for Resolver<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Resolver<'_, T> {}

impl<T> fmt::Debug for Resolver<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("Latest"),
            Self::Earliest => f.write_str("Earliest"),
            Self::Priority(writers) => f.debug_tuple("Priority").field(writers).finish(),
            Self::KeepAll => f.write_str("KeepAll"),
            Self::Custom(_) => f.write_str("Custom"),
        }
    }
}

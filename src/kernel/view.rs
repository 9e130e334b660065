use core::fmt;

use super::causal::Causal;
use super::event::Kind;
use super::events::Events;
use super::fragment::{Fragment, Show};
use super::store::DotStore;
use crate::causality::VersionVector;

/// The events of a value with the version that they are read under: a whole value, or a part of one.
///
/// All reads of a type are here as well as on the value itself.
pub struct View<'a, S: Kind, E = &'a DotStore<S>> {
    pub(crate) events: E,
    pub(crate) version: &'a VersionVector,
    pub(crate) policy: S::Policy,
}

impl<'a, S: Kind, E: Events<'a, Kind = S>> View<'a, S, E> {
    #[inline]
    pub(crate) fn new(events: E, version: &'a VersionVector) -> Self {
        Self::with_policy(events, version, S::Policy::default())
    }

    #[inline]
    pub(crate) fn with_policy(events: E, version: &'a VersionVector, policy: S::Policy) -> Self {
        Self { events, version, policy }
    }
}

impl<S: Kind, E: Clone> Clone for View<'_, S, E> {
    fn clone(&self) -> Self {
        Self { events: self.events.clone(), version: self.version, policy: self.policy }
    }
}

impl<S: Kind, E: Copy> Copy for View<'_, S, E> {}

/// What `Debug` shows of a type: its value, in the order of dots.
#[doc(hidden)]
pub trait ShowKind: Kind {
    /// Writes the value.
    fn show<'a>(view: View<'a, Self, impl Events<'a, Kind = Self>>, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

impl<S: ShowKind> Show for DotStore<S> {
    fn show(&self, version: &VersionVector, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        S::show(View::new(self, version), f)
    }
}

impl<'a, S: ShowKind, E: Events<'a, Kind = S>> fmt::Debug for View<'a, S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        S::show(*self, f)
    }
}

/// Where the events of a part are in the body of a value.
#[doc(hidden)]
pub trait Place<S: Kind> {
    /// The body.
    type Root: Fragment;

    /// The events of the part.
    fn events<'a>(&'a self, root: &'a Self::Root) -> impl Events<'a, Kind = S>;
}

/// One value among those that another one holds, borrowed to be read and written in place.
pub struct Part<'r, S: Kind, P: Place<S>> {
    pub(crate) root: &'r mut Causal<P::Root>,
    pub(crate) place: P,
    pub(crate) policy: S::Policy,
}

impl<'r, S: Kind, P: Place<S>> Part<'r, S, P> {
    pub(crate) fn new(root: &'r mut Causal<P::Root>, place: P) -> Self {
        Self::with_policy(root, place, S::Policy::default())
    }

    pub(crate) fn with_policy(root: &'r mut Causal<P::Root>, place: P, policy: S::Policy) -> Self {
        Self { root, place, policy }
    }

    /// Reads the value. All reads of the view are here as well.
    pub fn view(&self) -> View<'_, S, impl Events<'_, Kind = S>> {
        View::with_policy(self.place.events(&self.root.body), &self.root.context.version, self.policy)
    }
}

impl<S: ShowKind, P: Place<S>> fmt::Debug for Part<'_, S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        S::show(self.view(), f)
    }
}

/// Defines reads once, for a value, for a view of one and for a part of one.
macro_rules! reads {
    (impl[$($generics:tt)*] $kind:ty { $(
        $(#[$meta:meta])*
        fn $name:ident $([$($own:tt)*])? ($view:ident $(, $arg:ident: $type:ty)*) -> $ret:ty $code:block
    )* }) => {
        #[allow(clippy::needless_lifetimes, clippy::extra_unused_lifetimes)]
        impl<$($generics)*> $crate::kernel::Causal<$crate::kernel::DotStore<$kind>> { $(
            $(#[$meta])*
            pub fn $name<'a $(, $($own)*)?>(&'a self $(, $arg: $type)*) -> $ret {
                self.view().$name($($arg),*)
            }
        )* }

        impl<'a, E: $crate::kernel::Events<'a, Kind = $kind>, $($generics)*> $crate::kernel::View<'a, $kind, E> { $(
            $(#[$meta])*
            pub fn $name $(<$($own)*>)? (self $(, $arg: $type)*) -> $ret {
                let $view = self;
                $code
            }
        )* }

        #[allow(clippy::needless_lifetimes, clippy::extra_unused_lifetimes)]
        impl<At: $crate::kernel::Place<$kind>, $($generics)*> $crate::kernel::Part<'_, $kind, At> { $(
            $(#[$meta])*
            pub fn $name<'a $(, $($own)*)?>(&'a self $(, $arg: $type)*) -> $ret {
                self.view().$name($($arg),*)
            }
        )* }
    };
}
pub(crate) use reads;

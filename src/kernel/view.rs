use crate::causality::VersionVector;

/// A body with the version that it is read under: a value, or a part of one.
///
/// All reads of a type are here as well as on the value itself.
pub struct View<'a, F> {
    pub(crate) body: &'a F,
    pub(crate) version: &'a VersionVector,
}

impl<F> Clone for View<'_, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F> Copy for View<'_, F> {}

impl<F: super::Show> core::fmt::Debug for View<'_, F> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.body.show(self.version, f)
    }
}

/// Defines reads once, for a value (`Causal<Body>`) and for a part of one (`View<'_, Body>`).
macro_rules! reads {
    (impl[$($generics:tt)*] $body:ty { $(
        $(#[$meta:meta])*
        fn $name:ident $([$($own:tt)*])? ($view:ident $(, $arg:ident: $type:ty)*) -> $ret:ty $code:block
    )* }) => {
        #[allow(clippy::needless_lifetimes, clippy::extra_unused_lifetimes)]
        impl<$($generics)*> $crate::kernel::Causal<$body> { $(
            $(#[$meta])*
            pub fn $name<'a $(, $($own)*)?>(&'a self $(, $arg: $type)*) -> $ret {
                let $view = self.view();
                $code
            }
        )* }

        impl<'a, $($generics)*> $crate::kernel::View<'a, $body> { $(
            $(#[$meta])*
            pub fn $name $(<$($own)*>)? (&self $(, $arg: $type)*) -> $ret {
                let $view = *self;
                $code
            }
        )* }
    };
}
pub(crate) use reads;

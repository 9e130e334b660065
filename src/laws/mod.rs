//! The laws that make replicas agree, as checks to be run on any type: this crate's and your own.
//!
//! * [`crdt`] runs the laws of a join semilattice on a type with [`Arbitrary`](quickcheck::Arbitrary):
//!   your own [`Crdt`](crate::Crdt), with or without a version vector.
//! * [`delta_crdt`] runs these and the laws of versions, deltas and bytes on a type with [`Generate`],
//!   on the [`Replicas`] of random histories. A history that breaks a law is shrunk to a few steps.
//! * Each law is a function of its own, too, for tests that choose the operands themselves.
//!
//! Independent random values are weak operands for a type with a history: they have nothing in
//! common. Random histories of several replicas, which write, merge, exchange deltas, lose and
//! repeat some, are cloned, rolled back and collected, meet the cases where such types go wrong.
//!
//! ```
//! use dotted::{Applied, Crdt, laws};
//!
//! /// The highest bid so far.
//! #[derive(Clone, Debug)]
//! struct Highest(u64);
//!
//! impl Crdt for Highest {
//!     fn merge(&mut self, other: &Self) -> Applied {
//!         let changed = other.0 > self.0;
//!         self.0 = self.0.max(other.0);
//!         Applied::from_changed(changed)
//!     }
//!
//!     fn same_state(&self, other: &Self) -> bool {
//!         self.0 == other.0
//!     }
//! }
//!
//! impl quickcheck::Arbitrary for Highest {
//!     fn arbitrary(g: &mut quickcheck::Gen) -> Self {
//!         Self(u64::arbitrary(g))
//!     }
//! }
//!
//! laws::crdt::<Highest>();
//! ```
//!
//! The environment variables of quickcheck choose how much is tried: `QUICKCHECK_TESTS` and
//! `QUICKCHECK_GENERATOR_SIZE`.

mod check;
mod delta;
mod generate;
mod history;
mod merge;
mod violation;

pub use check::{crdt, delta_crdt};
pub use delta::{
    compaction_is_invisible, damage_is_refused, delta_encoding_round_trips, delta_idempotent, delta_is_merge,
    deltas_commute, empty_is_neutral, encoding_round_trips, merge_joins_versions, refusal_changes_nothing,
    version_is_digest,
};
pub use generate::{Generate, GenerateBody};
pub use history::Replicas;
pub use merge::{associative, commutative, idempotent, inflationary, same_state_is_equivalence, truthful};
pub use violation::{Law, Outcome, Violation};

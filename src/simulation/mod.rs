//! A network that loses, doubles, delays and reorders messages, machines that crash, come back from old
//! backups and are cloned, clocks that are wrong: deterministic by seed, to see whether replicas still agree.
//!
//! A [`Subject`] says what is replicated and how it is written, and may know what is right. [`run`]
//! draws everything from a seed: how many replicas, their topology, how often each fault strikes, what
//! is written when. First, while faults strike, what a replica shows is checked after every step:
//!
//! * replicas that have seen the same events have the same state, byte for byte;
//! * what the subject knows to be right;
//! * nobody has seen an event that was not written; with durable storage, what was persisted survives a crash;
//! * a confirmation is true.
//!
//! Then faults stop. All replicas must agree within a bounded time, nothing that any of them had may be
//! lost, and then they must fall silent but for heartbeats.
//!
//! A failure names the seed, and the seed replays it byte for byte.
//!
//! ```
//! use dotted::simulation::{self, Random, Subject};
//! use dotted::{OrSet, Writer};
//!
//! /// A set of small numbers.
//! struct Numbers;
//!
//! impl Subject for Numbers {
//!     type Value = OrSet<u8>;
//!
//!     fn write(&mut self, set: &mut OrSet<u8>, writer: &mut Writer, random: &mut Random) {
//!         let number = random.below(10) as u8;
//!         if random.chance(30) {
//!             set.remove(writer, &number);
//!         } else {
//!             set.insert(writer, number);
//!         }
//!     }
//! }
//!
//! let mut report = simulation::Report::default();
//! for seed in 0..10 {
//!     report += simulation::run(seed, Numbers)?;
//! }
//! assert!(report.checks > 100);
//! # Ok::<(), simulation::Violation>(())
//! ```

mod escrow;
mod faults;
mod model;
mod network;
mod node;
mod plan;
mod report;
mod store;
mod world;

pub use crate::replication::Random;
pub use escrow::{EscrowSubject, EscrowTally};
pub use report::{Report, Violation};
pub use store::StoreSubject;

use crate::{DeltaCrdt, Dot, Writer};

/// What is simulated: a type, how it is written, and what is right.
pub trait Subject {
    /// The type of the replicas.
    type Value: DeltaCrdt;

    /// Writes something at random: one event, or a group, or nothing. A subject that knows what is right
    /// takes down what it wrote.
    fn write(&mut self, value: &mut Self::Value, writer: &mut Writer, random: &mut Random);

    /// Whether a value is what it must be, given the events that it has seen. By itself: always.
    ///
    /// # Errors
    /// What is wrong.
    fn check(&self, value: &Self::Value) -> Result<(), String> {
        _ = value;
        Ok(())
    }

    /// All that can be read, to be compared between replicas that have seen the same events. By itself: nothing
    /// beyond the state.
    fn read(&self, value: &Self::Value) -> String {
        _ = value;
        String::new()
    }

    /// A crash has lost these events before they were durable, so that nobody has seen them, and their
    /// names may be used again. A subject that takes down what it wrote strikes them out.
    fn lost(&mut self, is_lost: &dyn Fn(&Dot) -> bool) {
        _ = is_lost;
    }

    /// Forgets removals early. By itself [`compact`](DeltaCrdt::compact).
    fn forget_removals(&self, value: &mut Self::Value) {
        value.compact();
    }
}

/// Runs the schedule that follows from the seed.
///
/// # Errors
/// [`Violation`]: what was wrong first.
pub fn run<S: Subject>(seed: u64, subject: S) -> Result<Report, Violation> {
    world::World::new(seed, subject).run()
}

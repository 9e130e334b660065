//! Keeping the values of a group of replicas the same: a protocol without I/O.
//!
//! A [`Replica`] holds a value (any [`DeltaCrdt`](crate::DeltaCrdt)), its writer, and what it knows of its peers. Four
//! messages do everything; their bytes are in `codec/FORMAT.md`.
//!
//! | message | says | answer |
//! |---|---|---|
//! | `Have` | what I have seen | who has more sends a delta; who has less sends its own `Have`; equal: silence |
//! | `Delta` | what you lack, in parts if it is large | one `Have`, or a `Nack` |
//! | `Nack` | why a delta was not taken in, or which parts are missing | a delta or parts, if that helps |
//! | `Audit` | the hash of my state | none, or the other hash: then both know that they diverged |
//!
//! ```
//! use dotted::replication::{Config, PeerId, Replica, Role};
//! use dotted::{OrSet, Writer};
//!
//! let (a, b) = (PeerId::from_seed(1), PeerId::from_seed(2)); // as the transport knows them
//! let store = "6f1c1f7a-5b0c-4c60-9b0e-2b8f4a3f9d11".parse()?;
//! let mut here: Replica<OrSet<String>> = Replica::new(OrSet::new(), Writer::new(), Config::new(a, store, 7));
//! let mut there: Replica<OrSet<String>> = Replica::new(OrSet::new(), Writer::new(), Config::new(b, store, 8));
//! here.join(b, Role::Voter)?;
//! there.join(a, Role::Voter)?;
//! here.update(|set, writer| set.insert(writer, "milk".to_string()))?;
//!
//! // A network that loses nothing, and a clock that advances by ten milliseconds.
//! for now in (0..1000).step_by(10) {
//!     here.tick(now);
//!     there.tick(now);
//!     while let Some(message) = here.poll_transmit() {
//!         there.handle(a, &message.bytes, now)?;
//!     }
//!     while let Some(message) = there.poll_transmit() {
//!         here.handle(b, &message.bytes, now)?;
//!     }
//! }
//! assert!(there.value().contains("milk") && here.is_in_sync_with(b));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What is promised, whatever messages are lost, doubled, late or reordered:
//!
//! * A value changes by whole deltas only, and by local writes.
//! * What is known of a peer advances on evidence only, and is replaced, downwards too, by what the peer says:
//!   it may have been restored from a backup.
//! * No message is needed twice, and none is waited for for ever. A converged group sends nothing but heartbeats.
//! * Nothing grows without a limit: see [`Bounds`].
//! * With durable storage nothing leaves before it is durable.
//!
//! Beside a replica whose value has bounded counters stands a [`Rebalancer`], with two messages of its own.
//!
//! How fast a change spreads depends on the topology. Here 50 replicas are connected by a network that loses nothing;
//! changes are gathered for 20 ms, and rounds of gossip are 1 s apart. `cargo bench --bench figures -- plot` draws it.
//!
#![doc = include_str!("../../docs/convergence.svg")]

mod accepts;
mod budget;
mod clock;
mod config;
mod confirmations;
mod conflict_log;
mod error;
mod event;
mod fetch;
mod member;
mod membership;
mod message;
mod parts;
mod peer;
mod peer_id;
#[cfg(feature = "mutants")]
mod probe;
mod random;
mod rebalancer;
mod receive;
mod replica;
mod reservations;
mod schedule;
mod topology;
mod transmit;
mod trial;
mod watches;

pub use config::{Bounds, Config, ForkCheck, Timing};
pub use confirmations::{Level, Ticket};
pub use conflict_log::{ConflictId, ConflictLog, LogConfig, LogEntry, LogKeys, LogPlace, LogVersion};
pub use error::{AdoptError, JoinError, ReplicaError, TooManyTickets, WriteError};
pub use event::{Event, Refusal};
pub use member::{Member, NotStored};
pub use membership::Role;
pub use peer_id::PeerId;
#[cfg(feature = "simulation")]
#[doc(hidden)]
pub use random::Random;
pub use rebalancer::{Escrows, Rebalancer, Rebalancing, SpendError};
pub use replica::Replica;
pub use reservations::{Reservation, Reservations};
pub use topology::Topology;
pub use transmit::Transmit;

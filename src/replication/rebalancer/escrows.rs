use alloc::vec::Vec;

use crate::DeltaCrdt;
use crate::causality::{Dot, ReplicaId, Writer};
use crate::store::{Store, Watched};
use crate::types::{BoundedCounter, EscrowError};

/// A value with bounded counters in it, by their names: what a [`Rebalancer`](super::Rebalancer) works on.
///
/// A [`BoundedCounter`] is one itself, and has the empty name. Implement it for a type of your own around
/// one of these by passing the calls on.
pub trait Escrows: DeltaCrdt {
    /// The branch under which a writer goes on with the value.
    fn branch_of(&self, writer: &Writer) -> Option<ReplicaId>;

    /// All who have rights of a counter, or had: [`BoundedCounter::holders`]. Empty for a name of no counter.
    fn holders(&self, name: &str) -> Vec<(ReplicaId, i128)>;

    /// How many rights a replica has: [`BoundedCounter::rights_of`].
    fn rights_of(&self, name: &str, replica: &ReplicaId) -> i128;

    /// How many rights were ever handed over to a replica: [`BoundedCounter::handed_to`].
    fn handed_to(&self, name: &str, replica: &ReplicaId) -> u128;

    /// [`BoundedCounter::announce`].
    fn announce(&mut self, writer: &mut Writer, name: &str) -> Option<Dot>;

    /// [`BoundedCounter::try_decrement`].
    ///
    /// # Errors
    /// [`EscrowError`]. Nothing is written.
    fn try_decrement(&mut self, writer: &mut Writer, name: &str, by: u64) -> Result<Dot, EscrowError>;

    /// [`BoundedCounter::transfer`].
    ///
    /// # Errors
    /// [`EscrowError`]. Nothing is written.
    fn transfer(&mut self, writer: &mut Writer, name: &str, to: &ReplicaId, amount: u64) -> Result<Dot, EscrowError>;
}

/// There is no counter with this name.
const NOTHING: EscrowError = EscrowError::InsufficientRights { local: 0, elsewhere: 0 };

impl Escrows for BoundedCounter {
    fn branch_of(&self, writer: &Writer) -> Option<ReplicaId> {
        self.branch_of(writer)
    }

    fn holders(&self, name: &str) -> Vec<(ReplicaId, i128)> {
        if name.is_empty() { self.holders() } else { Vec::new() }
    }

    fn rights_of(&self, name: &str, replica: &ReplicaId) -> i128 {
        if name.is_empty() { self.rights_of(replica) } else { 0 }
    }

    fn handed_to(&self, name: &str, replica: &ReplicaId) -> u128 {
        if name.is_empty() { self.handed_to(replica) } else { 0 }
    }

    fn announce(&mut self, writer: &mut Writer, name: &str) -> Option<Dot> {
        if name.is_empty() { self.announce(writer) } else { None }
    }

    fn try_decrement(&mut self, writer: &mut Writer, name: &str, by: u64) -> Result<Dot, EscrowError> {
        if name.is_empty() { self.try_decrement(writer, by) } else { Err(NOTHING) }
    }

    fn transfer(&mut self, writer: &mut Writer, name: &str, to: &ReplicaId, amount: u64) -> Result<Dot, EscrowError> {
        if name.is_empty() { self.transfer(writer, to, amount) } else { Err(NOTHING) }
    }
}

impl Escrows for Store {
    fn branch_of(&self, writer: &Writer) -> Option<ReplicaId> {
        self.branch_of(writer)
    }

    fn holders(&self, name: &str) -> Vec<(ReplicaId, i128)> {
        self.view().bounded_counter(name).holders()
    }

    fn rights_of(&self, name: &str, replica: &ReplicaId) -> i128 {
        self.view().bounded_counter(name).rights_of(replica)
    }

    fn handed_to(&self, name: &str, replica: &ReplicaId) -> u128 {
        self.view().bounded_counter(name).handed_to(replica)
    }

    fn announce(&mut self, writer: &mut Writer, name: &str) -> Option<Dot> {
        self.bounded_counter(name).announce(writer)
    }

    fn try_decrement(&mut self, writer: &mut Writer, name: &str, by: u64) -> Result<Dot, EscrowError> {
        self.bounded_counter(name).try_decrement(writer, by)
    }

    fn transfer(&mut self, writer: &mut Writer, name: &str, to: &ReplicaId, amount: u64) -> Result<Dot, EscrowError> {
        self.bounded_counter(name).transfer(writer, to, amount)
    }
}

impl Escrows for Watched {
    fn branch_of(&self, writer: &Writer) -> Option<ReplicaId> {
        self.store().branch_of(writer)
    }

    fn holders(&self, name: &str) -> Vec<(ReplicaId, i128)> {
        Escrows::holders(self.store(), name)
    }

    fn rights_of(&self, name: &str, replica: &ReplicaId) -> i128 {
        Escrows::rights_of(self.store(), name, replica)
    }

    fn handed_to(&self, name: &str, replica: &ReplicaId) -> u128 {
        Escrows::handed_to(self.store(), name, replica)
    }

    fn announce(&mut self, writer: &mut Writer, name: &str) -> Option<Dot> {
        self.edit(writer, |mut store, edit| store.bounded_counter(name).announce(edit))
    }

    fn try_decrement(&mut self, writer: &mut Writer, name: &str, by: u64) -> Result<Dot, EscrowError> {
        self.edit(writer, |mut store, edit| store.bounded_counter(name).try_decrement(edit, by))
    }

    fn transfer(&mut self, writer: &mut Writer, name: &str, to: &ReplicaId, amount: u64) -> Result<Dot, EscrowError> {
        self.edit(writer, |mut store, edit| store.bounded_counter(name).transfer(edit, to, amount))
    }
}

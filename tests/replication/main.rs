//! The protocol between replicas: each rule has a test of its own.

mod chaos;
mod clock;
mod convergence;
mod faults;
mod fetch;
mod group;
mod hostile;
mod identity;
mod net;
mod stamps;

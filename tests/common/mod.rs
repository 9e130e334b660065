//! What the oracle tests, the fixed schedules and the mutants share.
#![allow(dead_code)] // Each test program uses a part of it.

pub mod crash;
pub mod fork;
pub mod identity;
pub mod model;
pub mod parallel;
pub mod random;
pub mod schedules;
pub mod world;

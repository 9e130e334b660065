//! WebAssembly bindings of [`dotted`]. The bindings themselves are not written yet; this member
//! keeps the crate building for the browser without the standard library's clock and randomness.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub use dotted;

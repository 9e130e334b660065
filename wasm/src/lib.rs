//! WebAssembly bindings of [`dotted`]: one document, in both senses, for the TypeScript of the npm package
//! `dotted-crdt`.
//!
//! A [`Document`] is a store with its writer, as it is or as a member of a group ([`dotted::replication`]). What
//! crosses the boundary is numbers and bytes: names, keys and values are written in the form that they have in
//! the binary format, by a small codec in TypeScript on the other side (`wire.rs`), so that one call takes as many
//! values as one likes, and no JavaScript object is ever touched from here.
//!
//! *Absent on purpose*: callbacks (nothing of JavaScript runs while a document is borrowed), clocks and randomness
//! (they are arguments), and panics.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

extern crate alloc;

mod changes;
mod document;
mod facts;
mod failure;
mod holder;
mod member;
mod names;
mod read;
mod settle;
mod wire;
mod write;

pub use document::Document;

/// The number of the interface, as a name, so that it is seen before anything of a file is run: one more whenever what crosses
/// the boundary means something else. `ts/core.ts` has the same one.
#[wasm_bindgen::prelude::wasm_bindgen(js_name = "interface_1")]
pub fn interface() {}

/// Something random, once, before anything is made: where memory is the same at each start, hash tables are otherwise
/// keyed the same.
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn seed(entropy: u32) {
    dotted::seed_hashing(entropy as usize);
}

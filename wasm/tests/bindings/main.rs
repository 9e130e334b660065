//! What the boundary promises, in a browser: the bindings as JavaScript has them, called through the glue in both
//! directions. `run.sh` beside this file runs it. What the package makes of them is tested in JavaScript.
#![cfg(target_arch = "wasm32")]

mod boundary;
mod exchange;
mod garbage;
mod members;
// The numbers that both sides go by: not all of them are needed here.
#[allow(dead_code, missing_docs)]
#[path = "../../src/names.rs"]
mod names;
mod values;
mod wire;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

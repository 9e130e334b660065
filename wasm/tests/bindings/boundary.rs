//! A document on the other side: an object of JavaScript. Each call leaves WebAssembly, runs the glue, and comes back.

use dotted_wasm::Document;
use wasm_bindgen::prelude::*;

use crate::names::read;

#[wasm_bindgen]
extern "C" {
    /// A `Document` as JavaScript has it.
    pub type Remote;

    #[wasm_bindgen(method, structural, catch)]
    pub fn begin(this: &Remote, state: &[u8]) -> Result<(), JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    pub fn resume(this: &Remote, record: &[u8]) -> Result<(), JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    pub fn write(this: &Remote, now: f64, op: u8, arguments: &[u8]) -> Result<u32, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    pub fn settle(this: &Remote, now: f64, op: u8, arguments: &[u8]) -> Result<Vec<u8>, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    pub fn ask(this: &Remote, op: u8, arguments: &[u8]) -> Result<f64, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    pub fn read(this: &Remote, op: u8, arguments: &[u8]) -> Result<Vec<u8>, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    pub fn apply(this: &Remote, bytes: &[u8]) -> Result<Vec<u8>, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    pub fn merge(this: &Remote, other: &Remote) -> Result<Vec<u8>, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    pub fn since(this: &Remote, known: &[u8]) -> Result<Vec<u8>, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    pub fn written(this: &Remote) -> Result<Vec<u8>, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    pub fn watch(this: &Remote) -> Result<(), JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    pub fn changes(this: &Remote) -> Result<Vec<u8>, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    pub fn start(this: &Remote, arguments: &[u8]) -> Result<(), JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    pub fn act(this: &Remote, now: f64, op: u8, at: f64, arguments: &[u8]) -> Result<Vec<u8>, JsValue>;
    #[wasm_bindgen(method, structural)]
    pub fn free(this: &Remote);
}

/// An empty document whose writer has this id, sixteen times the same byte.
pub fn document(id: u8) -> Remote {
    JsValue::from(Document::new(&[id; 16]).expect("sixteen bytes are an id")).unchecked_into()
}

impl Remote {
    /// What must not change where a call fails.
    pub fn hash(&self) -> Vec<u8> {
        self.read(read::HASH, &[]).expect("every document has a hash")
    }

    pub fn state(&self) -> Vec<u8> {
        self.read(read::STATE, &[]).expect("every document has a state")
    }

    pub fn version(&self) -> Vec<u8> {
        self.read(read::VERSION, &[]).expect("every document has a version")
    }
}

/// The code of a failure. What is thrown is `code: detail`, and the code is one that the types of the package list.
pub fn code<T>(result: Result<T, JsValue>) -> String {
    let thrown = result.err().expect("this is refused");
    let text = thrown.as_string().unwrap_or_else(|| panic!("thrown is no text: {thrown:?}"));
    let (code, detail) = text.split_once(": ").expect("a code comes before the detail");
    assert!(!detail.is_empty(), "{text}");
    let (_, listed) = include_str!("../../ts/error.ts").split_once("export type CrdtErrorCode").expect("the type");
    assert!(listed.contains(&format!("\"{code}\"")), "{code} is not listed");
    code.to_owned()
}

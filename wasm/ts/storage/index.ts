/**
 * Where stores are kept. `IndexedDbStorage` in browsers; `MemoryStorage` for tests; `StorageAdapter` for your own.
 *
 * @packageDocumentation
 */
export type { Saved, StorageAdapter } from "./adapter.js";
export { IndexedDbStorage, type IndexedDbOptions } from "./indexeddb.js";
export { MemoryStorage } from "./memory.js";

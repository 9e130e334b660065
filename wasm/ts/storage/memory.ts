import { CrdtError } from "../index.js";
import type { Saved, StorageAdapter } from "./adapter.js";

/**
 * Keeps parts in memory as long as the object lives: for tests, and as the shortest example of an adapter. It can be
 * opened again after `close`, and then goes on with the writer.
 */
export class MemoryStorage implements StorageAdapter {
  readonly isExclusive = true;
  #parts: Uint8Array[] = [];
  #writer: Uint8Array | undefined;
  #isOpen = false;

  async open(): Promise<Saved> {
    if (this.#isOpen) throw new CrdtError("storage", "the storage is in use");
    this.#isOpen = true;
    return this.#writer === undefined ? { parts: [...this.#parts] } : { parts: [...this.#parts], writer: this.#writer };
  }

  async append(part: Uint8Array, writer: Uint8Array | undefined): Promise<void> {
    this.#parts.push(part.slice());
    if (writer !== undefined) this.#writer = writer.slice();
  }

  async compact(merge: (parts: readonly Uint8Array[]) => readonly Uint8Array[]): Promise<void> {
    this.#parts = [...merge(this.#parts)];
  }

  async abandon(): Promise<void> {
    this.#writer = undefined;
  }

  close(): void {
    this.#isOpen = false;
  }

  /** How many bytes are kept. */
  get size(): number {
    return this.#parts.reduce((sum, part) => sum + part.length, this.#writer?.length ?? 0);
  }
}

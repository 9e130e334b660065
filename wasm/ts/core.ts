import { Document, initSync } from "../dist/glue/dotted.js";

import { CrdtError, translated } from "./error.js";
import { In, Out } from "./wire.js";

let isReady = false;

/** Makes the classes usable. Once is enough; what comes later is passed over. */
export function initialise(module: BufferSource | WebAssembly.Module): void {
  if (isReady) return;
  initSync({ module });
  isReady = true;
}

/** A new store in WebAssembly, written under this UUID. */
export function open(uuid: Uint8Array): Document {
  if (!isReady) {
    throw new CrdtError("not-ready", "the WebAssembly module is not there yet: await `ready` first");
  }
  return guarded(() => new Document(uuid));
}

/** Does it, and throws errors of this package only. */
export function guarded<T>(call: () => T): T {
  try {
    return call();
  } catch (thrown) {
    throw thrown instanceof CrdtError ? thrown : translated(thrown);
  }
}

let shared = new Out();

/**
 * Where the arguments of the next call are written. One buffer serves all calls; a call that begins while another
 * one's arguments are still being written (by a getter of an application's object) leaves it that buffer.
 */
export function args(): Out {
  if (shared.isOpen) shared = new Out();
  return shared.open();
}

/** Reads an answer. */
export function answer(bytes: Uint8Array): In {
  return new In(bytes);
}

export type { Document };

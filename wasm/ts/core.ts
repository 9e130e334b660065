import { initSync, interface_number, seed } from "../dist/glue/dotted.js";

import { CrdtError, translated } from "./error.js";
import { In, Out } from "./wire.js";

/** The number of the module that was built with this file. */
declare const INTERFACE: number;

let isReady = false;

/** Makes the classes usable. Once is enough; what comes later is passed over. */
export function initialise(module: BufferSource | WebAssembly.Module): void {
  if (isReady) return;
  let found: number;
  try {
    initSync({ module });
    found = interface_number();
    seed(crypto.getRandomValues(new Uint32Array(1))[0]!);
  } catch (cause) {
    throw new CrdtError("not-ready", "this is not the WebAssembly module of this package", { cause });
  }
  if (found !== INTERFACE) {
    const message = "the WebAssembly module is of another build of this package: deploy both files together";
    throw new CrdtError("not-ready", message);
  }
  isReady = true;
}

/** Does it, and throws errors of this package only. @internal */
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
 *
 * @internal
 */
export function args(): Out {
  if (shared.isOpen) shared = new Out();
  return shared.open();
}

/** Reads an answer. @internal */
export function answer(bytes: Uint8Array): In {
  return new In(bytes);
}

/** @internal */
export function checkReady(): void {
  if (!isReady) {
    throw new CrdtError("not-ready", "the WebAssembly module is not there yet: await `ready` first");
  }
}

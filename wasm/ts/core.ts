import { initSync, seed } from "../dist/glue/dotted.js";

import { CrdtError } from "./error.js";
import { translated } from "./failure.js";
import { In, Out } from "./wire.js";

/** What crosses the boundary: the same name as in `src/lib.rs`. Files of other releases have another one. */
const INTERFACE = "interface_1";

let isReady = false;

/** Makes the classes usable. Once is enough; what comes later is passed over. */
export function initialise(module: BufferSource | WebAssembly.Module): void {
  if (isReady) return;
  try {
    const compiled = module instanceof WebAssembly.Module ? module : new WebAssembly.Module(module);
    checkInterface(compiled);
    initSync({ module: compiled });
    seed(crypto.getRandomValues(new Uint32Array(1))[0]!);
  } catch (cause) {
    if (cause instanceof CrdtError) throw cause;
    throw new CrdtError("not-ready", "this is not the WebAssembly module of this package", { cause });
  }
  isReady = true;
}

/** Before anything of it runs: afterwards another file could not be tried any more. */
function checkInterface(module: WebAssembly.Module): void {
  const names = WebAssembly.Module.exports(module).map(({ name }) => name);
  if (names.includes(INTERFACE)) return;
  const found = names.find((name) => name.startsWith("interface_")) ?? "no interface";
  const message = `core.js and dotted.wasm are of different releases: ${INTERFACE} was expected, and there is ${found}`;
  throw new CrdtError("wrong-release", message);
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

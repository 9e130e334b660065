import { CrdtError, initialise } from "../index.js";

let resolve: () => void;

/** Resolves once {@link init} or {@link initSync} was called. */
export const ready: Promise<void> = new Promise((done) => {
  resolve = done;
});

/** Makes the classes usable, with the module or the bytes of `dotted.wasm`, wherever they come from. */
export function initSync(module: BufferSource | WebAssembly.Module): void {
  initialise(module);
  resolve();
}

/** As {@link initSync}, with what may still be loading. */
export async function init(
  source: BufferSource | WebAssembly.Module | Response | Promise<BufferSource | WebAssembly.Module | Response>,
): Promise<void> {
  let module: BufferSource | WebAssembly.Module;
  try {
    const loaded = await source;
    const bytes = loaded instanceof Response ? await loaded.arrayBuffer() : loaded;
    module = bytes instanceof WebAssembly.Module ? bytes : await WebAssembly.compile(bytes);
  } catch (cause) {
    throw new CrdtError("not-ready", "the WebAssembly module cannot be loaded", { cause });
  }
  initSync(module);
}

export * from "../index.js";

import { initialise } from "../index.js";

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
  const loaded = await source;
  const module = loaded instanceof Response ? await WebAssembly.compile(await loaded.arrayBuffer()) : loaded;
  initSync(module instanceof WebAssembly.Module ? module : await WebAssembly.compile(module));
}

export * from "../index.js";

import { CrdtError, initialise } from "../index.js";

/** Await it once before the first class is used. It fails with a {@link CrdtError} if the file cannot be loaded. */
export const ready: Promise<void> = load(new URL("./dotted.wasm", import.meta.url));

async function load(url: URL): Promise<void> {
  try {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
    // Compiled while it arrives, where the server says what it is.
    const streams = response.headers.get("content-type")?.startsWith("application/wasm") === true;
    const module = streams
      ? await WebAssembly.compileStreaming(response)
      : await WebAssembly.compile(await response.arrayBuffer());
    initialise(module);
  } catch (cause) {
    if (cause instanceof CrdtError) throw cause;
    throw new CrdtError("not-ready", `the WebAssembly module cannot be loaded from ${url.href}`, { cause });
  }
}

export * from "../index.js";

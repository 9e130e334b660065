import { readFileSync } from "node:fs";

import { initialise } from "../index.js";

initialise(readFileSync(new URL("./dotted.wasm", import.meta.url)));

/** In Node everything is ready at once; this is here so that the same code runs everywhere. */
export const ready: Promise<void> = Promise.resolve();

export * from "../index.js";

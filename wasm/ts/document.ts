// What the glue gives: kept apart, so that no type that people see leads there.
import { Document } from "../dist/glue/dotted.js";

import { checkReady, guarded } from "./core.js";

/** A new store in WebAssembly, written under this UUID. */
export function open(uuid: Uint8Array): Document {
  checkReady();
  return guarded(() => new Document(uuid));
}

export type { Document };

import { initialise } from "../index.js";
import { base64 } from "./base64.js";

initialise(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));

/** Everything is ready at once; this is here so that the same code runs everywhere. */
export const ready: Promise<void> = Promise.resolve();

export * from "../index.js";

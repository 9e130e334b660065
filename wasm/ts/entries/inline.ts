import { initialise } from "../index.js";
import { base64 } from "./base64.js";

const text = atob(base64);
const bytes = new Uint8Array(text.length);
for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
initialise(bytes);

/** Everything is ready at once; this is here so that the same code runs everywhere. */
export const ready: Promise<void> = Promise.resolve();

export * from "../index.js";

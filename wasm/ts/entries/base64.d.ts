/** The bytes of `dotted.wasm`; the file is made by `build.mjs`. */
export const base64: string;

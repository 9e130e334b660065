// Prints what the package weighs, raw and gzipped, and fails above the limits.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

// The wasm file is at most this large so that it does not grow unnoticed; the goal is not reached: see README.md.
const limits = { "dotted.wasm": 176_000, "glue/minified/dotted.js": 4_000 };
const goals = { "dotted.wasm": 60_000 };
const files = ["dotted.wasm", "glue/minified/dotted.js", "core.js", "node.js", "web.js", "slim.js", "inline.js", "storage.js", "sync.js", "react.js"];

let failed = false;
for (const file of files) {
  const bytes = readFileSync(new URL(`dist/${file}`, import.meta.url));
  const gzip = gzipSync(bytes, { level: 9 }).length;
  const limit = limits[file];
  const over = limit !== undefined && gzip > limit;
  failed ||= over;
  const missed = gzip > (goals[file] ?? Infinity) ? `  goal ${goals[file]}: not reached` : "";
  const note = limit === undefined ? "" : `  limit ${limit}${over ? ": TOO LARGE" : ""}${missed}`;
  console.log(`${file.padEnd(26)} ${String(bytes.length).padStart(8)} B  gzip ${String(gzip).padStart(8)} B${note}`);
}
if (failed) process.exitCode = 1;

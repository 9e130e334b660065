// The module and the JavaScript beside it are of one build.
import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

test("files of two builds say so", async (t) => {
  const dist = new URL("../dist/", import.meta.url);
  const other = mkdtempSync(join(tmpdir(), "dotted-"));
  t.after(() => rmSync(other, { recursive: true }));
  for (const file of readdirSync(dist).filter((name) => /\.(js|wasm)$/.test(name))) {
    copyFileSync(new URL(file, dist), join(other, file));
  }
  writeFileSync(join(other, "package.json"), '{ "type": "module" }');
  const number = /!==(\d{5,})/.exec(readFileSync(join(other, "core.js"), "utf8"));
  assert.ok(number, "the number is in the file");
  const text = readFileSync(join(other, "core.js"), "utf8").replace(number[0], `!==${Number(number[1]) + 1}`);
  writeFileSync(join(other, "core.js"), text);
  await assert.rejects(import(pathToFileURL(join(other, "node.js")).href), { code: "not-ready", message: /another build/ });
});

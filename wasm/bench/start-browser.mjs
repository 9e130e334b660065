// How long it takes in Chromium to the first usable object, over HTTP from this machine:
// `node bench/start-browser.mjs [--loads 20] [--delay 0]`. Medians of so many loads; the server answers each request
// after so many milliseconds more, as one does that is far away. The package must be built.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { chromium } from "playwright-core";

import { serveFiles } from "../tests/browser/files.mjs";
import { FLAGS } from "../tests/browser/flags.mjs";

const options = { loads: { type: "string", default: "20" }, delay: { type: "string", default: "0" } };
const { values } = parseArgs({ options });
const loads = Number(values.loads);
const GOAL = 20;
// How long a page comes to rest before anything is measured.
const PAUSE = 200;

const core = (at) => `<link rel="modulepreload" href="${at}/core.js">`;
const wasm = (at) => `<link rel="preload" href="${at}/dotted.wasm" as="fetch" type="application/wasm" crossorigin>`;
const variants = [
  { name: "web", entry: "dotted/web", hints: "" },
  { name: "web, core.js preloaded", entry: "dotted/web", hints: core("dotted") },
  { name: "web, dotted.wasm preloaded", entry: "dotted/web", hints: wasm("dotted") },
  { name: "web, both preloaded", entry: "dotted/web", hints: core("dotted") + wasm("dotted") },
  { name: "inline", entry: "dotted/inline", hints: "" },
  { name: "an empty package, both preloaded", entry: "empty/web", hints: core("empty") + wasm("empty") },
];

/** A package with the same files and nothing in them: what the browser and this machine take by themselves. */
const EMPTY = {
  "core.js": "export class OrSet { add() {} has() { return true; } }",
  "web.js": `export * from "./core.js";
    const load = async () => WebAssembly.instantiate(await WebAssembly.compileStreaming(fetch(new URL("./dotted.wasm", import.meta.url))));
    export const ready = load();`,
  "dotted.wasm": Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0),
};

/** What runs in the pages: notes when what is there, in milliseconds since it was begun. */
const MEASURE = `globalThis.measure = async (begun, entry) => {
  const { OrSet, ready } = await import(\`./\${entry}.js\`);
  const scripts = performance.now();
  await ready;
  const usable = performance.now();
  const set = new OrSet();
  set.add("milk");
  if (!set.has("milk")) throw new Error("not there");
  const first = performance.now();
  const file = performance.getEntriesByType("resource").find(({ name }) => name.endsWith(".wasm"));
  const loaded = file?.responseEnd ?? scripts;
  return {
    scripts: scripts - begun,
    file: loaded - begun,
    compile: usable - Math.max(scripts, loaded),
    object: first - usable,
    first: first - begun,
  };
};`;
const head = '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">';
const pages = { "/nothing.html": `${head}<script>${MEASURE}</script>` };
for (const [number, { entry, hints }] of variants.entries()) {
  pages[`/${number}.html`] = `${head}<script>const begun = performance.now();${MEASURE}</script>${hints}
    <script type="module">globalThis.times = await measure(begun, "${entry}");</script>`;
}

const dist = fileURLToPath(new URL("../dist/", import.meta.url));
const empty = mkdtempSync(join(tmpdir(), "dotted-empty-"));
for (const [name, content] of Object.entries(EMPTY)) writeFileSync(join(empty, name), content);
const headers = { "cache-control": "max-age=3600, immutable" };
// The same files below as many paths as one likes: what has a new path is in no cache.
const rewrite = (path) => path.replace(/^\/fresh-\d+/, "");
const server = await serveFiles({ "/dotted/": dist, "/empty/": empty }, { pages, headers, delay: Number(values.delay), rewrite });
let paths = 0;
const fresh = () => `${server.url}/fresh-${paths++}`;
const same = () => server.url;

const launch = { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS };

/** A page at rest begins to load the package: what the package takes, without the page. */
function imported(page, _, { entry, hints }) {
  return page.evaluate(([entry, hints]) => {
    const begun = performance.now();
    document.head.insertAdjacentHTML("beforeend", hints);
    return globalThis.measure(begun, entry);
  }, [entry, hints]);
}

/** A page is opened that loads the package: from its first script on. */
async function opened(page, url, variant) {
  await page.goto(`${url}/${variants.indexOf(variant)}.html`);
  await page.waitForFunction(() => globalThis.times !== undefined);
  return page.evaluate(() => globalThis.times);
}

/** The times of all variants. They take turns, so that all see the same machine, and the first rounds do not count. */
async function times(load, place) {
  const all = variants.map(() => []);
  for (let round = -2; round < loads; round++) {
    for (const [number, variant] of variants.entries()) {
      const url = place();
      // With the last page its process has ended, and what that had compiled. The next one is there before it begins.
      const page = await context.newPage();
      await page.goto(`${url}/nothing.html`);
      await setTimeout(PAUSE);
      const measured = await load(page, url, variant);
      await page.close();
      if (round >= 0) all[number].push(measured);
    }
  }
  return all;
}

const columns = {
  scripts: "scripts are there",
  file: "dotted.wasm is there",
  compile: "compiled after that",
  object: "made, written, read",
  first: "**first object**",
};
const sorted = (numbers) => numbers.sort((one, other) => one - other);
const median = (all, column) => sorted(all.map((one) => one[column]))[all.length >> 1];

function print(title, all) {
  console.log(`\n| ${title} | ${Object.values(columns).join(" | ")} | best |`);
  console.log(`|---|${"---|".repeat(Object.keys(columns).length + 1)}`);
  for (const [number, { name }] of variants.entries()) {
    const cells = Object.keys(columns).map((column) => median(all[number], column).toFixed(1));
    console.log(`| ${name} | ${cells.join(" | ")} | ${sorted(all[number].map(({ first }) => first))[0].toFixed(1)} |`);
  }
}

const profile = mkdtempSync(join(tmpdir(), "dotted-chromium-"));
const context = await chromium.launchPersistentContext(profile, launch);
const first = await times(imported, fresh);
print("a page at rest, nothing cached, ms", first);
print("a new page, nothing cached, ms", await times(opened, fresh));
// What visitors have who come back: files in a cache on disk, and perhaps what was compiled from them.
print("a new page, files cached, ms", await times(opened, same));
await context.close();
for (const folder of [profile, empty]) rmSync(folder, { recursive: true, force: true });
await server.close();

const reached = median(first[3], "first") <= GOAL;
const least = median(first[5], "first").toFixed(0);
console.log(`\nAn empty package takes ${least} ms. The goal of ${GOAL} ms, in a page at rest with both preloaded, is ${reached ? "" : "not "}reached here.`);

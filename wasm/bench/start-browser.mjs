// How long it takes in Chromium from a page to the first usable object, over HTTP from this machine:
// `node bench/start-browser.mjs [--loads 20] [--delay 0]`. Medians of so many loads; the server answers each request
// after so many milliseconds more, as one does that is far away. The package must be built.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { chromium } from "playwright-core";

import { serveFiles } from "../tests/browser/files.mjs";

const { values } = parseArgs({ options: { loads: { type: "string", default: "20" }, delay: { type: "string", default: "0" } } });
const loads = Number(values.loads);
const GOAL = 20;
const PAUSE = 200;

const core = '<link rel="modulepreload" href="dotted/core.js">';
const wasm = '<link rel="preload" href="dotted/dotted.wasm" as="fetch" type="application/wasm" crossorigin>';
const variants = {
  "as it is": ["web", ""],
  "core.js preloaded": ["web", core],
  "dotted.wasm preloaded": ["web", wasm],
  "both preloaded": ["web", core + wasm],
  inline: ["inline", ""],
};

/** A page that notes when what is there, in milliseconds since the navigation began. */
const page = ([entry, hints]) => `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
<script>globalThis.begun = performance.now();</script>${hints}
<script type="module">
  import { OrSet, ready } from "./dotted/${entry}.js";
  const scripts = performance.now();
  ready.then(() => {
    const usable = performance.now();
    const set = new OrSet();
    set.add("milk");
    if (!set.has("milk")) throw new Error("not there");
    const first = performance.now();
    const file = performance.getEntriesByType("resource").find(({ name }) => name.endsWith(".wasm"));
    const begun = globalThis.begun;
    globalThis.times = {
      scripts: scripts - begun,
      file: (file?.responseEnd ?? scripts) - begun,
      compile: usable - Math.max(scripts, file?.responseEnd ?? 0),
      object: first - usable,
      first: first - begun,
      navigation: first,
    };
  });
</script>`;

const columns = {
  scripts: "scripts are there",
  file: "the file is there",
  compile: "compiling after that",
  object: "making, writing, reading",
  first: "**first object**",
  navigation: "since navigation",
};

const dist = fileURLToPath(new URL("../dist/", import.meta.url));
const pages = Object.fromEntries(Object.values(variants).map((variant, at) => [`/${at}.html`, page(variant)]));
pages["/nothing.html"] = '<!doctype html><link rel="icon" href="data:,">';
const headers = { "cache-control": "max-age=3600, immutable" };
const server = await serveFiles({ "/dotted/": dist }, { pages, headers, delay: Number(values.delay) });
const flags = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
const launch = { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: flags };

async function load(context, number) {
  const page = await context.newPage();
  // The process for pages of this server is there, and has come to rest, as in a browser that is in use.
  await page.goto(`${server.url}/nothing.html`);
  await setTimeout(PAUSE);
  await page.goto(`${server.url}/${number}.html`);
  await page.waitForFunction(() => globalThis.times !== undefined);
  const times = await page.evaluate(() => globalThis.times);
  await page.close();
  return times;
}

const median = (numbers) => numbers.sort((one, other) => one - other)[numbers.length >> 1];

function print(name, times) {
  const cells = Object.keys(columns).map((column) => median(times.map((one) => one[column])).toFixed(1));
  const best = Math.min(...times.map(({ first }) => first)).toFixed(1);
  console.log(`| ${name} | ${cells.join(" | ")} | ${best} |`);
}

function head(title) {
  console.log(`\n| ${title}, ms | ${Object.values(columns).join(" | ")} | best |\n|---|${"---|".repeat(Object.keys(columns).length + 1)}`);
}

// A cold cache: a context has caches and processes of its own. The variants take turns, so that all see the same machine.
const browser = await chromium.launch(launch);
const cold = Object.keys(variants).map(() => []);
for (let round = 0; round <= loads; round++) {
  for (const number of cold.keys()) {
    const context = await browser.newContext();
    const times = await load(context, number);
    // The first one warms up the browser itself.
    if (round > 0) cold[number].push(times);
    await context.close();
  }
}
await browser.close();
head("nothing cached");
Object.keys(variants).forEach((name, number) => print(name, cold[number]));

// A warm cache, on disk: what visitors have who come back.
const profile = mkdtempSync(join(tmpdir(), "dotted-chromium-"));
const context = await chromium.launchPersistentContext(profile, launch);
const warm = Object.keys(variants).map(() => []);
for (let round = -2; round < loads; round++) {
  for (const number of warm.keys()) {
    const times = await load(context, number);
    if (round >= 0) warm[number].push(times);
  }
}
await context.close();
rmSync(profile, { recursive: true, force: true });
await server.close();
head("files cached");
Object.keys(variants).forEach((name, number) => print(name, warm[number]));

const reached = median(cold[3].map(({ first }) => first)) <= GOAL;
console.log(`\nThe goal of ${GOAL} ms with nothing cached and both preloaded is ${reached ? "" : "not "}reached here.`);

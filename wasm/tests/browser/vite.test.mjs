// The packed package in an application that Vite builds, and in one that Vite serves as it is: without any set-up.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { build, createServer, preview } from "vite";

import { addsAndShows, browse } from "./helpers.mjs";
import { install } from "./installed.mjs";

const PAGES = ["index.html", "inline.html"];

let app;
let browser;

before(async () => {
  app = install();
  browser = await browse();
});
after(async () => {
  await browser?.close();
  app?.remove();
});

const options = (port) => ({
  root: app.folder,
  configFile: false,
  logLevel: "error",
  server: { host: "127.0.0.1", port },
  preview: { host: "127.0.0.1", port },
  // Two pages are all that is said of this application.
  build: { rolldownOptions: { input: PAGES.map((page) => join(app.folder, page)) } },
});

/** Both pages work. The hint in the first one names the file that the package asks for: it is asked for once. */
async function bothWork(port) {
  const files = [];
  const note = (request) => request.url().includes(".wasm") && files.push(request.url());
  browser.context.on("request", note);
  for (const page of PAGES) await addsAndShows(browser, `http://127.0.0.1:${port}/${page}`);
  browser.context.off("request", note);
  assert.equal(files.length, 1, files.join());
}

test("what Vite builds adds to a set and shows it", async () => {
  await build(options(0));
  const assets = readdirSync(join(app.folder, "dist/assets"));
  assert.equal(assets.filter((name) => name.endsWith(".wasm")).length, 1, assets.join());
  const server = await preview(options(0));
  try {
    await bothWork(server.httpServer.address().port);
  } finally {
    await server.close();
  }
});

test("what Vite serves while it is developed adds to a set and shows it", async () => {
  const server = await createServer(options(0));
  await server.listen();
  try {
    await bothWork(server.httpServer.address().port);
  } finally {
    await server.close();
  }
});

test("nothing has gone wrong in the pages", () => {
  assert.deepEqual(browser.problems, []);
});

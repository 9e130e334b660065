// IndexedDB as Chromium has it: databases that go away under an open page, and profiles that are copied on disk.
// By itself: `node --test tests/browser/storage.test.mjs`.
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { serveFiles } from "./files.mjs";
import { browse, startRelay, until } from "./helpers.mjs";

const STORE = "3d0c6d1e-5b0f-4f63-9a53-0d5a3c1b7e21";
const PAGE = `<!doctype html><link rel="icon" href="data:,"><script type="module">
  import { ready } from "/dotted/web.js";
  import { IndexedDbStorage } from "/dotted/storage.js";
  import { Sync, WebSocketLink } from "/dotted/sync.js";
  await ready;
  globalThis.sync = await Sync.open({
    storeId: "${STORE}", storageRetry: 50, storage: new IndexedDbStorage({ name: "kept" }),
  });
  globalThis.write = async (...items) => {
    for (const item of items) {
      sync.store.set("s").add(item);
      sync.store.counter("c").increment();
      await sync.stored();
    }
  };
  globalThis.connect = (url) => void sync.attach(new WebSocketLink(url, { retry: 50, retryMax: 200 }));
  document.documentElement.dataset.loaded = "";
</script>`;

let files;
const folders = [];
before(async () => {
  const dist = fileURLToPath(new URL("../../dist", import.meta.url));
  files = await serveFiles({ "/dotted/": dist }, { pages: { "/index.html": PAGE } });
});
after(async () => {
  await files.close();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

async function visit(browser) {
  const page = await browser.open(`${files.url}/`);
  await page.waitForSelector("html[data-loaded]", { state: "attached" });
  return page;
}

const write = (page, ...items) => page.evaluate((items) => globalThis.write(...items), items);
const items = (page) => page.evaluate(() => globalThis.sync.store.set("s").toArray().sort());

const GONE = {
  "the site's data are cleared": (session) =>
    session.send("Storage.clearDataForOrigin", { origin: files.url, storageTypes: "indexeddb" }),
  "the database is deleted from outside": async (session) => {
    await session.send("IndexedDB.enable");
    await session.send("IndexedDB.deleteDatabase", { securityOrigin: files.url, databaseName: "kept" });
  },
};

for (const [how, remove] of Object.entries(GONE)) {
  test(`${how} under an open page: it goes on, and all is stored anew`, async (t) => {
    const browser = await browse();
    t.after(() => browser.close());
    const page = await visit(browser);
    await write(page, "a", "b");
    await remove(await browser.context.newCDPSession(page));
    assert.deepEqual(await page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name)), []);
    await write(page, "c");
    assert.deepEqual(await items(page), ["a", "b", "c"]);
    await page.close();
    const again = await visit(browser);
    assert.deepEqual(await items(again), ["a", "b", "c"]);
    assert.equal(await again.evaluate(() => globalThis.sync.store.counter("c").value), 3);
    assert.deepEqual(browser.problems, []);
  });
}

test("of a profile that was copied on disk both go on, and nothing is lost or counted twice", async (t) => {
  const relay = await startRelay({ port: 0 });
  t.after(() => relay.close());
  const original = mkdtempSync(join(tmpdir(), "dotted-profile-"));
  const copy = `${original}-copy`;
  folders.push(original, copy);
  const first = await browse({ folder: original });
  const page = await visit(first);
  await write(page, "before");
  await first.close();
  cpSync(original, copy, { recursive: true });
  for (const lock of ["SingletonLock", "SingletonCookie", "SingletonSocket"]) rmSync(join(copy, lock), { force: true });

  const sides = [await browse({ folder: original }), await browse({ folder: copy })];
  t.after(() => Promise.all(sides.map((side) => side.close())));
  const pages = await Promise.all(sides.map(visit));
  for (const page of pages) assert.deepEqual(await items(page), ["before"]);
  // As many on both sides: the counts alone tell nothing.
  await write(pages[0], "one a", "one b");
  await write(pages[1], "two a", "two b");
  const url = `ws://127.0.0.1:${relay.port}/${STORE}`;
  for (const page of pages) await page.evaluate((url) => globalThis.connect(url), url);
  for (const page of pages) await until(page, () => globalThis.sync.store.counter("c").value === 5);
  const hashes = await Promise.all(pages.map((page) => page.evaluate(() => globalThis.sync.store.stateHash())));
  assert.equal(hashes[0], hashes[1]);
  for (const page of pages) assert.deepEqual(await items(page), ["before", "one a", "one b", "two a", "two b"]);
  for (const { problems } of sides) assert.deepEqual(problems, []);
});

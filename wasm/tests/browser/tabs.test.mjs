import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { browse, startPages, startRelay, until } from "./helpers.mjs";

let pages;
let relay;
let port;
let browser;

before(async () => {
  pages = await startPages({ port: 0 });
  relay = await startRelay({ port: 0 });
  port = relay.port;
  browser = await browse();
});
after(async () => {
  await browser?.close();
  await relay?.close();
  await pages?.close();
});

const open = async (from = browser) => {
  const page = await from.open(`${pages.url}/tabs.html?relay=${port}`);
  await page.waitForSelector("html[data-loaded]");
  return page;
};
const isStored = (page) => until(page, () => globalThis.sync.snapshot().storage.state === "saved");
const has = (page, item) => until(page, (wanted) => globalThis.sync.store.set("cart").has(wanted), item);
const press = (page, name) => page.getByRole("button", { name, exact: true }).click();
const writers = (page) => page.evaluate(() => Object.keys(globalThis.sync.store.clock()).length);

test("two tabs show the same, and each other", async () => {
  const [one, two] = [await open(), await open()];
  await one.getByLabel("Your name").fill("Aki");
  await one.getByLabel("Your name").press("Enter");
  await two.getByText("Aki", { exact: true }).waitFor();
  await press(one, "milk");
  await has(two, "milk");
  await until(one, () => globalThis.sync.snapshot().state === "in-sync" && globalThis.sync.snapshot().peers.length === 2);
  assert.notEqual(await one.evaluate(() => globalThis.sync.store.replica), await two.evaluate(() => globalThis.sync.store.replica));
  // Who goes says so.
  await one.close();
  await until(two, () => globalThis.sync.presence.snapshot().length === 0);
  await two.close();
});

test("after a reload everything is there, from IndexedDB alone, and what is written next has a new id", async () => {
  const page = await open();
  await press(page, "rice");
  await press(page, "One visitor more");
  await page.getByLabel("city").fill("Osaka");
  await page.getByLabel("city").press("Enter");
  await isStored(page);
  const shown = () => page.evaluate(() => JSON.stringify(globalThis.sync.store.toJSON()));
  const [before, count, id] = [await shown(), await writers(page), await page.evaluate(() => globalThis.sync.store.replica)];
  await relay.close();
  await page.reload();
  await page.waitForSelector("html[data-loaded]");
  assert.equal(await shown(), before);
  assert.equal(await page.getByLabel("city").inputValue(), "Osaka");
  assert.equal(await page.getByRole("button", { name: "rice" }).getAttribute("aria-pressed"), "true");
  await press(page, "One visitor more");
  // A visit that writes has an id of its own.
  assert.equal(await writers(page), count + 1);
  assert.notEqual(await page.evaluate(() => globalThis.sync.store.replica), id);
  relay = await startRelay({ port });
  await page.close();
});

test("a relay that dies and comes back with nothing gets everything again", async () => {
  const page = await open();
  await until(page, () => globalThis.sync.snapshot().state === "in-sync");
  await relay.close();
  await until(page, () => globalThis.sync.snapshot().links.some(({ error }) => error?.code === "connection"));
  await press(page, "coffee");
  relay = await startRelay({ port });
  await until(page, () => globalThis.sync.snapshot().state === "in-sync");
  const { store } = await relay.sync("0e2f5c8a-93b1-4a57-8d3c-7b1f2a6c4e90");
  assert.ok(store.set("cart").has("coffee"));
  await page.close();
});

test("two browsers meet at the relay, and settle what both wrote while it was away", async () => {
  const other = await browse();
  try {
    const [here, there] = [await open(), await open(other)];
    await has(there, "coffee");
    for (const page of [here, there]) await press(page, "Cut the relay");
    await here.getByLabel("name", { exact: true }).fill("Zoe");
    await here.getByLabel("name", { exact: true }).press("Enter");
    await there.getByLabel("name", { exact: true }).fill("Zora");
    await there.getByLabel("name", { exact: true }).press("Enter");
    for (const page of [here, there]) await press(page, "Connect the relay");
    for (const page of [here, there]) await page.getByText("1 conflict", { exact: true }).waitFor();
    await there.locator(".conflict").getByRole("button", { name: "Zoe" }).click();
    await until(here, () => globalThis.sync.snapshot().conflicts === 0);
    assert.equal(await there.getByLabel("name", { exact: true }).inputValue(), "Zoe");
    assert.deepEqual(other.problems, []);
    await here.close();
  } finally {
    await other.close();
  }
});

test("a tab goes on when its storage is taken away, and stores again when it can", async () => {
  const page = await open();
  await isStored(page);
  await page.evaluate(() => {
    const add = IDBObjectStore.prototype.add;
    globalThis.repair = () => (IDBObjectStore.prototype.add = add);
    IDBObjectStore.prototype.add = () => {
      throw new DOMException("the disk is full", "QuotaExceededError");
    };
  });
  await press(page, "bread");
  await page.getByText("fails: quota").waitFor();
  const { store } = await relay.sync("0e2f5c8a-93b1-4a57-8d3c-7b1f2a6c4e90");
  // It still reaches others.
  for (let round = 0; !store.set("cart").has("bread"); round++) {
    assert.ok(round < 200, "it does not arrive");
    await page.waitForTimeout(50);
  }
  await page.evaluate(() => globalThis.repair());
  await isStored(page);
  await relay.close();
  await page.reload();
  await page.waitForSelector("html[data-loaded]");
  assert.ok(await page.evaluate(() => globalThis.sync.store.set("cart").has("bread")));
  relay = await startRelay({ port });
  await page.close();
});

test("tabs that are open at once have ids of their own, and so has every later visit that writes", async () => {
  const tabs = await Promise.all([open(), open(), open()]);
  await Promise.all(tabs.map((page) => press(page, "One visitor more")));
  for (const page of tabs) await until(page, (count) => globalThis.sync.snapshot().peers.length === count, 3);
  for (const page of tabs) await until(page, () => globalThis.sync.snapshot().state === "in-sync");
  const ids = await Promise.all(tabs.map((page) => page.evaluate(() => globalThis.sync.store.replica)));
  assert.equal(new Set(ids).size, 3);
  const count = await writers(tabs[0]);
  for (const page of tabs) {
    await isStored(page);
    await page.close();
  }
  for (let visit = 0; visit < 3; visit++) {
    const page = await open();
    assert.equal(await writers(page), count + visit);
    await press(page, "One visitor more");
    assert.equal(await writers(page), count + visit + 1);
    await isStored(page);
    await page.close();
  }
});

test("nothing is wider than a phone", async () => {
  const page = await open();
  for (const width of [360, 320]) {
    await page.setViewportSize({ width, height: 740 });
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
  }
  await page.close();
});

test("nothing has gone wrong in the pages", () => {
  assert.deepEqual(browser.problems, []);
});

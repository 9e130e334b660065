import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import { browse, startPages, until } from "./helpers.mjs";

let pages;
let browser;
let page;

before(async () => {
  pages = await startPages({ port: 0 });
  browser = await browse();
});
after(async () => {
  await browser?.close();
  await pages?.close();
});
beforeEach(async () => {
  await page?.close();
  page = await browser.open(`${pages.url}/`);
  await page.locator("#speed").fill("2");
  await same();
});

/** All regions have seen the same, and show the same. */
async function same() {
  await until(page, () => {
    const hashes = globalThis.network?.regions.map(({ store }) => store.stateHash());
    return hashes !== undefined && globalThis.network.missing().every((count) => count === 0) && new Set(hashes).size === 1;
  });
}

const card = (name) => page.getByRole("article", { name });
const link = (a, b) => page.getByRole("button", { name: new RegExp(`^(${a} – ${b}|${b} – ${a})`) });
const states = () => page.locator(".card .pill").allTextContents();

test("what one region writes arrives everywhere", async () => {
  await card("Tokyo").getByRole("button", { name: "mango" }).click();
  await card("London").getByRole("button", { name: "One visitor more" }).click();
  await same();
  for (const name of ["Tokyo", "London", "São Paulo"]) {
    assert.equal(await card(name).getByRole("button", { name: "mango" }).getAttribute("aria-pressed"), "true");
    assert.equal(await card(name).locator("[data-role=visitors]").textContent(), "3");
  }
  await page.getByText("All regions are the same").waitFor();
  assert.deepEqual(await states(), ["up to date", "up to date", "up to date"]);
  assert.match(await page.locator("#traffic").textContent(), /\d kB in \d+ messages/);
});

test("links are cut, both sides write, the links heal, and the conflict is settled", async () => {
  await page.getByRole("button", { name: "Cut all links" }).click();
  await card("Tokyo").getByLabel("name").fill("Akiko");
  await card("Tokyo").getByLabel("name").press("Enter");
  await card("London").getByLabel("name").fill("Anna");
  await card("London").getByLabel("name").press("Enter");
  await card("Tokyo").getByRole("button", { name: "Seat 1A" }).click();
  await card("São Paulo").getByRole("button", { name: "Seat 1A" }).click();
  await card("Tokyo").getByRole("button", { name: "One visitor more" }).click();
  await card("London").getByRole("button", { name: "One visitor less" }).click();
  await page.getByText("3 of 3 regions are behind").waitFor();
  assert.equal(await page.locator(".joint.cut").count(), 3);
  assert.equal(await page.locator(".conflict").count(), 0);

  await page.getByRole("button", { name: "Heal all links" }).click();
  await same();
  await page.getByText("with 2 conflicts to settle").waitFor();
  // Counts add up.
  for (const shown of await page.locator("[data-role=visitors]").allTextContents()) assert.equal(shown, "2");
  for (const name of ["Tokyo", "London", "São Paulo"]) {
    const versions = card(name).locator("[data-conflict='profile: name'] .settle");
    assert.deepEqual((await versions.allInnerTexts()).map((text) => text.split("\n")[0]).sort(), ["Akiko", "Anna"]);
  }

  await card("São Paulo").locator("[data-conflict='profile: name']").getByRole("button", { name: "Anna" }).click();
  await card("London").locator("[data-conflict='seats: 1A']").getByRole("button", { name: "Tokyo" }).first().click();
  await same();
  await page.waitForFunction(() => document.querySelectorAll(".conflict").length === 0);
  for (const name of ["Tokyo", "London", "São Paulo"]) {
    assert.equal(await card(name).getByLabel("name").inputValue(), "Anna");
    assert.ok(await card(name).getByRole("button", { name: "Seat 1A, held by Tokyo" }).isVisible());
  }
});

test("a deletion and a change at the same time are a conflict that either side can win", async () => {
  for (const choice of ["deleted", "Kyoto"]) {
    await page.getByRole("button", { name: "Cut all links" }).click();
    await card("London").getByRole("button", { name: "Delete profile" }).click();
    await card("Tokyo").getByLabel("city").fill("Kyoto");
    await card("Tokyo").getByLabel("city").press("Enter");
    await page.getByRole("button", { name: "Heal all links" }).click();
    await same();
    const conflict = card("London").locator(".conflict").filter({ hasText: "city" });
    await conflict.getByRole("button", { name: choice }).click();
    await same();
    await page.waitForFunction(() => document.querySelector("[data-conflict='profile: city']") === null);
    assert.equal(await card("São Paulo").getByLabel("city").inputValue(), choice === "deleted" ? "" : "Kyoto");
    // Once more with a profile that is there.
    await card("Tokyo").getByLabel("city").fill("Osaka");
    await card("Tokyo").getByLabel("city").press("Enter");
    await same();
  }
});

test("one link is cut by keyboard, and what is written goes the other way round", async () => {
  await link("London", "Tokyo").focus();
  await page.keyboard.press("Enter");
  await page.locator(".joint.cut").waitFor();
  assert.match(await page.evaluate(() => document.activeElement.ariaLabel), /cut, heal it/);
  await card("Tokyo").getByRole("button", { name: "bread" }).click();
  await until(page, () => globalThis.network.regions.find(({ key }) => key === "london").store.set("cart").has("bread"));
  await link("London", "Tokyo").focus();
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector(".joint.cut") === null);
});

test("a link is cut by clicking on its line", async () => {
  const { x, y } = await page.evaluate(() => {
    const path = document.querySelector(".hit");
    const point = path.getPointAtLength(path.getTotalLength() * 0.3).matrixTransform(path.getScreenCTM());
    return { x: point.x, y: point.y };
  });
  await page.mouse.click(x, y);
  assert.equal(await page.locator(".link.cut").count(), 1);
});

test("topologies are switched, with three regions and with five", async () => {
  const links = () => page.locator(".joint").count();
  assert.equal(await links(), 3);
  await page.getByLabel("Star").check();
  assert.equal(await links(), 2);
  await page.getByLabel("5", { exact: true }).check();
  assert.equal(await links(), 4);
  await page.getByLabel("Ring").check();
  assert.equal(await links(), 5);
  await page.getByLabel("All to all").check();
  assert.equal(await links(), 10);
  await card("Sydney").getByRole("button", { name: "coffee" }).click();
  await same();
  assert.equal(await card("Nairobi").getByRole("button", { name: "coffee" }).getAttribute("aria-pressed"), "true");
  await page.getByLabel("3", { exact: true }).check();
  assert.equal(await page.locator(".card").count(), 3);
});

test("messages are seen travelling", async () => {
  await page.locator("#speed").fill("-2");
  await card("Tokyo").getByRole("button", { name: "bread" }).click();
  const dot = page.locator("circle.message").first();
  await dot.waitFor({ state: "attached" });
  const at = () => dot.evaluate((circle) => Number(circle.getAttribute("cx")));
  const first = await at();
  await until(page, (before) => Math.abs(Number(document.querySelector("circle.message")?.getAttribute("cx")) - before) > 3, first);
});

test("nothing is wider than a phone, and everything has a name", async () => {
  for (const width of [360, 320]) {
    await page.setViewportSize({ width, height: 740 });
    await page.getByLabel("5", { exact: true }).check();
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
  }
  const nameless = await page.evaluate(() =>
    [...document.querySelectorAll("button, input, a")].filter((element) =>
      !(element.ariaLabel || element.textContent.trim() || element.labels?.length)).map((element) => element.outerHTML));
  assert.deepEqual(nameless, []);
  await page.setViewportSize({ width: 1_240, height: 900 });
});

test("the first object can be used soon", async (t) => {
  const times = [];
  for (let round = 0; round < 9; round++) {
    // A page that has nothing of the package yet.
    const empty = await browser.open(`${pages.url}/icon.svg`);
    times.push(await empty.evaluate(async () => {
      const start = performance.now();
      const bytes = await (await fetch("/dotted/dotted.wasm")).arrayBuffer();
      const { init, OrSet } = await import("/dotted/slim.js");
      const loaded = performance.now();
      await init(bytes);
      const set = new OrSet();
      set.add("first");
      return { load: loaded - start, use: performance.now() - loaded };
    }));
    await empty.close();
  }
  const median = (part) => times.map((time) => time[part]).sort((a, b) => a - b)[4].toFixed(1);
  assert.equal(times.length, 9);
  t.diagnostic(`Chromium, median of 9: ${median("load")} ms to load the files, then ${median("use")} ms to the first usable object`);
});

test("nothing has gone wrong in the page", () => {
  assert.deepEqual(browser.problems, []);
});

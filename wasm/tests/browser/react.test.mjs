import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { build } from "esbuild";

import { browse, startPages } from "./helpers.mjs";

let pages;
let browser;
let page;

before(async () => {
  pages = await startPages({ port: 0 });
  browser = await browse();
  const served = { "dotted-crdt": "web.js", "dotted-crdt/react": "react.js" };
  const { outputFiles } = await build({
    entryPoints: ["demo/react/main.jsx"],
    absWorkingDir: new URL("../..", import.meta.url).pathname,
    bundle: true,
    write: false,
    format: "esm",
    jsx: "automatic",
    define: { "process.env.NODE_ENV": '"production"' },
    conditions: ["browser"],
    plugins: [{
      name: "package",
      setup(setup) {
        // The wasm file is found beside the entry: that one stays as it is.
        setup.onResolve({ filter: /^dotted-crdt$/ }, () => ({ path: `/dotted/${served["dotted-crdt"]}`, external: true }));
        setup.onResolve({ filter: /^\.\/core\.js$/ }, () => ({ path: "/dotted/core.js", external: true }));
      },
    }],
  });
  await browser.context.route(`${pages.url}/react.js`, (route) => route.fulfill({ contentType: "text/javascript", body: outputFiles[0].text }));
  await browser.context.route(`${pages.url}/react.html`, (route) =>
    route.fulfill({ contentType: "text/html", body: '<!doctype html><link rel="icon" href="icon.svg"><script type="module" src="react.js"></script>' }));
  page = await browser.open(`${pages.url}/react.html`);
});
after(async () => {
  await browser?.close();
  await pages?.close();
});

test("components show what is written, here and by others", async () => {
  await page.getByRole("button", { name: "Add" }).click();
  await page.locator("li", { hasText: "item 1" }).waitFor();
  await page.evaluate(() => {
    const other = globalThis.store.clone();
    other.set("cart").add("from another");
    globalThis.store.apply(other.encode());
    other.free();
  });
  await page.locator("li", { hasText: "from another" }).waitFor();
  await page.getByRole("button", { name: "Remove item 1" }).click();
  await page.waitForFunction(() => document.querySelectorAll("li").length === 1);
});

test("a component is drawn again for its own value only", async () => {
  const likes = page.getByRole("button", { name: "likes" });
  const before = await likes.getAttribute("data-drawn");
  await page.getByRole("button", { name: "Add" }).click();
  await page.waitForFunction(() => document.querySelectorAll("li").length === 2);
  assert.equal(await likes.getAttribute("data-drawn"), before);
  await likes.click();
  await page.getByRole("button", { name: "1 likes" }).waitFor();
});

test("nothing has gone wrong in the page", () => {
  assert.deepEqual(browser.problems, []);
});

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { chromium } from "playwright-core";

import { startPages } from "../../demo/serve.mjs";
import { startRelay } from "../../relay/relay.mjs";
import { FLAGS } from "./flags.mjs";

/** A browser with an empty profile, or the one in a folder, which is kept. `open` makes pages; what goes wrong in them fails `finish`. */
export async function browse({ folder, ...options } = {}) {
  const profile = folder ?? mkdtempSync(join(tmpdir(), "dotted-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: FLAGS,
    viewport: { width: 1_240, height: 900 },
    ...options,
  });
  context.setDefaultTimeout(90_000);
  const problems = [];
  return {
    context,
    async open(url) {
      const page = await context.newPage();
      page.on("pageerror", (error) => problems.push(error.message));
      page.on("console", (message) => {
        // A relay that is away is told of by the browser, too.
        if (message.type() === "error" && !message.text().includes("WebSocket connection")) problems.push(message.text());
      });
      await page.goto(url);
      return page;
    },
    problems,
    async close() {
      await context.close();
      if (folder === undefined) rmSync(profile, { recursive: true, force: true });
    },
  };
}

export { startPages, startRelay };

/** Waits until something in the page is so. */
export function until(page, holds, argument) {
  return page.waitForFunction(holds, argument, { polling: 50 });
}

/** Opens a page of `app`, and presses its button (or its two buttons, where it has two lists). */
export async function addsAndShows(browser, url, lists = 1) {
  const page = await browser.open(url);
  for (let list = 0; list < lists; list++) {
    await page.getByRole("button", { name: "Add" }).nth(list).click();
    await page.getByRole("button", { name: "Add" }).nth(list).click();
    const items = page.locator("ul").nth(list).locator("li");
    await items.nth(1).waitFor();
    assert.deepEqual(await items.allTextContents(), ["item 1", "item 2"]);
  }
  await page.close();
}

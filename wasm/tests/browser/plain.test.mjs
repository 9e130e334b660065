// The files of the package as they are, from a server of files, without any bundler.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { serveFiles } from "./files.mjs";
import { addsAndShows, browse } from "./helpers.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const folders = { "/": here("app/"), "/dotted/": here("../../dist/") };
const page = (script, head = "") =>
  `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">${head}<script type="module">${script}</script>`;
const shows = (entry) =>
  `import { OrSet, ready } from "${entry}"; import { show } from "./show.js"; ready.then(() => show(new OrSet()));`;

const pages = {
  "/web.html": page(shows("./dotted/web.js")),
  "/plain-inline.html": page(shows("./dotted/inline.js")),
  "/hinted.html": page(
    shows("./dotted/web.js"),
    '<link rel="modulepreload" href="dotted/core.js">' +
      '<link rel="preload" href="dotted/dotted.wasm" as="fetch" type="application/wasm" crossorigin>',
  ),
  // The application itself, its names resolved by the browser.
  "/mapped.html": page(
    'import { OrSet } from "dotted-crdt"; import * as inline from "dotted-crdt/inline"; import "./web.js"; import "./inline.js";' +
      'if (OrSet !== inline.OrSet) throw new Error("two classes of one name");',
    '<script type="importmap">{ "imports": { "dotted-crdt": "./dotted/web.js", "dotted-crdt/inline": "./dotted/inline.js" } }</script>',
  ),
};

let browser;

before(async () => {
  browser = await browse();
});
after(() => browser?.close());

/** Opens one of the pages from a server of its own. */
async function serving(options, use) {
  const server = await serveFiles(folders, { pages, ...options });
  try {
    await use(server.url, server.requests);
  } finally {
    await server.close();
  }
}

test("a script of type module imports the web entry", () =>
  serving({}, (url) => addsAndShows(browser, `${url}/web.html`)));

test("a script of type module imports the inline entry", () =>
  serving({}, (url) => addsAndShows(browser, `${url}/plain-inline.html`)));

test("an import map gives the entries their names, and both have the same classes", () =>
  serving({}, (url) => addsAndShows(browser, `${url}/mapped.html`, 2)));

test("a server that does not know what WebAssembly is serves it all the same", () =>
  serving({ types: { ".wasm": "application/octet-stream" } }, (url) => addsAndShows(browser, `${url}/web.html`)));

test("with the hints of the README everything is asked for at once, and once", () =>
  // The answers are late, so that whatever waits for one is asked for after everything that does not.
  serving({ delay: 200 }, async (url, requests) => {
    await addsAndShows(browser, `${url}/hinted.html`);
    const [core, wasm, web] = ["core.js", "dotted.wasm", "web.js"].map((file) => `/dotted/${file}`);
    assert.deepEqual([...requests].sort(), [core, wasm, web, "/hinted.html", "/show.js"]);
    assert.ok(requests.indexOf(wasm) < requests.indexOf(web), requests.join());
    // And without them one after the other.
    await addsAndShows(browser, `${url}/web.html`);
    assert.deepEqual(requests.slice(-2), [core, wasm]);
  }));

test("a policy for content allows it with wasm-unsafe-eval", () => {
  const headers = { "content-security-policy": "default-src 'self'; img-src data:; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'" };
  return serving({ headers }, (url) => addsAndShows(browser, `${url}/web.html`));
});

test("nothing has gone wrong in the pages", () => {
  assert.deepEqual(browser.problems, []);
});

// A server of files and nothing else, as any host of static pages is one.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { setTimeout } from "node:timers/promises";
import { gzipSync } from "node:zlib";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".wasm": "application/wasm",
};

/**
 * Serves folders below paths: `{ "/": folder, "/dotted/": folder }`, the longest path first. Texts in place of folders
 * are pages. `types` are in place of those that the ends of names stand for; `headers` come with everything, `delay`
 * milliseconds late. `rewrite` says which path is meant by one.
 */
export async function serveFiles(folders, { pages = {}, types = {}, headers = {}, delay = 0, rewrite = (path) => path } = {}) {
  const paths = Object.keys(folders).sort((one, other) => other.length - one.length);
  const packed = new Map();
  const requests = [];

  async function find(path) {
    if (pages[path] !== undefined) return { end: ".html", body: gzipSync(pages[path]) };
    const below = paths.find((start) => path.startsWith(start));
    if (below === undefined) return undefined;
    const file = join(folders[below], normalize(`/${path.slice(below.length)}`));
    if (!packed.has(file)) packed.set(file, gzipSync(await readFile(file), { level: 9 }));
    return { end: extname(file), body: packed.get(file) };
  }

  const server = createServer(async (request, response) => {
    const pathname = rewrite(new URL(request.url, "http://files").pathname);
    requests.push(pathname);
    const found = await find(pathname.endsWith("/") ? `${pathname}index.html` : pathname).catch(() => undefined);
    if (delay > 0) await setTimeout(delay);
    if (found === undefined) return response.writeHead(404).end();
    const type = types[found.end] ?? TYPES[found.end] ?? "application/octet-stream";
    response.writeHead(200, { "content-type": type, "content-encoding": "gzip", "content-length": found.body.length, ...headers });
    response.end(found.body);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    /** The paths that were asked for, in their order. */
    requests,
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => {
      server.closeAllConnections();
      return new Promise((done) => server.close(done));
    },
  };
}

// `npm run demo`: the pages, the package and a relay, for this machine only. `node demo/serve.mjs [port] [relay port]`.
import { createReadStream, existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const demo = fileURLToPath(new URL(".", import.meta.url));
const dist = fileURLToPath(new URL("../dist/", import.meta.url));

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

const OWN = { "/": "index.html", "/favicon.ico": "icon.svg" };

/** The package is below `/dotted/`, everything else is the demo's own. */
function fileOf(path) {
  const [base, rest] = path.startsWith("/dotted/") ? [dist, path.slice(8)] : [demo, OWN[path] ?? path];
  const file = join(base, normalize(`/${rest}`));
  return TYPES[extname(file)] === undefined ? undefined : file;
}

/** Starts the server of the pages. Port 0: any that is free. */
export async function startPages({ port = 8080, host = "127.0.0.1" } = {}) {
  const server = createServer(async (request, response) => {
    let file;
    try {
      file = fileOf(decodeURIComponent(new URL(request.url ?? "/", "http://demo").pathname));
    } catch {
      // A path that cannot be decoded.
    }
    const found = file === undefined ? undefined : await stat(file).catch(() => undefined);
    if (!found?.isFile()) return response.writeHead(404).end("not found\n");
    response.writeHead(200, {
      "content-type": TYPES[extname(file)],
      "content-length": found.size,
      "cache-control": "no-cache",
      "x-content-type-options": "nosniff",
      "content-security-policy":
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' ws://127.0.0.1:* ws://localhost:*",
    });
    if (request.method === "HEAD") return response.end();
    createReadStream(file).on("error", () => response.destroy()).pipe(response);
  });
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  return { url: `http://${host}:${server.address().port}`, close: () => new Promise((done) => server.close(done)) };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  if (!existsSync(join(dist, "sync.js"))) {
    console.error("The package is not built yet: run `bash build.sh` first.");
    process.exit(1);
  }
  const { startRelay } = await import("../relay/relay.mjs");
  const [port = 8080, relayPort = 8787] = process.argv.slice(2).map(Number);
  const { url } = await startPages({ port });
  const relay = await startRelay({ port: relayPort });
  const to = relay.port === 8787 ? "" : `?relay=${relay.port}`;
  console.log(`Three regions:  ${url}/\nTabs and relay: ${url}/tabs.html${to}\nEnd with Ctrl+C.`);
}

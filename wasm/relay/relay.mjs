// A replica on a server: every page that connects keeps up with it, and through it with all others.
//
// Each path is a store of its own: ws://host:port/<the store's UUID>. Whoever connects may read and write it, so bind
// to other than the loopback only behind something that asks who is there.
import { createServer } from "node:http";

import { ready } from "dotted-crdt";
import { Sync } from "dotted-crdt/sync";
import { WebSocketServer } from "ws";

const UUID = /^\/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/;
const TOO_BUSY = 1013;

/** An accepted connection, as a link. */
class SocketLink {
  #socket;
  #buffered;

  constructor(socket, name, buffered) {
    this.#socket = socket;
    this.#buffered = buffered;
    this.name = name;
  }

  open(listener) {
    const socket = this.#socket;
    socket.on("message", (data, isBinary) => isBinary && listener.receive(new Uint8Array(data)));
    // What is wrong with a connection ends it, and nothing else.
    socket.on("error", () => socket.terminate());
    listener.state("open");
  }

  send(bytes) {
    // A client that does not read is not waited for: the replica makes the message anew later.
    if (this.#socket.readyState !== 1 || this.#socket.bufferedAmount > this.#buffered) return false;
    this.#socket.send(bytes);
    return true;
  }

  close() {
    this.#socket.close();
  }
}

/** Pages of other sites must not reach a server on the loopback through the browser of a person. */
function isLocal(origin) {
  if (origin === undefined) return true;
  try {
    return ["localhost", "127.0.0.1", "[::1]"].includes(new URL(origin).hostname);
  } catch {
    return false;
  }
}

/**
 * Starts a relay. Resolves once it listens.
 *
 * * `host`, `port`: 127.0.0.1 and 8787. Port 0: any that is free.
 * * `stores`, `connections`: how many there may be: 64 and 1,024. More are turned away (close code 1013).
 * * `accept(origin)`: which pages may connect; by default those that come from this machine.
 * * `storage(storeId)`: makes a `StorageAdapter` for a store; by default it is kept in memory. Pages bring what is
 *   missing after a restart.
 * * `frameBytes`: the largest frame: 1 MiB and 1 KiB. `buffered`: how much may wait for a client: 16 MiB.
 */
export async function startRelay(options = {}) {
  const { host = "127.0.0.1", port = 8787, stores = 64, connections = 1_024, accept = isLocal, storage } = options;
  const { frameBytes = (1 << 20) + 1_024, buffered = 16 << 20 } = options;
  await ready;
  const syncs = new Map();
  const http = createServer((_, response) => response.writeHead(426).end("a WebSocket is expected\n"));
  const server = new WebSocketServer({ noServer: true, maxPayload: frameBytes });

  const syncOf = (storeId) => {
    const there = syncs.get(storeId);
    if (there !== undefined || syncs.size >= stores) return there;
    const made = Sync.open({ storeId, relay: true, ...(storage && { storage: storage(storeId) }) });
    syncs.set(storeId, made);
    return made;
  };

  http.on("upgrade", (request, socket, head) => {
    const found = UUID.exec(new URL(request.url ?? "/", "ws://relay").pathname);
    if (found === null || !accept(request.headers.origin)) return socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
    server.handleUpgrade(request, socket, head, async (connection) => {
      const sync = server.clients.size > connections ? undefined : syncOf(found[1]);
      if (sync === undefined) return connection.close(TOO_BUSY);
      // What arrives before the store is loaded waits for it.
      connection.pause();
      const detach = (await sync).attach(new SocketLink(connection, request.socket.remoteAddress ?? "", buffered));
      connection.on("close", detach);
      connection.resume();
    });
  });

  await new Promise((resolve, reject) => {
    http.once("error", reject);
    http.listen(port, host, resolve);
  });
  return {
    port: http.address().port,
    /** The `Sync` of a store, if somebody has connected for it: to read and write on the server. */
    sync: (storeId) => syncs.get(storeId),
    async close() {
      for (const sync of syncs.values()) (await sync).close();
      for (const connection of server.clients) connection.terminate();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

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
const OPEN = 1;

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
    listener.state("open");
  }

  send(bytes) {
    // A client that does not read is not waited for: the replica makes the message anew later.
    if (this.#socket.readyState !== OPEN || this.#socket.bufferedAmount > this.#buffered) return false;
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
 * * `idle`: how long a store that nobody is connected to is kept, in milliseconds: 10 minutes. What is in memory only is
 *   forgotten then; pages bring it again.
 */
export async function startRelay(options = {}) {
  const { host = "127.0.0.1", port = 8787, stores = 64, connections = 1_024, accept = isLocal, storage } = options;
  const { frameBytes = (1 << 20) + 1_024, buffered = 16 << 20, idle = 600_000 } = options;
  await ready;
  const syncs = new Map();
  const http = createServer((_, response) => response.writeHead(426).end("a WebSocket is expected\n"));
  const server = new WebSocketServer({ noServer: true, maxPayload: frameBytes });

  /** The store of a connection that is there. Whoever comes is counted, and counted off by `left`. */
  const enter = (storeId) => {
    let there = syncs.get(storeId);
    if (there === undefined) {
      if (syncs.size >= stores) return undefined;
      const sync = Sync.open({ storeId, relay: true, ...(storage && { storage: storage(storeId) }) });
      // A storage that cannot be made is tried again by the next one who connects.
      sync.catch(() => syncs.delete(storeId));
      there = { sync, connections: 0, timer: undefined };
      syncs.set(storeId, there);
    }
    there.connections += 1;
    clearTimeout(there.timer);
    return there;
  };

  const left = (storeId, there) => {
    there.connections -= 1;
    if (there.connections > 0) return;
    there.timer = setTimeout(async () => {
      const sync = await there.sync;
      // What was written here last is stored first; while that fails the store stays.
      await sync.stored();
      if (there.connections > 0 || syncs.get(storeId) !== there) return;
      syncs.delete(storeId);
      sync.close();
      sync.store.free();
    }, idle);
    there.timer.unref();
  };

  http.on("upgrade", (request, socket, head) => {
    const found = UUID.exec(new URL(request.url ?? "/", "ws://relay").pathname);
    if (found === null || !accept(request.headers.origin)) return socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
    server.handleUpgrade(request, socket, head, async (connection) => {
      // What is wrong with a connection ends it, and nothing else.
      connection.on("error", () => connection.terminate());
      const there = server.clients.size > connections ? undefined : enter(found[1]);
      if (there === undefined) return connection.close(TOO_BUSY);
      let detach;
      connection.on("close", () => {
        detach?.();
        left(found[1], there);
      });
      // What arrives before the store is loaded waits for it.
      connection.pause();
      try {
        const sync = await there.sync;
        // It may have gone meanwhile.
        if (connection.readyState !== OPEN) return;
        detach = sync.attach(new SocketLink(connection, request.socket.remoteAddress ?? "", buffered));
        connection.resume();
      } catch {
        connection.close(TOO_BUSY);
      }
    });
  });

  await new Promise((resolve, reject) => {
    http.once("error", reject);
    http.listen(port, host, resolve);
  });
  return {
    port: http.address().port,
    /** The `Sync` of a store, if somebody has connected for it: to read and write on the server. */
    sync: (storeId) => syncs.get(storeId)?.sync,
    /** How many stores are kept. */
    get stores() {
      return syncs.size;
    },
    async close() {
      for (const { sync, timer } of syncs.values()) {
        clearTimeout(timer);
        (await sync).close();
      }
      for (const connection of server.clients) connection.terminate();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

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
    this.#socket.on("message", (data, isBinary) => isBinary && listener.receive(new Uint8Array(data)));
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

/** The stores that are open, each as long as somebody is connected for it, and a while longer. */
class Stores {
  /** By id; those that were used last are last. */
  #entries = new Map();
  #most;
  #idle;
  #storage;

  constructor(most, idle, storage) {
    this.#most = most;
    this.#idle = idle;
    this.#storage = storage;
  }

  /** Somebody uses a store, until `leave`. Nothing if there is no room for it. */
  async enter(storeId) {
    const entry = this.#entries.get(storeId) ?? (await this.#open(storeId));
    if (entry === undefined) return undefined;
    clearTimeout(entry.timer);
    entry.users += 1;
    this.#entries.delete(storeId);
    this.#entries.set(storeId, entry);
    const leave = () => {
      entry.users -= 1;
      if (entry.users > 0) return;
      entry.timer = setTimeout(() => this.#forget(storeId, entry), this.#idle);
      // The program may end before that.
      entry.timer.unref();
    };
    try {
      return { sync: await entry.opening, leave };
    } catch (error) {
      // It is opened anew for the next one.
      if (this.#entries.get(storeId) === entry) this.#entries.delete(storeId);
      throw error;
    }
  }

  async #open(storeId) {
    if (this.#entries.size >= this.#most) {
      const unused = [...this.#entries].find(([, { users }]) => users === 0);
      if (unused === undefined || !(await this.#forget(...unused))) return undefined;
    }
    const there = this.#entries.get(storeId);
    if (there !== undefined || this.#entries.size >= this.#most) return there;
    const storage = this.#storage?.(storeId);
    const opening = Sync.open({ storeId, relay: true, ...(storage && { storage }) });
    const entry = { opening, users: 0, timer: undefined };
    this.#entries.set(storeId, entry);
    return entry;
  }

  /** Ends a store that nobody uses, once all of it is stored. Says whether it did. */
  async #forget(storeId, entry) {
    const sync = await entry.opening;
    if (this.#storage !== undefined && sync.snapshot().storage.state !== "saved") {
      // What fails is not lost, as long as there is memory.
      if (sync.snapshot().storage.state === "failing") return false;
      await sync.stored();
    }
    if (entry.users > 0 || this.#entries.get(storeId) !== entry) return false;
    clearTimeout(entry.timer);
    this.#entries.delete(storeId);
    end(sync);
    return true;
  }

  get(storeId) {
    return this.#entries.get(storeId)?.opening;
  }

  get size() {
    return this.#entries.size;
  }

  async close() {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    for (const { opening, timer } of entries) {
      clearTimeout(timer);
      await opening.then(end, () => undefined);
    }
  }
}

function end(sync) {
  sync.close();
  sync.store.free();
}

/**
 * Starts a relay. Resolves once it listens.
 *
 * * `host`, `port`: 127.0.0.1 and 8787. Port 0: any that is free.
 * * `stores`, `connections`: how many there may be: 64 and 1,024. More are turned away (close code 1013).
 * * `idle`: how long a store is kept open after its last connection has gone, in milliseconds: 600,000. If there is no
 *   room for another one, the store that was longest without connections goes before that. Without `storage` the pages
 *   bring it back. A store that cannot be stored stays.
 * * `accept(origin)`: which pages may connect; by default those that come from this machine.
 * * `storage(storeId)`: makes a `StorageAdapter` for a store; by default it is kept in memory. Pages bring what is
 *   missing after a restart.
 * * `frameBytes`: the largest frame: 1 MiB and 1 KiB. `buffered`: how much may wait for a client: 16 MiB.
 */
export async function startRelay(options = {}) {
  const { host = "127.0.0.1", port = 8787, stores = 64, connections = 1_024, accept = isLocal, storage } = options;
  const { idle = 600_000 } = options;
  const { frameBytes = (1 << 20) + 1_024, buffered = 16 << 20 } = options;
  await ready;
  const open = new Stores(stores, idle, storage);
  const http = createServer((_, response) => response.writeHead(426).end("a WebSocket is expected\n"));
  const server = new WebSocketServer({ noServer: true, maxPayload: frameBytes });

  http.on("upgrade", (request, socket, head) => {
    const found = UUID.exec(new URL(request.url ?? "/", "ws://relay").pathname);
    if (found === null || !accept(request.headers.origin)) return socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
    server.handleUpgrade(request, socket, head, async (connection) => {
      // What is wrong with a connection ends it, and nothing else.
      connection.on("error", () => connection.terminate());
      // What arrives before the store is loaded waits for it.
      connection.pause();
      let entered;
      try {
        entered = server.clients.size > connections ? undefined : await open.enter(found[1]);
      } catch {
        // The store cannot be opened: somebody may try again.
      }
      if (entered === undefined) {
        connection.resume();
        return connection.close(TOO_BUSY);
      }
      const { sync, leave } = entered;
      // It may have died in the meantime; nobody would say so any more.
      if (connection.readyState !== connection.OPEN) return leave();
      const detach = sync.attach(new SocketLink(connection, request.socket.remoteAddress ?? "", buffered));
      connection.on("close", () => {
        detach();
        leave();
      });
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
    sync: (storeId) => open.get(storeId),
    /** How many stores are open. */
    get stores() {
      return open.size;
    },
    async close() {
      await open.close();
      for (const connection of server.clients) connection.terminate();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

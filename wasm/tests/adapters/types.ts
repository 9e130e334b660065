// What the types of the adapters allow, and what they do not: compiled, never run.
import { CrdtError, Store } from "dotted-crdt";
import { StoreProvider, useStatus, useStore, useValue } from "dotted-crdt/react";
import { IndexedDbStorage, MemoryStorage, type Saved, type StorageAdapter } from "dotted-crdt/storage";
import { BroadcastLink, type Link, type LinkListener, type Socket, Sync, type SyncStatus, WebSocketLink } from "dotted-crdt/sync";
import { WebSocket as NodeSocket } from "ws";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function is<A, B>(..._: Equal<A, B> extends true ? [] : ["the types differ"]): void {}

class Own implements StorageAdapter {
  async open(): Promise<Saved> {
    return { parts: [] };
  }
  async append(part: Uint8Array, writer: Uint8Array | undefined): Promise<void> {
    is<typeof part.length, number>();
    is<typeof writer, Uint8Array | undefined>();
  }
  async compact(merge: (parts: readonly Uint8Array[]) => readonly Uint8Array[]): Promise<void> {
    merge([]);
  }
  async abandon(): Promise<void> {}
  close(): void {}
}

class Pipe implements Link {
  readonly name = "pipe";
  open(listener: LinkListener): void {
    listener.state("closed", new CrdtError("connection", "no pipe"));
    // @ts-expect-error: links are in one of three states
    listener.state("broken");
  }
  send(bytes: Uint8Array): boolean {
    return bytes.length > 0;
  }
  close(): void {}
}

const sync: Sync = await Sync.open({
  storeId: "",
  storage: new Own(),
  links: [new Pipe(), new BroadcastLink("x"), new WebSocketLink("ws://x", { connect: (url) => new NodeSocket(url) })],
});
// The sockets of browsers and of `ws` fit.
const socket: Socket = new WebSocket("ws://x");
void socket;
// @ts-expect-error: the store is named
await Sync.open({ storage: new MemoryStorage() });
// @ts-expect-error: and so is the database
new IndexedDbStorage({});
is<SyncStatus["state"], "offline" | "connecting" | "pending" | "in-sync">();
// @ts-expect-error: a status is not to be changed
sync.snapshot().conflicts = 1;

function Component(): void {
  is<ReturnType<typeof useStore>, Store>();
  const items = useValue(useStore().set<string>("cart"));
  is<typeof items, readonly string[]>();
  const likes = useValue(useStore().counter("likes"));
  is<typeof likes, number | bigint>();
  is<ReturnType<typeof useStatus>, SyncStatus>();
}
void Component;
// @ts-expect-error: the provider needs a store
StoreProvider({});

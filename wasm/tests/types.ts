// What the types allow, and what they do not: compiled, never run.
import {
  type Applied, type Conflict, CrdtError, type CrdtErrorCode, type Data, GCounter, LwwMap, LwwRegister, OrSet, PnCounter,
  Replica, type ReplicaEvent, Store, ready, VersionedRecord,
} from "dotted-crdt";
import { init, initSync } from "dotted-crdt/slim";
import { OrSet as InlineSet } from "dotted-crdt/inline";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function is<A, B>(..._: Equal<A, B> extends true ? [] : ["the types differ"]): void {}

type Todo = { readonly title: string; readonly done: boolean };

const set = new OrSet<string>();
set.add("milk").add("tea");
is<ReturnType<typeof set.has>, boolean>();
is<ReturnType<typeof set.toArray>, string[]>();
is<ReturnType<typeof set.snapshot>, readonly string[]>();
for (const element of set) is<typeof element, string>();
const inline: OrSet<string> = new InlineSet<string>();
void inline;
// @ts-expect-error: a set of texts takes no numbers
set.add(1);
// @ts-expect-error: snapshots are not to be changed
set.snapshot().push("x");
// @ts-expect-error: dates cannot be kept
new OrSet<Date>();
// @ts-expect-error: nor can functions
new Store().register("x").set(() => 1);
// @ts-expect-error: nor undefined
new Store().register("x").set(undefined);
// @ts-expect-error: maps cannot be kept
new LwwMap<Map<string, string>>();

const todos = new LwwMap<Todo>({ now: () => 0 });
todos.set("a", { title: "x", done: false }).setAll({ b: { title: "y", done: true } }).setAll(new Map<string, Todo>());
is<ReturnType<typeof todos.get>, Todo | undefined>();
is<ReturnType<typeof todos.snapshot>, { readonly [key: string]: Todo }>();
// @ts-expect-error: keys are texts
todos.set(1, { title: "x", done: false });
// @ts-expect-error: a field is missing
todos.set("a", { title: "x" });
// @ts-expect-error: there is no such option
new LwwMap({ clock: () => 0 });

const grows = new GCounter();
is<ReturnType<typeof grows.increment>, void>();
grows.increment(1n);
is<typeof grows.value, number>();
is<typeof grows.bigValue, bigint>();
// @ts-expect-error: it only grows
grows.decrement(1);
// @ts-expect-error: amounts are numbers
new PnCounter().increment("1");
// @ts-expect-error: the value is not set
grows.value = 1;

const register = new LwwRegister<bigint | Uint8Array>();
is<typeof register.value, bigint | Uint8Array | undefined>();
is<ReturnType<typeof register.versions>[number]["value"], bigint | Uint8Array | undefined>();

const record = new VersionedRecord<Data>();
is<ReturnType<typeof record.conflicts>, Conflict[]>();
is<ReturnType<typeof record.apply>, Applied>();
is<Conflict["cause"], "write-write" | "insert-insert" | "update-delete">();

const store = new Store({ state: new Uint8Array() });
is<ReturnType<typeof store.batch<number>>, number>();
const stop = store.subscribe(({ origin, changes }) => {
  is<typeof origin, "local" | "remote" | "missed">();
  for (const change of changes) {
    is<typeof change.key, Data | undefined>();
    // @ts-expect-error: changes are not to be changed
    change.name = "x";
  }
});
stop();
// @ts-expect-error: states are bytes
store.apply("state");
// @ts-expect-error: values are merged with values
store.merge(new Uint8Array());
// @ts-expect-error: what is internal is not there
store.document();

const replica = new Replica(store, { me: "", storeId: "", topology: { type: "star", hub: "" }, timing: { debounce: 1 } });
// @ts-expect-error: a star has a hub
replica.setTopology({ type: "star" });
// @ts-expect-error: there is no such bound
new Replica(store, { me: "", storeId: "", bounds: { nothing: 1 } });
// @ts-expect-error: there is no such level
replica.confirm("", "most", 0);
const event: ReplicaEvent | undefined = replica.pollEvent();
if (event?.type === "unreachable") is<typeof event.missing, readonly string[]>();
// @ts-expect-error: only some events have a ticket
event?.ticket;

try {
  await ready;
} catch (error) {
  if (error instanceof CrdtError) is<typeof error.code, CrdtErrorCode>();
}
void init(fetch("dotted.wasm"));
initSync(new Uint8Array());

// What the types allow, and what they do not: compiled, never run.
import {
  type Applied, BoundedCounter, type Conflict, ConflictLog, CrdtError, type CrdtErrorCode, type Data, type DeletePolicy, GCounter,
  InsufficientRightsError, LwwMap, LwwRegister, OrSet, PnCounter, Replica, type ReplicaEvent, type RequestVersion,
  Reservations, type Resolver, type RightsHolder, type Settled, Store, ready, type ValueKind, VersionedRecord,
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

const stock = new BoundedCounter({ now: () => 0 });
is<typeof stock.value, number>();
is<typeof stock.rights, number | bigint>();
is<ReturnType<typeof stock.rightsOf>, number | bigint>();
is<ReturnType<typeof stock.tryDecrement>, void>();
is<ReturnType<typeof stock.announce>, boolean>();
is<ReturnType<typeof stock.holders>, RightsHolder[]>();
stock.transfer("", 1n);
// @ts-expect-error: to somebody
stock.transfer(1);
// @ts-expect-error: it only goes down if there are rights
stock.decrement(1);
// @ts-expect-error: nor can it be reset
stock.reset();
is<Extract<ValueKind, `bounded${string}`>, "bounded-counter">();

const prices = new LwwMap<number>();
is<ReturnType<typeof prices.resolveAll>, Settled[]>();
prices.resolveAll("latest");
prices.resolveAll({ priority: [prices.replica] });
prices.resolveAll((versions) => {
  is<(typeof versions)[number]["value"], number>();
  return Math.max(...versions.map(({ value }) => value));
});
const first: Resolver = (versions) => versions[0]?.value;
prices.store.resolveAll(first);
for (const conflict of prices.conflicts()) prices.resolve(conflict, 1).startsWith(prices.replica);
// @ts-expect-error: there is no such rule
prices.resolveAll("last");
// @ts-expect-error: the map has numbers
prices.resolveAll(() => "1");
// @ts-expect-error: flags have no conflicts
new Store().flag("x").resolveAll("latest");

const deletes: DeletePolicy = new Store().record("x", { deletes: "ask" }).deletes;
void deletes;
// @ts-expect-error: there is no such policy
new VersionedRecord({ deletes: "never" });
is<ReturnType<VersionedRecord["restore"]>, Settled[]>();
new VersionedRecord().setMembers("address", { city: "Recife" });
// @ts-expect-error: members can be kept
new VersionedRecord().setMembers("address", { city: undefined });

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

const ledger = store.ledger("payments");
is<ReturnType<typeof ledger.balance>, number | bigint>();
// @ts-expect-error: a request has a number
ledger.record({ client: "" }, { from: "", to: "", amount: 1 });
const request = ledger.get({ client: "", number: 1n });
if (request?.state === "disputed") is<typeof request.versions, readonly RequestVersion[]>();
// @ts-expect-error: only what was recorded has a transfer
request?.transfer;
const seat = store.claims("seats", { members: [] }).seat("12A");
if (seat.state === "confirmed") is<typeof seat.holder, string>();
// @ts-expect-error: what is free has no holder
seat.holder;
for (const { outcome } of new Reservations(store.claims("seats")).step()) is<typeof outcome, "confirmed" | "lost" | "contested">();
const [logged] = new ConflictLog(store, { keys: { salt: 1 } });
if (logged !== undefined && "name" in logged) is<typeof logged.name, string>();
// @ts-expect-error: keys are hashed with a salt
new ConflictLog(store, { keys: "hashed" });

try {
  await ready;
} catch (error) {
  if (error instanceof InsufficientRightsError) is<typeof error.local, number | bigint>();
  else if (error instanceof CrdtError) is<typeof error.code, CrdtErrorCode>();
}
void init(fetch("dotted.wasm"));
initSync(new Uint8Array());

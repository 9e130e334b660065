import { ready } from "./dotted/web.js";
import { IndexedDbStorage } from "./dotted/storage.js";
import { BroadcastLink, Sync, WebSocketLink } from "./dotted/sync.js";
import { bytes, fill, h, many, say } from "./dom.js";
import { shop } from "./shop.js";

const STORE = "0e2f5c8a-93b1-4a57-8d3c-7b1f2a6c4e90";
const NAMES = ["Aki", "Bela", "Chidi", "Dora", "Emre", "Farah", "Goran", "Hana", "Ines", "Jonas", "Kofi", "Lena"];
const COLOURS = ["tokyo", "london", "saopaulo", "nairobi", "sydney"].map((name) => `var(--${name})`);
const STATES = { offline: "Offline", connecting: "Nobody else is here", pending: "Exchanging …", "in-sync": "In sync" };
const LINKS = { open: "open", connecting: "connecting …", closed: "not connected" };
const STORAGE = { none: "not used", saved: "everything stored", saving: "storing …", failing: "fails" };

const byId = (id) => document.getElementById(id);
const parameter = new URLSearchParams(location.search).get("relay") ?? "8787";
const relay = `ws://${location.hostname}:${Number(parameter) || 8787}/${STORE}`;

/** Always the same colour for the same text. */
function colour(text) {
  let sum = 0;
  for (const character of text) sum = (sum * 31 + character.codePointAt(0)) % 9_973;
  return COLOURS[sum % COLOURS.length];
}

await ready;
const sync = await Sync.open({
  storeId: STORE,
  storage: new IndexedDbStorage({ name: "dotted demo" }),
  presence: { expire: 25_000 },
  announce: 8_000,
});
const { store } = sync;

let me = sessionStorage.getItem("name") ?? NAMES[Math.floor(Math.random() * NAMES.length)];
// Who wrote what: names beside ids, as everything else in the store.
const names = store.map("names");
const nameOf = (uuid) => names.get(uuid) ?? uuid.slice(0, 4);
const author = (uuid) => ({ name: nameOf(uuid), colour: colour(nameOf(uuid)) });

const { element, update } = shop(store, { me: () => me, author, owner: (name) => ({ name, colour: colour(name) }) });
const frame = byId("shop");
frame.append(element);

const input = byId("name");
function setName(name) {
  me = name;
  input.value = name;
  sessionStorage.setItem("name", name);
  frame.style.setProperty("--c", colour(name));
  sync.presence.set({ name });
  // Only who writes gets a name in the store.
  if (names.has(store.replica)) names.set(store.replica, name);
  show();
}
input.addEventListener("change", () => setName(input.value.trim() || me));
store.onUpdate(() => {
  if (names.get(store.replica) !== me) names.set(store.replica, me);
});

/** A link that can be switched off and on. */
function switchable(button, label, make) {
  let detach;
  const set = (isOn) => {
    if (isOn) detach = sync.attach(make());
    else detach();
    button.setAttribute("aria-pressed", isOn);
    say(button, isOn ? `Cut ${label}` : `Connect ${label}`);
  };
  button.addEventListener("click", () => set(button.getAttribute("aria-pressed") !== "true"));
  set(true);
}

function rows(list) {
  return list.map(([label, text, mood]) => h("div", {}, h("dt", {}, label), h("dd", { class: mood }, text)));
}

function show() {
  update();
  const { state, links, peers, conflicts, storage } = sync.snapshot();
  byId("state").className = `state ${state}`;
  say(byId("state"), STATES[state]);
  document.documentElement.dataset.state = state;
  document.documentElement.dataset.storage = storage.state;
  const pill = byId("pill");
  pill.className = conflicts > 0 ? "pill disputed" : "pill";
  say(pill, conflicts > 0 ? many(conflicts, "conflict") : "no conflicts");

  const linkRows = links.map(({ name, state: how }) => [name === relay ? "Relay" : "Other tabs", LINKS[how], how === "open" ? undefined : "wait"]);
  const there = peers.length === 0 ? "nobody" : `${peers.filter(({ isInSync }) => isInSync).length} of ${peers.length} in sync`;
  const { sent, received } = sync.traffic;
  const list = [
    ...linkRows,
    ["Replicas that are there", there],
    ["Stored here", storage.error === undefined ? STORAGE[storage.state] : `${STORAGE[storage.state]}: ${storage.error.code}`, storage.error && "bad"],
    ["Sent and received", `${bytes(sent)}, ${bytes(received)}`],
  ];
  fill(byId("rows"), list, () => rows(list));

  const people = sync.presence.snapshot().map(({ state: shown }) => (typeof shown?.name === "string" ? shown.name.slice(0, 24) : "somebody"));
  fill(byId("people"), [me, people], () => [
    h("li", { style: `--c: ${colour(me)}` }, `${me} (you)`), ...people.map((name) => h("li", { style: `--c: ${colour(name)}` }, name)),
  ]);
  const vector = Object.entries(store.clock()).map(([writer, count]) => [`${nameOf(writer.split(".")[0])} · ${writer.slice(0, 8)}`, count]);
  fill(byId("vector"), vector, () => (vector.length === 0 ? rows([["Nothing was written yet", ""]]) : rows(vector)));
}

sync.subscribe(show);
store.subscribe(show);
sync.presence.subscribe(show);
setInterval(show, 1_000);
setName(me);
switchable(byId("tabs-link"), "other tabs", () => new BroadcastLink(`dotted ${STORE}`));
switchable(byId("relay-link"), "the relay", () => new WebSocketLink(relay, { retryMax: 5_000, silence: 30_000 }));
byId("another").href = location.href;
document.documentElement.dataset.loaded = "";
Object.assign(globalThis, { sync });

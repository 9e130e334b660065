import { ready } from "./dotted/web.js";
import { bytes, fill, h, many, say } from "./dom.js";
import { Network } from "./network.js";
import { shop } from "./shop.js";
import { at, HEIGHT, landPath, WIDTH } from "./world.js";

const REGIONS = [
  { key: "tokyo", name: "Tokyo", ...at(139.7, 35.7) },
  { key: "london", name: "London", ...at(-0.1, 51.5) },
  { key: "saopaulo", name: "São Paulo", ...at(-46.6, -23.5) },
  { key: "nairobi", name: "Nairobi", ...at(36.8, -1.3) },
  { key: "sydney", name: "Sydney", ...at(151.2, -33.9) },
];
const TOPOLOGIES = [["ring", "Ring"], ["star", "Star"], ["mesh", "All to all"]];
const SPEEDS = { "-2": "very slow", "-1": "slow", 0: "normal", 1: "fast", 2: "very fast" };

const start = performance.now();
await ready;
const network = new Network(REGIONS.map((region) => ({ ...region, colour: `var(--${region.key})` })));
// For the test: how long it took until there was something to write to.
document.documentElement.dataset.startup = (performance.now() - start).toFixed(1);

const byId = (id) => document.getElementById(id);
const everyone = new Map();
const authorOf = (uuid) => everyone.get(uuid) ?? { name: "somebody", colour: "var(--ink-2)" };

// The map: dots and lines are for the eyes; names and buttons are HTML, so that they can be read and reached.
const SVG = "http://www.w3.org/2000/svg";
const svg = (tag, properties = {}) => {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(properties)) element.setAttribute(name, value);
  return element;
};
const place = ({ x, y }) => `left: ${(x / WIDTH) * 100}%; top: ${(y / HEIGHT) * 100}%`;

const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" });
const lines = svg("g");
const dots = svg("g");
picture.append(svg("path", { class: "land", d: landPath() }), lines, dots);
const pins = h("div");
const chips = h("div");
byId("map").append(picture, pins, chips);

/** The curve between two regions, always the same for both directions. */
function curve(a, b) {
  const [from, to] = a.key < b.key ? [a, b] : [b, a];
  const middle = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 };
  const distance = Math.hypot(to.x - from.x, to.y - from.y);
  // It bends to the north or the south, as great circles do.
  const bend = (middle.y < HEIGHT * 0.55 ? -1 : 1) * distance * 0.13;
  const control = { x: middle.x, y: middle.y + bend };
  const point = (t) => ({
    x: (1 - t) ** 2 * from.x + 2 * t * (1 - t) * control.x + t ** 2 * to.x,
    y: (1 - t) ** 2 * from.y + 2 * t * (1 - t) * control.y + t ** 2 * to.y,
  });
  return { d: `M${from.x} ${from.y}Q${control.x} ${control.y} ${to.x} ${to.y}`, point, reversed: from !== a };
}

function toggle({ a, b, isCut }) {
  network.setCut(a, b, !isCut);
}

function drawLinks() {
  const links = network.links();
  lines.replaceChildren(...links.flatMap((link) => {
    const { d } = curve(link.a, link.b);
    const hit = svg("path", { class: "hit", d });
    hit.addEventListener("click", () => toggle(link));
    return [svg("path", { class: link.isCut ? "link cut" : "link", d }), hit];
  }));
  const focused = document.activeElement?.dataset?.link;
  chips.replaceChildren(...links.map((link) => {
    const name = `${link.a.name} – ${link.b.name}`;
    return h("button", {
      class: link.isCut ? "joint cut" : "joint", type: "button", "data-link": link.key, style: place(curve(link.a, link.b).point(0.5)),
      "aria-label": `${name}: ${link.isCut ? "cut, heal it" : "connected, cut it"}`, title: link.isCut ? `Heal ${name}` : `Cut ${name}`,
      onclick: () => toggle(link),
    }, link.isCut ? "✕" : "");
  }));
  if (focused !== undefined) chips.querySelector(`[data-link="${focused}"]`)?.focus();
  const isAllCut = links.length > 0 && links.every(({ isCut }) => isCut);
  say(byId("all"), isAllCut ? "Heal all links" : "Cut all links");
  byId("all").onclick = () => {
    for (const { a, b } of network.links()) network.setCut(a, b, !isAllCut);
  };
  soon();
}

function drawPins() {
  pins.replaceChildren(...network.regions.map((region) =>
    h("a", { class: `pin ${region.key}`, href: `#${region.key}`, style: `${place(region)}; --c: ${region.colour}` }, h("span", {}, region.name))));
}

// The messages that are under way.
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const drawn = new Map();

function drawMessages() {
  for (const [message, dot] of drawn) {
    if (network.flying.has(message)) continue;
    dot.remove();
    drawn.delete(message);
  }
  for (const message of network.flying) {
    let dot = drawn.get(message);
    if (dot === undefined) {
      dot = svg("circle", { class: "message", r: message.bytes.length > 200 ? 6.5 : 4.5 });
      dot.style.setProperty("--c", message.from.colour);
      drawn.set(message, dot);
      dots.append(dot);
    }
    const { point, reversed } = curve(message.from, message.to);
    const t = calm.matches ? 0.5 : Math.min(message.progress, 1);
    const { x, y } = point(reversed ? 1 - t : t);
    dot.setAttribute("cx", x);
    dot.setAttribute("cy", y);
    dot.classList.toggle("lost", message.isLost);
  }
}

// The cards.
const cards = new Map();

function makeCard(region) {
  const state = h("span", { class: "pill" });
  const sent = h("span", { class: "note" });
  const vector = h("dl", { class: "vector" });
  const owner = (name) => network.regions.find((other) => other.name === name) ?? { name, colour: "var(--ink-2)" };
  const { element, update } = shop(region.store, { me: () => region.name, author: authorOf, owner });
  const article = h("article", { id: region.key, class: "card", style: `--c: ${region.colour}`, "aria-label": region.name },
    h("header", {}, h("h2", {}, region.name), state), element,
    h("footer", {}, h("div", { class: "head" }, h("h3", {}, "Version vector"), sent), vector));
  const show = (missing) => {
    update();
    const conflicts = region.store.conflicts().length;
    say(state, missing > 0 ? `${many(missing, "event")} behind` : conflicts > 0 ? many(conflicts, "conflict") : "up to date");
    state.className = missing > 0 ? "pill behind" : conflicts > 0 ? "pill disputed" : "pill";
    say(sent, `${bytes(region.sent)} sent in ${many(region.messages, "message")}`);
    const clock = counts(region.store.clock());
    fill(vector, [clock, network.regions.length], () => network.regions.map((other) =>
      h("div", { style: `--c: ${other.colour}` }, h("dt", {}, other.name), h("dd", {}, clock[other.store.replica] ?? 0))));
  };
  return { article, show };
}

/** Branches of one writer count together. */
function counts(clock) {
  const sums = {};
  for (const [writer, count] of Object.entries(clock)) {
    const uuid = writer.split(".")[0];
    sums[uuid] = (sums[uuid] ?? 0) + count;
  }
  return sums;
}

function drawCards() {
  const list = network.regions.map((region) => {
    everyone.set(region.store.replica, region);
    if (!cards.has(region)) cards.set(region, makeCard(region));
    return cards.get(region).article;
  });
  byId("cards").replaceChildren(...list);
}

let isSoon = false;
function soon() {
  isSoon = true;
}

function show() {
  isSoon = false;
  const { regions } = network;
  const missing = network.missing();
  regions.forEach((region, at) => cards.get(region).show(missing[at]));
  const behind = missing.filter((count) => count > 0).length;
  const conflicts = Math.max(...regions.map(({ store }) => store.conflicts().length));
  const agree = byId("agree");
  agree.className = behind > 0 ? "agree behind" : conflicts > 0 ? "agree disputed" : "agree";
  say(agree, behind > 0 ? `${behind} of ${regions.length} regions are behind`
    : conflicts > 0 ? `All regions are the same, with ${many(conflicts, "conflict")} to settle` : "All regions are the same");
  const total = regions.reduce((sum, { sent }) => sum + sent, 0);
  const count = regions.reduce((sum, { messages }) => sum + messages, 0);
  say(byId("traffic"), `${bytes(total)} in ${many(count, "message")}`);
}

/** A row of radio buttons. */
function choices(field, name, list, chosen, choose) {
  byId(field).append(...list.map(([value, label]) => {
    const input = h("input", { type: "radio", name, value, checked: value === chosen, onchange: () => choose(value) });
    return h("label", {}, input, h("span", {}, label));
  }));
}

function setRegions(count) {
  network.setRegions(count);
  drawPins();
  drawCards();
}

choices("topology", "topology", TOPOLOGIES, "ring", (type) => network.setType(type));
choices("count", "count", [[3, "3"], [5, "5"]], 3, setRegions);
byId("speed").addEventListener("input", ({ target }) => {
  network.speed = 2 ** target.value;
  target.setAttribute("aria-valuetext", SPEEDS[Math.round(target.value)]);
});
network.addEventListener("links", drawLinks);
network.addEventListener("change", soon);
network.addEventListener("sent", soon);
setRegions(3);

// A beginning that shows something.
const [tokyo, london, saoPaulo] = network.regions;
tokyo.store.set("cart").addAll(["tea", "rice"]);
tokyo.store.record("profile").setAll({ name: "Aki", city: "Tokyo" });
london.store.counter("visitors").increment(2);
saoPaulo.store.map("seats").set("2B", saoPaulo.name);

let last = performance.now();
function step(now) {
  // A page that was asleep does not catch up at once.
  const elapsed = Math.min(now - last, 1_000);
  last = now;
  network.move(now, Math.max(elapsed, 0));
  drawMessages();
  if (isSoon) show();
}
function frame(now) {
  step(now);
  requestAnimationFrame(frame);
}
requestAnimationFrame(frame);
// Hidden pages get no frames, but go on.
setInterval(() => document.hidden && step(performance.now()), 250);
Object.assign(globalThis, { network });

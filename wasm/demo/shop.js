// What people write in the demo: a cart, a counter, a profile and seats, all in one store.
import { fill, h, many, say } from "./dom.js";

const PRODUCTS = ["milk", "tea", "bread", "rice", "coffee", "mango"];
const SEATS = ["1A", "1B", "1C", "2A", "2B", "2C"];
const FIELDS = ["name", "city"];

let numbers = 0;

/**
 * The controls of one place. `author` gives a name and a colour for the id of a writer, `owner` the same for the holder of
 * a seat; `me` says under which name seats are booked.
 */
export function shop(store, { me, author, owner }) {
  const id = `shop${(numbers += 1)}`;
  const cart = store.set("cart");
  const visitors = store.counter("visitors");
  const profile = store.record("profile");
  const seats = store.map("seats");

  const products = PRODUCTS.map((product) =>
    h("button", { class: "chip", type: "button", "data-product": product, onclick: () => toggle(product) }, product),
  );
  const toggle = (product) => (cart.has(product) ? cart.delete(product) : cart.add(product));
  const inCart = h("span", { class: "note" });

  const count = h("output", { class: "count", "aria-live": "polite", "data-role": "visitors" });
  const step = (sign, label, act) => h("button", { class: "step", type: "button", "aria-label": label, onclick: act }, sign);

  const inputs = FIELDS.map((field) => {
    const input = h("input", { id: `${id}-${field}`, type: "text", autocomplete: "off", maxlength: 40, "data-field": field });
    input.addEventListener("change", () => {
      const value = input.value.trim();
      if (value === (profile.get(field) ?? "")) return;
      if (value === "") profile.delete(field);
      else profile.set(field, value);
    });
    return input;
  });
  const remove = h("button", { class: "quiet", type: "button", onclick: () => profile.clear() }, "Delete profile");

  const book = (seat) => {
    const holder = seats.get(seat);
    if (holder === undefined) seats.set(seat, me());
    else if (holder === me()) seats.delete(seat);
  };
  const places = SEATS.map((seat) => h("button", { class: "seat", type: "button", "data-seat": seat, onclick: () => book(seat) }, seat));

  const conflicts = h("div", { class: "conflicts", "aria-live": "polite" });

  const element = h("div", { class: "shop" },
    group(`${id}-cart`, "Cart", inCart, h("div", { class: "chips" }, products)),
    group(`${id}-visitors`, "Visitors", undefined, h("div", { class: "counter" },
      step("−", "One visitor less", () => visitors.decrement()), count, step("+", "One visitor more", () => visitors.increment()))),
    group(`${id}-profile`, "Profile", remove, h("div", { class: "fields" },
      inputs.map((input, at) => [h("label", { for: input.id }, FIELDS[at]), input]).flat())),
    group(`${id}-seats`, "Seats", undefined, h("div", { class: "seats" }, places)),
    conflicts,
  );

  function update() {
    const inside = new Set(cart.snapshot());
    products.forEach((button, at) => button.setAttribute("aria-pressed", inside.has(PRODUCTS[at])));
    say(inCart, inside.size === 0 ? "empty" : many(inside.size, "item"));
    say(count, visitors.snapshot());

    const fields = profile.snapshot();
    inputs.forEach((input, at) => {
      const value = fields[FIELDS[at]] ?? "";
      // Nobody's typing is overwritten.
      if (document.activeElement !== input && input.value !== value) input.value = value;
    });
    remove.disabled = Object.keys(fields).length === 0;

    const found = store.conflicts();
    const disputed = new Set(found.map(({ name, key }) => `${name} ${key}`));
    const held = seats.snapshot();
    places.forEach((button, at) => {
      const seat = SEATS[at];
      const holder = held[seat];
      const by = holder === undefined ? undefined : owner(holder);
      button.style.setProperty("--by", by?.colour ?? "transparent");
      button.classList.toggle("taken", holder !== undefined);
      button.classList.toggle("disputed", disputed.has(`seats ${seat}`));
      button.setAttribute("aria-pressed", holder === me());
      button.setAttribute("aria-label", `Seat ${seat}, ${holder === undefined ? "free" : `held by ${holder}`}`);
      button.title = holder === undefined ? "free: click to book" : holder === me() ? "yours: click to free" : `held by ${holder}`;
    });
    inputs.forEach((input, at) => input.classList.toggle("disputed", disputed.has(`profile ${FIELDS[at]}`)));

    fill(conflicts, found, () => found.map((conflict) => card(store, conflict, author)));
  }
  return { element, update };
}

function group(id, title, note, ...content) {
  return h("section", { class: "group", "aria-labelledby": id }, h("div", { class: "head" }, h("h3", { id }, title), note), content);
}

const CAUSES = {
  "write-write": "written twice at the same time",
  "insert-insert": "created twice at the same time",
  "update-delete": "changed here, deleted there",
};

/** A conflict with its versions, and a button for each to settle it. */
function card(store, conflict, author) {
  const { name, key, cause, versions } = conflict;
  const label = key === undefined || key === null ? name : `${name}: ${key}`;
  const choices = versions.map((version) => {
    const by = author(version.dot.split(/[.:]/)[0]);
    const text = version.deleted ? "deleted" : version.value === undefined || key === null ? "kept" : String(version.value);
    return h("li", {},
      h("button", { type: "button", class: "settle", style: `--by: ${by.colour}`, onclick: () => settle(store, conflict, version) },
        h("span", { class: "value" }, text), h("span", { class: "by" }, by.name)));
  });
  return h("div", { class: "conflict", role: "group", "aria-label": `Conflict in ${label}`, "data-conflict": label },
    h("p", {}, h("strong", {}, label), ` ${CAUSES[cause]}. Keep:`), h("ul", {}, choices));
}

/** Writing what was chosen supersedes all versions that are seen here. */
function settle(store, { name, kind, key }, version) {
  const value = kind === "record" ? store.record(name) : store.map(name);
  if (key === null) {
    if (version.deleted) value.clear();
    else value.setAll(value.toObject());
  } else if (version.deleted) value.delete(key);
  else value.set(key, version.value);
}

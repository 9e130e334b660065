/** Makes an element. Properties that begin with `on` are listeners; others are attributes. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    // Not as an attribute: the page's security policy allows no inline styles.
    else if (name === "style") element.style.cssText = value;
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== false));
  return element;
}

/** Sets the text, if it is another one: selections and screen readers stay where they are. */
export function say(element, text) {
  if (element.textContent !== String(text)) element.textContent = text;
}

/** Replaces the children only if what they show, as `key` says, is something else. */
export function fill(element, key, make) {
  const text = JSON.stringify(key);
  if (element.dataset.key === text) return;
  element.dataset.key = text;
  element.replaceChildren(...make());
}

export function bytes(count) {
  return count < 1_000 ? `${count} B` : `${(count / 1_000).toFixed(count < 100_000 ? 1 : 0)} kB`;
}

export function many(count, one, more = `${one}s`) {
  return `${count} ${count === 1 ? one : more}`;
}

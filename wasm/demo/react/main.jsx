// The hooks in use: each component shows one value, and is drawn again when that value changes.
import { Store, ready } from "dotted-crdt";
import { StoreProvider, useStore, useValue } from "dotted-crdt/react";
import { createRoot } from "react-dom/client";

function Cart() {
  const cart = useStore().set("cart");
  const items = useValue(cart);
  return (
    <section>
      <button onClick={() => cart.add(`item ${items.length + 1}`)}>Add</button>
      <ul>{items.map((item) => <li key={item}>{item} <button onClick={() => cart.delete(item)}>Remove {item}</button></li>)}</ul>
    </section>
  );
}

let drawn = 0;
function Likes() {
  const likes = useStore().counter("likes");
  drawn += 1;
  return <button data-drawn={drawn} onClick={() => likes.increment()}>{String(useValue(likes))} likes</button>;
}

await ready;
const store = new Store();
createRoot(document.body.appendChild(document.createElement("main"))).render(
  <StoreProvider store={store}><Cart /><Likes /></StoreProvider>,
);
globalThis.store = store;

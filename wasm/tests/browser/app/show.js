/** A list of what is in the set, and a button that adds to it. */
export function show(set) {
  const list = document.createElement("ul");
  const button = document.createElement("button");
  button.textContent = "Add";
  button.onclick = () => set.add(`item ${set.size + 1}`);
  set.subscribe(() => {
    list.replaceChildren(
      ...[...set].map((item) => {
        const line = document.createElement("li");
        line.textContent = item;
        return line;
      }),
    );
  });
  document.body.append(button, list);
}

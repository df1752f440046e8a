// The scopes of a new token, put together one by one.

const byId = (id) => document.getElementById(id);

function add(list, scope) {
  if (list.querySelector(`[data-scope="${CSS.escape(scope)}"]`)) return;
  const [item, name, button] = ["li", "code", "button"].map((tag) => document.createElement(tag));
  item.dataset.scope = scope;
  name.textContent = scope;
  button.type = "button";
  button.className = "quiet";
  button.textContent = "Remove";
  button.setAttribute("aria-label", `Remove ${scope}`);
  item.append(name, " ", button);
  list.append(item);
}

export function begin() {
  const list = byId("token-scopes");
  if (!list) return;
  byId("add-scope").addEventListener("click", () => add(list, `${byId("scope-kind").value}:${byId("scope-verb").value}`));
  list.addEventListener("click", (event) => event.target.closest("button")?.closest("li").remove());
}

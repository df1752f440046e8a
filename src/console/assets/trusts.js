// Trusted workloads: which rule takes a token, and why the others don't.

import { pathOf } from "./addresses.js";
import { call } from "./api.js";
import { onSubmit } from "./forms.js";

export function begin() {
  const form = document.getElementById("try-token");
  if (!form) return;
  onSubmit(form, async () => {
    const told = await call("POST", pathOf(form), { json: { token: form.elements.token.value.trim() } });
    const lines = told.results.map(({ name, matches, reasons }) =>
      matches ? `${name} takes it.` : `${name} doesn't take it: ${reasons.join("; ")}.`,
    );
    if (told.used) lines.unshift("It was exchanged before, and each token is once.");
    if (told.trust_id === null) lines.unshift("No rule takes it.");
    const items = lines.map((line) => Object.assign(document.createElement("li"), { textContent: line }));
    document.getElementById("tested").replaceChildren(...items);
  });
}

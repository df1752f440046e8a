// Asks the server whether a connector reaches what it is for, and shows what that is.

import { given } from "./addresses.js";
import { call } from "./api.js";
import { onSubmit } from "./forms.js";

function cell(text, isError) {
  const cell = document.createElement("td");
  cell.setAttribute("role", "cell");
  cell.className = "whole";
  cell.textContent = text;
  if (isError) cell.classList.add("failed");
  return cell;
}

function row({ resource_type: type, resource_ids: ids, error }) {
  const row = document.createElement("tr");
  const head = document.createElement("th");
  row.setAttribute("role", "row");
  head.setAttribute("role", "rowheader");
  head.scope = "row";
  head.textContent = type;
  row.append(head, cell(error ?? (ids ?? []).join(", "), Boolean(error)));
  return row;
}

async function verify(form) {
  const answer = await call("PUT", given(form.dataset.verifies));
  const verdict = document.getElementById("verdict");
  verdict.textContent = answer.error ? "It does not work." : "It works.";
  verdict.className = answer.error ? "note bad" : "done";
  verdict.hidden = false;
  document.getElementById("reached").replaceChildren(...answer.resources.map(row));
}

export function begin() {
  const form = document.getElementById("verify-connector");
  if (form) onSubmit(form, () => verify(form));
}

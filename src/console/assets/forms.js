// Forms that change something: each says with which method and path of the API, and what comes after.

import { api, given } from "./addresses.js";
import { call, sayNext } from "./api.js";
import { showSecret } from "./secrets.js";

/** Runs what a form does, says what went wrong, and lets nobody submit it twice. */
export function onSubmit(form, act) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const buttons = form.querySelectorAll("button[type=submit]");
    forget(form);
    for (const button of buttons) button.disabled = true;
    try {
      await act(event.submitter);
    } catch (error) {
      say(form, error);
    } finally {
      for (const button of buttons) button.disabled = false;
    }
  });
}

/** Takes back what was said. */
function forget(form) {
  const problem = form.querySelector(".problem");
  problem.hidden = true;
  const wrong = form.querySelector("[aria-invalid]");
  if (!wrong) return;
  wrong.removeAttribute("aria-invalid");
  wrong.removeAttribute("aria-errormessage");
  form.querySelector(".actions")?.before(problem);
}

/** Says what went wrong: beside the field that it is about, if it is about one. */
function say(form, error) {
  const problem = form.querySelector(".problem");
  const field = fieldOf(form, error);
  if (field) {
    problem.id ||= `problem-${field.id}`;
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-errormessage", problem.id);
    field.after(problem);
  }
  problem.textContent = error.message;
  problem.hidden = false;
  field?.focus();
}

/** The API says the name of a field first. */
function fieldOf(form, { message, status }) {
  const taken = status === 409 && /already exists/.test(message);
  const name = taken ? "name" : /^(?:form: )?([a-z_]+)(?=:| and )/i.exec(message)?.[1].toLowerCase();
  return [...form.elements].find((field) => field.name && field.type !== "hidden" && field.name.split(".").at(-1) === name);
}

/** Whether somebody has changed a field. */
function isChanged(field) {
  if (field.type === "checkbox") return field.checked !== field.defaultChecked;
  if (field.options) return [...field.options].some((option) => option.selected !== option.defaultSelected);
  return field.value !== field.defaultValue;
}

/** The fields of a form as the API takes them. */
function fieldsOf(form) {
  const fields = {};
  for (const field of form.elements) {
    if (!field.name || field.tagName === "BUTTON") continue;
    if ("onlyChanges" in form.dataset && !isChanged(field)) continue;
    if (field.value === "" && "omitEmpty" in field.dataset) continue;
    put(fields, field.name.split("."), valueOf(field));
  }
  return fields;
}

/** Names with a point between are of an object within. */
function put(fields, [name, ...rest], value) {
  if (rest.length === 0) fields[name] = value;
  else put((fields[name] ??= {}), rest, value);
}

/** CLAIM=TEXT line by line, as an object of lists. */
function conditionsIn(text) {
  const conditions = {};
  for (const line of text.split("\n").map((line) => line.trim()).filter(Boolean)) {
    const end = line.indexOf("=");
    const claim = end < 0 ? line : line.slice(0, end).trim();
    (conditions[claim] ??= []).push(end < 0 ? "" : line.slice(end + 1).trim());
  }
  return conditions;
}

function valueOf(field) {
  if (field.type === "checkbox") return field.checked;
  if (field.value === "" && "nullEmpty" in field.dataset) return null;
  if (field.multiple) return [...field.selectedOptions].map((option) => option.value);
  if (field.type === "number") return Number(field.value);
  if ("list" in field.dataset) return field.value.split(/[\s,]+/).filter((part) => part !== "");
  if ("json" in field.dataset) return parsed(field.value);
  if ("lines" in field.dataset) return conditionsIn(field.value);
  return field.value;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("What was put in is no JSON.");
  }
}

async function change(form) {
  const { method, path, body, then, thenMade, shows, done } = form.dataset;
  const fields = body ? JSON.parse(body) : fieldsOf(form);
  // Nobody has changed anything.
  if ("onlyChanges" in form.dataset && Object.keys(fields).length === 0) return form.closest("dialog").close();
  const hasBody = body || Object.keys(fields).length > 0;
  const answer = await call(method, given(path), hasBody ? { json: fields } : {});
  if (shows && showSecret(shows, answer)) return;
  if (done) sayNext(done);
  if (!then) location.reload();
  // What was made has a page of its own below.
  else location.assign(thenMade === undefined ? given(then) : given(then).below(answer.id));
}

export function begin() {
  for (const form of document.querySelectorAll("form[data-method]")) onSubmit(form, () => change(form));
  const verify = document.getElementById("verify");
  if (verify) onSubmit(verify, (button) => decide(verify, button.name === "denied"));
}

/** A device is approved or denied. */
async function decide(form, denied) {
  const decision = { user_code: form.dataset.code, trusted_device: form.elements.trusted_device.checked, denied };
  await call("PUT", api`devices/${form.dataset.device}/verify`, { json: decision });
  const after = document.getElementById(denied ? "denied" : "approved");
  for (const before of form.parentElement.children) before.hidden = before !== after && !before.classList.contains("brand");
  after.querySelector("h1").focus();
}

// What is shown once: tokens, API keys and invitations.

import { Problem, api, example, page, server } from "./addresses.js";
import { call } from "./api.js";
import { showOnce } from "./dialogs.js";
import { onSubmit } from "./forms.js";

const byId = (id) => document.getElementById(id);

const kinds = {
  key: (answer) => ({
    text: answer.body.key,
    title: `API key “${answer.name}”`,
    advice: "Copy it now: it is shown this once. Keep it like a password.",
  }),
  webhook: (answer) => ({
    text: answer.secret,
    title: answer.name ? `The secret of “${answer.name}”` : "The new secret",
    advice: "Copy it now: it is shown this once. Whoever has it can sign deliveries.",
  }),
  invitation: (answer) => ({
    text: answer.body.activation_token && page`join`.with({ user: answer.id }).whole(answer.body.activation_token),
    title: `The link for “${answer.name}”`,
    advice: "Copy it now: it is shown this once. Whoever opens it sets the password of this account.",
  }),
};

/** Shows the secret in an answer; false when there is none in it. */
export function showSecret(kind, answer) {
  const { text, title, advice } = kinds[kind](answer);
  if (!text) return false;
  byId("secret-title").textContent = title;
  byId("secret-advice").textContent = advice;
  byId("secret-text").value = text;
  showOnce(byId("secret"));
  return true;
}

async function createToken(form) {
  const fields = form.elements;
  const seconds = secondsOf(fields);
  if (seconds > Number(form.dataset.longest)) {
    throw new Problem(`This server lets a token live for ${form.dataset.longestWords} at most. Choose a shorter lifetime.`);
  }
  const asked = new URLSearchParams({ name: fields.name.value, expires_in: seconds });
  if (fields.read_only.checked) asked.set("read_only", "true");
  for (const project of form.querySelectorAll("[name=project]:checked")) asked.append("project", project.value);
  for (const { dataset } of form.querySelectorAll("[data-scope]")) asked.append("scope", dataset.scope);
  const addresses = fields.addresses.value.trim();
  if (addresses) asked.set("addresses", addresses);
  showToken(await call("GET", api`api_token`.with(asked)));
}

function secondsOf(fields) {
  if (fields.lifetime.value !== "other") return Number(fields.lifetime.value);
  return Math.max(1, Math.round(Number(fields.number.value) * Number(fields.unit.value)));
}

function showToken(token) {
  const dialog = byId("token-made");
  const store = server(dialog.dataset.serverUrl);
  const url = example(store, "current-user");
  byId("token-text").value = token;
  byId("line-curl").value = `curl -H "Authorization: Bearer ${token}" ${url}`;
  byId("line-wget").value = `wget -qO- --header="Authorization: Bearer ${token}" ${url}`;
  byId("line-python").value = [
    "import requests",
    `headers = {"Authorization": "Bearer ${token}"}`,
    `answer = requests.get("${url}", headers=headers)`,
    "answer.raise_for_status()",
    "print(answer.json())",
  ].join("\n");
  byId("line-env").value = `export ZENML_STORE_URL=${store}\nexport ZENML_STORE_API_TOKEN=${token}`;
  countDown(endOf(token));
  showOnce(dialog);
}

/** When a token expires, as it says itself. */
function endOf(token) {
  const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
  return new Date(JSON.parse(atob(payload)).exp * 1000);
}

function countDown(end) {
  byId("token-end").dateTime = end.toISOString();
  byId("token-end").textContent = end.toLocaleString(undefined, { dateStyle: "full", timeStyle: "long" });
  const tick = () => {
    byId("token-left").textContent = distance(Math.max(0, Math.round((end - Date.now()) / 1000)));
  };
  tick();
  setInterval(tick, 1000);
}

function distance(seconds) {
  const parts = [Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60];
  const days = Math.floor(seconds / 86400);
  const clock = parts.map((part) => String(part).padStart(2, "0")).join(":");
  return days > 0 ? `${days} d ${clock}` : clock;
}

async function copy(button) {
  const field = byId(button.dataset.copies);
  field.select();
  field.scrollTo(0, 0);
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    // A page that doesn't come over https has no clipboard; the selection can be copied.
    document.execCommand("copy");
  }
  const word = button.querySelector("span");
  word.textContent = "Copied";
  setTimeout(() => (word.textContent = "Copy"), 2000);
}

export function begin() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copies]");
    if (button) copy(button);
  });
  const form = byId("create-token");
  if (!form) return;
  onSubmit(form, () => createToken(form));
  form.addEventListener("change", () => (byId("other-lifetime").hidden = form.elements.lifetime.value !== "other"));
}

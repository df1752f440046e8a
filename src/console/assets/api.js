// How every page calls the REST API: as the console's session, with its CSRF token.

import { Address, Problem, api } from "./addresses.js";

const csrfToken = document.querySelector('meta[name="csrf-token"]')?.content ?? "";

/** Whether the page belongs to a session. */
export const hasSession = csrfToken !== "";

/** Calls an address of the API with a JSON body or a form, and returns what it answers. */
export async function call(method, address, { json, form } = {}) {
  if (!(address instanceof Address)) throw new TypeError("no address");
  const headers = { "X-Zendo-Session": "console" };
  if (csrfToken) headers["X-CSRF-Token"] = csrfToken;
  if (json !== undefined) headers["Content-Type"] = "application/json";
  const body = form ? new URLSearchParams(form) : json === undefined ? undefined : JSON.stringify(json);
  let response;
  try {
    response = await fetch(address, { method, headers, body });
  } catch {
    throw new Problem("The server can't be reached. Check the connection, then try again.", 0);
  }
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw new Problem(reason(address, response.status, answer), response.status);
  return answer;
}

function reason(address, status, answer) {
  const isSignIn = [api`login`, api`oidc/sign_in`].map(String).includes(String(address));
  if (status === 401 && hasSession && !isSignIn) return "Your session has ended. Reload the page, and sign in again.";
  const said = answer?.detail ?? answer?.error_description ?? answer?.error ?? answer;
  let text = Array.isArray(said) ? said[1] ?? said[0] : said;
  if (text && typeof text === "object") text = text.msg;
  text = typeof text === "string" ? faultIn(text).replace(/^"|"$/g, "").replace(/^Authentication error: /, "") : "";
  text = text.charAt(0).toUpperCase() + text.slice(1);
  if (status >= 500) return `The server could not do it. Try again in a moment. ${text}`;
  return text || `The server refused it (${status}).`;
}

/** The first fault of a body that is none, as every other refusal says it: the field, and what is wrong with it. */
function faultIn(text) {
  const fault = /'loc': \(([^)]*)\), 'msg': ['"](.*?)['"], 'input'/s.exec(text);
  const field = fault?.[1].match(/'[^']+'/g)?.at(-1).slice(1, -1);
  return field && field !== "body" ? `${field}: ${fault[2].replace(/ at line \d+ column \d+$/, "")}` : text;
}

/** Says a sentence on the page that comes next. */
export function sayNext(text) {
  sessionStorage.setItem("said", text);
}

/** What the page before wanted to be said. */
export function takeSaid() {
  const said = sessionStorage.getItem("said");
  sessionStorage.removeItem("said");
  return said;
}

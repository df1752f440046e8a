// How every page calls the REST API: as the console's session, with its CSRF token.

const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content ?? "";

/** Where all paths of the server start. */
export const root = meta("zendo-root");
const csrfToken = meta("csrf-token");

/** Whether the page belongs to a session. */
export const hasSession = csrfToken !== "";

/** What went wrong, in words for whoever looks at the page. */
export class Problem extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** Calls `path` of the API with a JSON body or a form, and returns what it answers. */
export async function call(method, path, { json, form } = {}) {
  const headers = { "X-Zendo-Session": "console" };
  if (csrfToken) headers["X-CSRF-Token"] = csrfToken;
  if (json !== undefined) headers["Content-Type"] = "application/json";
  const body = form ? new URLSearchParams(form) : json === undefined ? undefined : JSON.stringify(json);
  let response;
  try {
    response = await fetch(`${root}/api/v1/${path}`, { method, headers, body });
  } catch {
    throw new Problem("The server can't be reached. Check the connection, then try again.", 0);
  }
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw new Problem(reason(path, response.status, answer), response.status);
  return answer;
}

function reason(path, status, answer) {
  if (status === 401 && hasSession && path !== "login") return "Your session has ended. Reload the page, and sign in again.";
  const said = answer?.detail ?? answer?.error_description ?? answer?.error ?? answer;
  let text = Array.isArray(said) ? said[1] ?? said[0] : said;
  if (text && typeof text === "object") text = text.msg;
  text = typeof text === "string" ? text.replace(/^"|"$/g, "").replace(/^Authentication error: /, "") : "";
  text = text.charAt(0).toUpperCase() + text.slice(1);
  if (status >= 500) return `The server could not do it. Try again in a moment. ${text}`;
  return text || `The server refused it (${status}).`;
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

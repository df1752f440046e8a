// The server asked without a browser: with a token, as a machine that signs in, or as a person's script.

import { app, check } from "./lib.mjs";

async function ask(path, options) {
  const answer = await fetch(`${app.url}/api/v1/${path}`, options);
  return { status: answer.status, body: await answer.json() };
}

/** Calls the API, and returns the status and what is answered. */
export function api(token, method, path, body) {
  const headers = { ...(token && { authorization: `Bearer ${token}` }), ...(body && { "content-type": "application/json" }) };
  return ask(path, { method, headers, body: body && JSON.stringify(body) });
}

/** What the API answers to a good request. */
export async function get(token, path) {
  const { status, body } = await api(token, "GET", path);
  check(status === 200, `${status} at ${path}: ${JSON.stringify(body)}`);
  return body;
}

const post = (path, form, headers = {}) => ask(path, { method: "POST", headers, body: new URLSearchParams(form) });

/** The login token of a user. */
export async function loginToken(username = app.admin, password = app.password) {
  const { status, body } = await post("login", { username, password });
  check(status === 200, `no login for ${username}: ${status}`);
  return body.access_token;
}

/** A machine that asks to be signed in, and asks again whether it is. */
export function machine(host, client_id, os = "linux") {
  const headers = { "user-agent": `Host/${host} ZenML/0.98.0 Python/3.11.2 OS/${os}` };
  const grant_type = "urn:ietf:params:oauth:grant-type:device_code";
  return {
    ask: async () => (await post("device_authorization", { client_id }, headers)).body,
    poll: ({ device_code }) => post("login", { grant_type, client_id, device_code }, headers),
  };
}

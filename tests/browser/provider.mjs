// How people sign in at the provider of oidc_provider.mjs, whose address is in PROVIDER.

import { env } from "node:process";
import { check } from "./lib.mjs";

const provider = env.PROVIDER;

/** The provider is elsewhere, and a picture for its tab is not there. */
export const allow = [
  new RegExp(`^request to ${provider}`),
  new RegExp(`^404 GET ${provider}/favicon.ico`),
  /^404 GET \/favicon.ico/,
  // The picture of its sign-out has fonts of others.
  /^request to https:\/\/fonts\.googleapis\.com/,
];

/** Signs in at the provider's page, which the button has led to. */
export async function atProvider(page, name) {
  await page.waitForURL(`${provider}/**`);
  await page.getByLabel("Name").fill(name);
  await page.getByRole("button", { name: "Continue" }).click();
}

/** Signs in from the server's page with the button. */
export async function signIn(page, name) {
  await page.getByRole("button", { name: "Sign in with Example" }).click();
  await atProvider(page, name);
}

/** Signs out at the provider, by its own page for it. */
export async function signOutAtProvider(page) {
  await page.goto(`${provider}/session/end`);
  await page.getByRole("button", { name: "Yes" }).click();
  await page.getByText("Sign-out Success").first().waitFor();
}

/** What the provider answers to a command of a test. */
export async function tell(command, body = {}) {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${provider}/test/${command}`, { method: "POST", headers, body: JSON.stringify(body) });
  check(answer.status === 200, `the provider answered ${answer.status} to ${command}`);
  return answer.json();
}

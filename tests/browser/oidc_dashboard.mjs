// ZenML's own dashboard, unmodified, with people who sign in at the company's provider: one sign-in is for the console, too,
// and so is its end, whoever says it. OTHER is another replica.

import { env } from "node:process";
import { app, check, end, shot, step } from "./lib.mjs";
import { api, get } from "./api.mjs";
import { at } from "./console.mjs";
import { introduceYourself, visitor } from "./dashboard-pages.mjs";
import { allow, signIn, signOutAtProvider, tell } from "./provider.mjs";

const button = (page) => page.getByRole("button", { name: "Sign in with Example" });
const ended = /^401 GET /;

async function someone() {
  const made = await visitor();
  allow.forEach(made.expect);
  return made;
}

/** The status of a page's own question to the API, with its cookies. */
const status = async ({ context }) => (await context.request.get(`${app.url}/api/v1/current-user`)).status();

const ada = await someone();

await step("who opens the dashboard signs in at the provider, and comes back to it", async () => {
  await tell("tells", { client_id: "zendo", address: `${app.url}/api/v1/oidc/backchannel_logout` });
  await ada.page.goto(`${app.url}/projects`);
  await button(ada.page).waitFor();
  await signIn(ada.page, "ada");
  await ada.page.waitForURL((url) => url.href.startsWith(app.url) && !url.pathname.startsWith("/console/"));
  // The dashboard asks whoever is new, and shows no menu before.
  const question = ada.page.getByRole("button", { name: "Continue" });
  await question.or(ada.page.getByRole("button", { name: "Open user menu" })).first().waitFor();
  if (await question.count()) await introduceYourself(ada.page);
  await ada.page.goto(`${app.url}/projects`);
  await ada.page.getByText("default").first().waitFor();
  await shot(ada.page, "dashboard");
});

await step("the console is open to them, too", async () => {
  await ada.page.goto(at("settings/profile"));
  await ada.page.getByText("ada@example.com (ada)").waitFor();
});

const token = await step("they make a token in the dashboard, which is theirs", async () => {
  const { page } = ada;
  await page.goto(`${app.url}/settings/api-tokens`);
  await page.getByRole("button", { name: "Create new token" }).first().click();
  const token = await page.getByRole("dialog").getByText(/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/).innerText();
  check((await get(token, "current-user")).name === "ada", "the token is somebody else's");
  return token;
});

await step("a sign-out in the console is one of the dashboard", async () => {
  const { page } = ada;
  ada.expect(ended);
  await page.goto(at("settings/profile"));
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(/\/console\/sign-in$/);
  check((await status(ada)) === 401, "the dashboard's session goes on");
  check((await api(token, "GET", "current-user")).status === 200, "a sign-out here ends the sign-in alone");
  await page.goto(`${app.url}/projects`);
  await button(page).waitFor();
});

await step("whom the provider knows is signed in again without a word", async () => {
  await button(ada.page).click();
  await ada.page.waitForURL(`${app.url}/projects`);
  await ada.page.getByText("default").first().waitFor();
  check((await status(ada)) === 200, "nobody is signed in");
});

await step("a sign-out in the dashboard is one of the console", async () => {
  const { page } = ada;
  await page.getByRole("button", { name: "Open user menu" }).click();
  const told = page.waitForResponse((answer) => answer.url().endsWith("/api/v1/logout"));
  await page.getByRole("menuitem", { name: "Logout" }).click();
  check((await told).status() === 200, "the sign-out failed");
  await page.waitForURL("**/login**");
  check((await status(ada)) === 401, "the dashboard's session goes on");
  await page.goto(at("settings/profile"));
  await page.waitForURL(/\/console\/sign-in/);
  await shot(page, "signed-out");
});

await step("who signs out at the provider is signed out of both, and of what they made there, on each replica", async () => {
  const { page } = ada;
  await page.goto(`${app.url}/projects`);
  await button(page).click();
  await page.waitForURL(`${app.url}/projects`);
  await page.getByText("default").first().waitFor();
  const made = await ada.context.request.get(`${app.url}/api/v1/api_token?expires_in=600`);
  const authorization = `Bearer ${await made.json()}`;
  const elsewhere = async () =>
    (await fetch(`${env.OTHER}/api/v1/current-user`, { headers: { authorization } })).status;
  check((await elsewhere()) === 200, "the token isn't good on the other replica");
  const there = await ada.context.newPage();
  await signOutAtProvider(there);
  const start = Date.now();
  while ((await elsewhere()) !== 401) check(Date.now() - start < 1000, "the token is good after a second");
  console.log(`ended on the other replica after ${Date.now() - start} ms`);
  check((await status(ada)) === 401, "the dashboard's session goes on");
  // So has what an earlier sign-in of the same session there has made, which went on after the sign-out here.
  check((await api(token, "GET", "current-user")).status === 401, "the first token goes on");
  await page.goto(`${app.url}/projects`);
  await button(page).waitFor();
  await page.goto(at("settings/profile"));
  await page.waitForURL(/\/console\/sign-in/);
});

await step("the provider's new keys are found", async () => {
  await tell("rotate");
  const bob = await someone();
  await bob.page.goto(`${app.url}/projects`);
  await signIn(bob.page, "bob");
  await bob.page.waitForURL(`${app.url}/**`);
  await bob.page.waitForURL((url) => !url.pathname.startsWith("/console/"));
  check((await status(bob)) === 200, "bob is not signed in");
  // In no group that makes admins.
  const user = await (await bob.context.request.get(`${app.url}/api/v1/current-user`)).json();
  check(user.name === "bob" && user.body.is_admin === false, JSON.stringify(user));
});

await end();

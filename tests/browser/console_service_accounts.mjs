// Service accounts and their API keys.

import { app, axe, check, end, shot, step } from "./lib.mjs";
import { api, loginToken } from "./api.mjs";
import { at, confirm, row, signedIn } from "./console.mjs";

const { page } = await signedIn();
const works = async (key) => (await api(key, "GET", "current-user")).status === 200;

/** The key that is shown now; closes it. */
async function takeKey() {
  const field = page.getByLabel("The text to copy");
  await field.waitFor();
  const key = await field.inputValue();
  await Promise.all([page.waitForEvent("load"), page.getByRole("button", { name: "I have kept it" }).click()]);
  check(!(await page.content()).includes(key), "the key is shown once");
  return key;
}

await step("an empty list says what service accounts are for", async () => {
  await page.goto(at("settings/service-accounts"));
  await page.getByText("No service accounts.").waitFor();
  await shot(page, "empty");
});

await step("one is created, and leads to its keys", async () => {
  await page.getByRole("button", { name: "Create service account" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("nightly");
  await page.getByRole("dialog").getByLabel("Description").fill("Trains every night");
  await axe(page);
  await page.getByRole("dialog").getByRole("button", { name: "Create" }).click();
  await page.getByRole("heading", { name: "nightly" }).waitFor();
  await page.getByText("No API keys.").waitFor();
});

const first = await step("a key is created, shown once, and works", async () => {
  await page.getByRole("button", { name: "Create API key" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("ci");
  await page.getByRole("dialog").getByRole("button", { name: "Create" }).click();
  await page.getByText("shown this once").waitFor();
  await shot(page, "key");
  await axe(page);
  const key = await takeKey();
  check(await works(key), "the key doesn't work");
  return key;
});

const second = await step("it is rotated, and the old one stays good for a while", async () => {
  await page.getByRole("button", { name: "Rotate ci" }).click();
  await page.getByLabel("Minutes that the old one stays good").fill("5");
  await shot(page, "rotate");
  await page.getByRole("dialog").getByRole("button", { name: "Rotate" }).click();
  const key = await takeKey();
  check(key !== first && (await works(key)) && (await works(first)), "both are good");
  await page.getByText("kept for 5 min").waitFor();
  return key;
});

await step("rotated with no time left, the old one is refused at once", async () => {
  await page.getByRole("button", { name: "Rotate ci" }).click();
  await page.getByLabel("Minutes that the old one stays good").fill("0");
  await page.getByRole("dialog").getByRole("button", { name: "Rotate" }).click();
  const key = await takeKey();
  check((await works(key)) && !(await works(second)), "the new one is good alone");
  await confirm(page, page.getByRole("button", { name: "Deactivate ci" }), "Deactivate");
  check(!(await works(key)), "a deactivated key works");
  await row(page, "ci").getByText("Inactive").waitFor();
  await confirm(page, page.getByRole("button", { name: "Activate ci" }), "Activate");
  check(await works(key), "an activated key doesn't work");
  await shot(page, "account");
  await confirm(page, page.getByRole("button", { name: "Delete ci" }), "Delete");
  check(!(await works(key)), "a deleted key works");
  await page.getByText("No API keys.").waitFor();
});

await step("the account is deactivated and deleted", async () => {
  await confirm(page, page.getByRole("button", { name: "Deactivate", exact: true }), "Deactivate");
  await page.getByText("Inactive").waitFor();
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.waitForURL("**/settings/service-accounts");
  await page.getByText("No service accounts.").waitFor();
});

await step("who is no admin sees them, and changes nothing", async () => {
  const admin = await loginToken();
  await api(admin, "POST", "service_accounts", { name: "shown", active: true });
  await api(admin, "POST", "users", { name: "eve", is_admin: false, password: app.password });
  const eve = await signedIn({}, "eve");
  await eve.page.goto(at("settings/service-accounts"));
  await eve.page.getByRole("link", { name: "shown", exact: true }).click();
  await eve.page.getByText("No API keys.").waitFor();
  for (const name of ["Create API key", "Delete", "Deactivate"]) {
    check((await eve.page.getByRole("button", { name }).count()) === 0, `there is ${name}`);
  }
});

await end();

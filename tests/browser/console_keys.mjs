// API keys that end, in time and place: made so in the dialog, and the list says when they end and were last used.

import { axe, check, end, shot, step } from "./lib.mjs";
import { api, loginToken } from "./api.mjs";
import { at, row, signedIn } from "./console.mjs";

const { page, expect } = await signedIn();
const admin = await loginToken();
const dialog = page.getByRole("dialog");
const answer = async (key) => (await api(key, "GET", "current-user")).status;

/** Opens the dialog, fills it in, and returns the key that is shown. */
async function create(name, ends, addresses) {
  await page.getByRole("button", { name: "Create API key" }).click();
  await dialog.getByLabel("Name").fill(name);
  if (ends) await dialog.getByLabel("Ends").selectOption({ label: ends });
  if (addresses) await dialog.getByLabel("Addresses").fill(addresses);
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  const shown = page.getByLabel("The text to copy");
  await shown.waitFor();
  const key = await shown.inputValue();
  await Promise.all([page.waitForEvent("load"), page.getByRole("button", { name: "I have kept it" }).click()]);
  return key;
}

await step("a service account", async () => {
  const { body } = await api(admin, "POST", "service_accounts", { name: "nightly", active: true });
  await page.goto(at(`settings/service-accounts/${body.id}`));
  await page.getByText("No API keys.").waitFor();
});

const key = await step("a key is made with an end and addresses, by a dialog that everyone can use", async () => {
  await page.getByRole("button", { name: "Create API key" }).click();
  await dialog.getByText("Warnings come 14, 7 and 1 days before.").waitFor();
  await dialog.getByText("Empty: everywhere.").waitFor();
  await axe(page);
  await shot(page, "dialog");
  await page.keyboard.press("Escape");
  const key = await create("ending", "in 90 days", "127.0.0.1, 10.0.0.0/8");
  const cells = row(page, "ending");
  await cells.getByText("ends in 3 months").waitFor();
  await cells.getByText("from 10.0.0.0/8, 127.0.0.1/32").waitFor();
  await cells.getByText("never").first().waitFor();
  return key;
});

await step("it is used, and the list says when", async () => {
  check((await answer(key)) === 200, "the key doesn't work from here");
  const used = row(page, "ending").locator("[data-label='Last used'] time");
  // It is written a little later.
  for (let times = 0; !(await used.count()); times += 1) {
    check(times < 100, "it was never used");
    await page.reload();
  }
  await axe(page);
  await shot(page, "keys");
});

await step("one for addresses elsewhere is refused here, with the reason", async () => {
  const elsewhere = await create("elsewhere", "in a year", "192.0.2.0/24");
  const refused = await api(elsewhere, "GET", "current-user");
  check(refused.status === 403 && JSON.stringify(refused.body).includes("127.0.0.1"), JSON.stringify(refused));
  await row(page, "elsewhere").getByText("from 192.0.2.0/24").waitFor();
});

await step("one without an end says nothing of it, and works", async () => {
  const endless = await create("endless");
  check((await answer(endless)) === 200, "it doesn't work");
  const said = await row(page, "endless").locator("[data-label=State]").innerText();
  check(said.trim() === "Active", said);
});

await step("addresses that are none are refused in the dialog, and nothing is lost", async () => {
  expect(/^422 POST /);
  await page.getByRole("button", { name: "Create API key" }).click();
  await dialog.getByLabel("Name").fill("wrong");
  await dialog.getByLabel("Addresses").fill("here");
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  await dialog.getByRole("alert").filter({ hasText: "here" }).waitFor();
  check((await dialog.getByLabel("Addresses").inputValue()) === "here", "what was written is lost");
  await axe(page);
  await page.reload();
  await page.getByText("3 in all").waitFor();
});

await end();

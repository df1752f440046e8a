// Webhooks: made, rotated, what came of deliveries, and their end.

import { createHmac } from "node:crypto";

import { app, axe, check, end, shot, step } from "./lib.mjs";
import { api, loginToken } from "./api.mjs";
import { at, confirm, row, signedIn } from "./console.mjs";

const { page } = await signedIn();

/** The secret that is shown now; closes it. */
async function takeSecret() {
  const field = page.getByLabel("The text to copy");
  await field.waitFor();
  const secret = await field.inputValue();
  await Promise.all([page.waitForEvent("load"), page.getByRole("button", { name: "I have kept it" }).click()]);
  check(!(await page.content()).includes(secret), "the secret is shown once");
  return secret;
}

/** The status of a delivery that is signed with a secret. */
async function deliver(secret) {
  const path = await page.locator("th code").first().textContent();
  const body = "{}";
  const signature = createHmac("sha256", secret).update(body).digest("hex");
  const headers = { "X-ZenML-Event": "e", "X-ZenML-Signature-256": `sha256=${signature}` };
  return (await fetch(new URL(path, app.url), { method: "POST", headers, body })).status;
}

await step("an empty list says what webhooks are for", async () => {
  await page.goto(at("settings/webhooks"));
  await page.getByText("No webhooks.").waitFor();
  await axe(page);
});

const first = await step("one is created, and its secret is shown once", async () => {
  await page.getByRole("button", { name: "Create webhook" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("releases");
  await page.getByRole("dialog").getByLabel("Whose events").selectOption("custom");
  await axe(page);
  await page.getByRole("dialog").getByRole("button", { name: "Create" }).click();
  await page.getByText("shown this once").waitFor();
  return takeSecret();
});

await step("its deliveries are counted", async () => {
  check((await deliver(first)) === 202, "a signed delivery is accepted");
  check((await deliver("other")) === 401, "another one is not");
  await page.reload();
  await row(page, "releases").getByText("1 accepted").waitFor();
  await row(page, "releases").getByText("1 not signed").waitFor();
  await shot(page, "webhooks");
  await axe(page);
});

await step("the secret is rotated, and the old one is good for nothing", async () => {
  await page.getByRole("button", { name: "Rotate secret of releases" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Rotate" }).click();
  const second = await takeSecret();
  check((await deliver(first)) === 401 && (await deliver(second)) === 202, "the new one is good alone");
});

await step("it is deactivated, activated and deleted", async () => {
  await confirm(page, page.getByRole("button", { name: "Deactivate releases" }), "Deactivate");
  await row(page, "releases").getByText("Inactive").waitFor();
  await confirm(page, page.getByRole("button", { name: "Activate releases", exact: true }), "Activate");
  await confirm(page, page.getByRole("button", { name: "Delete releases" }), "Delete");
  await page.getByText("No webhooks.").waitFor();
});

await step("each project has its own", async () => {
  const admin = await loginToken();
  const other = (await api(admin, "POST", "projects", { name: "other" })).body;
  await api(admin, "POST", "webhooks", { name: "there", webhook_type: "slack", project: other.id });
  await page.reload();
  await page.getByText("No webhooks.").waitFor();
  await page.getByRole("link", { name: "other" }).click();
  await row(page, "there").waitFor();
});

await end();

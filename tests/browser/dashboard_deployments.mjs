// ZenML's own dashboard, unmodified, shows the deployments of this server. One, `served` of the pipeline `churn`, is there.

import { app, end, shot, step } from "./lib.mjs";
import { introduceYourself, signIn, visitor } from "./dashboard-pages.mjs";

const DEPLOYMENTS = "/projects/default/deployments";
const admin = await visitor();
const { page } = admin;

await step("a person signs in", async () => {
  await page.goto(`${app.url}/`);
  await signIn(page);
  await introduceYourself(page);
});

await step("they see what is deployed, and in which state", async () => {
  await page.goto(app.url + DEPLOYMENTS);
  for (const text of ["served", "Running", "churn"]) await page.getByText(text).first().waitFor();
  await page.waitForLoadState("networkidle");
  await shot(page, "list");
});

await step("they look at one", async () => {
  await page.getByRole("link", { name: /served/ }).first().click();
  await page.waitForURL(/deployments\/[0-9a-f-]{36}/);
  for (const text of ["served", "http://127.0.0.1:9/served", "churn", "default"]) {
    await page.getByText(text).first().waitFor();
  }
  await page.waitForLoadState("networkidle");
  await shot(page, "overview");
});

await end();

// Trusted workloads: rules by form, what is wrong with them, and a token that is tested.

import { app, axe, check, end, shot, step } from "./lib.mjs";
import { api, get, loginToken } from "./api.mjs";
import { at, confirm, row, signedIn } from "./console.mjs";

const { page } = await signedIn({ allow: [/^422 (POST|PUT) .*trusts/] });
const admin = await loginToken();
await api(admin, "POST", "service_accounts", { name: "ci", active: true });
const dialog = page.getByRole("dialog");
const create = () =>
  Promise.all([page.waitForEvent("load"), dialog.getByRole("button", { name: "Create" }).click()]);

await step("an empty list says what rules are for", async () => {
  await page.goto(at("settings/trusted-workloads"));
  await page.getByText("No trusted workloads.").waitFor();
  await shot(page, "empty");
});

await step("a repository is trusted, with a warning while no branch is named", async () => {
  await page.getByRole("button", { name: "Trust GitHub Actions" }).click();
  await dialog.getByLabel("Name").fill("wide");
  await dialog.getByLabel("Repository").fill("acme/app");
  await axe(page);
  await shot(page, "github");
  await create();
  await row(page, "wide").getByText("pull requests").waitFor();
  await page.getByRole("button", { name: "Trust GitHub Actions" }).click();
  await dialog.getByLabel("Name").fill("train");
  await dialog.getByLabel("Repository").fill("acme/app");
  await dialog.getByLabel("Branch").fill("main");
  await create();
  await row(page, "train").getByText("ref is refs/heads/main").waitFor();
  check((await row(page, "train").getByText("pull requests").count()) === 0, "no warning");
});

await step("what is wrong is said, and another issuer's conditions are lines", async () => {
  await page.getByRole("button", { name: "Another issuer" }).click();
  await dialog.getByLabel("Name").fill("own");
  await dialog.getByLabel("Issuer").fill("http://id.example.com");
  await dialog.getByLabel("Conditions").fill("sub=job-*\nteam=ml\nteam=web");
  await dialog.getByRole("button", { name: "Create" }).click();
  await dialog.getByRole("alert").filter({ hasText: "issuer" }).waitFor();
  await dialog.getByLabel("Issuer").fill("https://id.example.com");
  await create();
  await row(page, "own").getByText("team is ml or web").waitFor();
  await axe(page);
  await shot(page, "list");
});

await step("a rule is changed, and what isn't changed stays", async () => {
  await page.getByRole("button", { name: "Edit own" }).click();
  check((await dialog.getByLabel("Conditions").inputValue()) === "sub=job-*\nteam=ml\nteam=web", "what it says is there");
  await dialog.getByLabel("Addresses").fill("10.0.0.0/8, nowhere");
  await dialog.getByLabel("Seconds").fill("600");
  await dialog.getByRole("button", { name: "Save" }).click();
  // What is wrong is said beside its field.
  const field = dialog.getByLabel("Addresses");
  await dialog.getByRole("alert").filter({ hasText: "nowhere" }).waitFor();
  check((await field.getAttribute("aria-invalid")) === "true", "the field is marked");
  check(await field.evaluate((element) => element.nextElementSibling.matches(".problem") && element === document.activeElement), "beside it");
  await axe(page);
  await shot(page, "edit");
  // Meanwhile somebody else changes another part.
  await api(admin, "PUT", "trusts/own", { scope: "runs:read" });
  await field.fill("10.0.0.0/8");
  await Promise.all([page.waitForEvent("load"), dialog.getByRole("button", { name: "Save" }).click()]);
  const { addresses, scope, expires_in, conditions, active } = (await get(admin, "trusts/own")).body;
  const told = JSON.stringify([addresses, scope, expires_in, conditions, active]);
  check(told === '[["10.0.0.0/8"],"runs:read",600,{"sub":["job-*"],"team":["ml","web"]},true]', told);
  await page.getByRole("button", { name: "Edit own" }).click();
  await dialog.getByLabel("Active").uncheck();
  await dialog.getByLabel("Conditions").fill("team=ml");
  await dialog.getByLabel("Scope").fill("");
  await dialog.getByLabel("Projects").selectOption({ label: "default" });
  await Promise.all([page.waitForEvent("load"), dialog.getByRole("button", { name: "Save" }).click()]);
  await row(page, "own").getByText("Inactive").waitFor();
  const after = (await get(admin, "trusts/own")).body;
  check(after.scope === null && after.projects.length === 1 && after.addresses.length === 1, JSON.stringify(after));
  // A form that nobody has changed changes nothing.
  await page.getByRole("button", { name: "Edit own" }).click();
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.waitFor({ state: "hidden" });
});

await step("a token is tested", async () => {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const token = `${part({ alg: "RS256" })}.${part({ iss: "https://other.example" })}.AAAA`;
  await page.getByRole("button", { name: "Test a token" }).click();
  await dialog.getByLabel("Token").fill(token);
  await dialog.getByRole("button", { name: "Test", exact: true }).click();
  await dialog.getByText("No rule takes it.").waitFor();
  await dialog.getByText("own doesn't take it").waitFor();
  await dialog.getByRole("button", { name: "Close" }).click();
});

await step("a rule is deleted", async () => {
  await confirm(page, page.getByRole("button", { name: "Delete wide" }), "Delete");
  check((await row(page, "wide").count()) === 0, "it is gone");
});

await end();

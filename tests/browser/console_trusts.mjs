// Trusted workloads: rules by form, what is wrong with them, and a token that is tested.

import { generateKeyPairSync } from "node:crypto";
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

/** Opens a form, which everyone can use, and fills it in. */
async function fill(button, fields) {
  await page.getByRole("button", { name: button, exact: true }).click();
  for (const [label, text] of Object.entries(fields)) await dialog.getByLabel(label, { exact: true }).fill(text);
  await axe(page);
  await shot(page, button.toLowerCase());
}

/** What a rule is, without what the others have alike. */
async function ruled(name) {
  const { issuer, conditions, has_jwks, warnings, scope, addresses, audience } = (await get(admin, `trusts/${name}`)).body;
  check(audience.length > 0, `${name} is for nobody`);
  return JSON.stringify([issuer, conditions, has_jwks, warnings.length, scope, addresses]);
}

/** Fails unless a rule and its row say that. */
async function is(name, expected, said) {
  const rule = await ruled(name);
  check(rule === JSON.stringify(expected), `${name}: ${rule}`);
  for (const text of said) await row(page, name).getByText(text).waitFor();
}

await step("a project of GitLab is trusted, at an own server too, with a warning while no branch is named", async () => {
  await fill("GitLab", { Name: "merges", Project: "acme/app" });
  await create();
  await is("merges", ["https://gitlab.com", { project_path: ["acme/app"] }, false, 1, null, null], ["merge requests"]);
  await fill("GitLab", {
    Name: "git-server", "Address of your GitLab": "https://git.example.com", Project: "acme/team/app", Branch: "main", Environment: "prod",
    Scope: "runs:write", Addresses: "10.0.0.0/8",
  });
  await create();
  const conditions = { environment: ["prod"], project_path: ["acme/team/app"], ref: ["main"], ref_type: ["branch"] };
  const said = ["https://git.example.com", "project_path is acme/team/app", "environment is prod", "runs:write"];
  await is("git-server", ["https://git.example.com", conditions, false, 0, "runs:write", ["10.0.0.0/8"]], said);
});

await step("a cluster's pods are trusted, with its keys where it can't be reached", async () => {
  const pods = { Namespace: "ml", "Service account of the pods": "trainer" };
  await fill("Kubernetes", { Name: "pods", "Issuer of the cluster": "https://k8s.example.com", ...pods, "Keys of the cluster": "{" });
  await dialog.getByRole("button", { name: "Create" }).click();
  await dialog.getByRole("alert").filter({ hasText: "no JSON" }).waitFor();
  const keys = dialog.getByLabel("Keys of the cluster");
  await keys.fill(JSON.stringify({ keys: [{ kty: "oct", k: "AAAA" }] }));
  await dialog.getByRole("button", { name: "Create" }).click();
  await dialog.getByRole("alert").filter({ hasText: "private or secret" }).waitFor();
  check((await keys.getAttribute("aria-invalid")) === "true", "the field is marked");
  const { publicKey } = generateKeyPairSync("ed25519");
  await keys.fill(JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "1", alg: "EdDSA" }] }));
  // A star is no name, and beside a name that is wrong nothing is lost.
  await dialog.getByLabel("Namespace").fill("*");
  await dialog.getByRole("button", { name: "Create" }).click();
  await dialog.getByRole("alert").filter({ hasText: "without a *" }).waitFor();
  await axe(page);
  await dialog.getByLabel("Namespace").fill("ml");
  await create();
  const conditions = {
    "kubernetes.io/namespace": ["ml"], "kubernetes.io/serviceaccount/name": ["trainer"], sub: ["system:serviceaccount:ml:trainer"],
  };
  await is("pods", ["https://k8s.example.com", conditions, true, 0, null, null], ["kubernetes.io/namespace is ml", "https://k8s.example.com"]);
  await fill("Kubernetes", { Name: "reached", "Issuer of the cluster": "https://other.example.com", ...pods });
  await create();
  await is("reached", ["https://other.example.com", conditions, false, 0, null, null], []);
});

await step("a pipeline of Buildkite is trusted, with a warning while no branch is named", async () => {
  const pipeline = { organization_slug: ["acme"], pipeline_slug: ["app"] };
  await fill("Buildkite", { Name: "builds", Organization: "acme", Pipeline: "app" });
  await create();
  await is("builds", ["https://agent.buildkite.com", pipeline, false, 1, null, null], ["pull requests", "pipeline_slug is app"]);
  await fill("Buildkite", { Name: "main-line", Organization: "acme/x", Pipeline: "app", Branch: "main" });
  await dialog.getByRole("button", { name: "Create" }).click();
  await dialog.getByRole("alert").filter({ hasText: "slug" }).waitFor();
  await dialog.getByLabel("Organization").fill("acme");
  await create();
  const main = { build_branch: ["main"], ...pipeline };
  await is("main-line", ["https://agent.buildkite.com", main, false, 0, null, null], ["build_branch is main"]);
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

// ZenML's own dashboard, unmodified, does its work on this server. A run of two steps is there before.

import { randomUUID } from "node:crypto";
import { app, check, end, shot, step } from "./lib.mjs";
import { get, machine } from "./api.mjs";
import { approveDevice, introduceYourself, signIn, visitor } from "./dashboard-pages.mjs";

const PROJECT = "/projects/default";
const admin = await visitor();
const { page } = admin;

/** Opens the page and waits until it shows all of that and asks for nothing more. */
async function visit(path, ...texts) {
  await page.goto(app.url + path);
  for (const text of texts) await page.getByText(text).first().waitFor();
  await page.waitForLoadState("networkidle");
  await shot(page, path.slice(1).replaceAll(/[0-9a-f-]{36}/g, "ID").replaceAll("/", "-") || "home");
}

await step("a person signs in and introduces themselves", async () => {
  await page.goto(`${app.url}/`);
  await signIn(page);
  await introduceYourself(page);
  await page.waitForURL("**/onboarding");
  await page.getByRole("heading", { name: "Hi, Ada" }).waitFor();
});

const token = await step("they create an API token, and it works", async () => {
  await visit("/settings/api-tokens", "An API Token is temporary");
  await page.getByRole("button", { name: "Create new token" }).first().click();
  const token = await page.getByRole("dialog").getByText(/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/).innerText();
  check((await get(token, "current-user")).body.full_name === "Ada", "the token is somebody else's");
  const listed = await get(token, "api_tokens");
  check(listed.total >= 1, `it is not in the list: ${JSON.stringify(listed)}`);
  return token;
});

await step("they approve a device, which gets a token", async () => {
  const laptop = machine("laptop.example", randomUUID());
  const device = await laptop.ask();
  const before = await laptop.poll(device);
  check(before.status === 400, `${before.status} before it is approved`);
  await page.goto(app.url + device.verification_uri_complete);
  await approveDevice(page);
  const after = await laptop.poll(device);
  check((await get(after.body.access_token, "current-user")).name === app.admin, "the device is somebody else's");
});

await step("they look at a run, its graph and a step", async () => {
  await visit(`${PROJECT}/runs`, "two_steps");
  await page.getByRole("link", { name: /^#0001-two_steps/ }).click();
  const nodes = ["make", "number int", "double", "doubled int"];
  for (const name of nodes) await page.getByRole("button", { name: new RegExp(`^${name}`) }).first().waitFor();
  // A straight line, which has no width to be seen by.
  const edge = page.getByRole("img", { name: "Edge from step/make to make/outputs/step_output/number" });
  await edge.waitFor({ state: "attached" });
  for (const text of ["Run Insights", "Total Steps", "Execution Mode"]) await page.getByText(text).waitFor();
  await shot(page, "run");
  await page.getByRole("button", { name: /^make/ }).first().click();
  const details = page.getByRole("dialog");
  await details.getByRole("heading", { name: "make" }).waitFor();
  await details.getByText("completed").first().waitFor();
  await shot(page, "step");
});

await step("every other page shows what it is about", async () => {
  const first = async (path) => (await get(token, path)).items[0].id;
  const [run, pipeline] = [await first("runs?project=default"), await first("pipelines?project=default")];
  const [stack, component] = [await first("stacks"), await first("components")];
  await visit("/", "Welcome back, Ada");
  await visit("/projects", "1 pipelines", "1 runs");
  await visit("/stacks", "New Stack", stack.slice(0, 8));
  await visit(`/stacks/${stack}/edit`, "You are about to update this stack");
  await visit("/stacks/create", "Register a Stack", "Create New Infrastructure");
  await visit("/stacks/create/manual", "Add Components");
  await visit("/components", "New Component", component.slice(0, 8));
  await visit(`/components/${component}`, "Basic Parameters");
  await visit(`/components/${component}/edit`, "Update Component");
  await visit("/components/create", "Select your Component Type", "Experiment Tracker");
  await visit(`${PROJECT}/pipelines`, "two_steps");
  await visit(`${PROJECT}/pipelines/${pipeline}/runs`, "#0001-two_steps");
  await visit(`${PROJECT}/pipelines/${pipeline}/snapshots`, "Latest run author");
  await visit(`${PROJECT}/runs/${run}/create-snapshot`, "Select a name for your Snapshot");
  await visit(`${PROJECT}/snapshots`, "Create Snapshot");
  await visit(`${PROJECT}/snapshots/create`, "Select a name for your Snapshot");
  await visit(`${PROJECT}/artifacts`, "Artifact Control Plane Dashboard");
  await visit(`${PROJECT}/models`, "Model Control Plane Dashboard");
  await visit(`${PROJECT}/triggers`, "Automate recurring training");
  await visit(`${PROJECT}/settings/repositories`, "We are creating a new Repositories experience");
  await visit(`${PROJECT}/settings/profile`, "Change Password");
  await visit("/settings/general", "Server Name");
  await visit("/settings/members", "Add Member", "Admin");
  await visit("/settings/secrets", "New Secret");
  await visit("/settings/connectors", "New Connector");
  await visit("/settings/service-accounts", "Add service account");
  await visit("/settings/mcp", "Model Context Protocol settings");
  await visit("/settings/notifications", "Enable Announcements");
  await visit("/settings/profile", "Change Password");
  await visit("/no/such/page", "We can't find the page you are looking for");
});

await step("what the server doesn't have is said, and the rest of the page is there", async () => {
  // The logs of a run are in the folders of the machine that it ran on.
  admin.expect(/^403 GET \/api\/v1\/runs\/[^/]+\/logs/);
  const run = (await get(token, "runs?project=default")).items[0].id;
  await visit(`${PROJECT}/runs/${run}/logs`, "Steps", "make");
});

await end();

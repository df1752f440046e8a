// Service connectors: seen without their secrets, verified, and deleted when nothing uses them.

import { app, axe, check, end, shot, step } from "./lib.mjs";
import { api, get, loginToken } from "./api.mjs";
import { at, confirm, row, signedIn } from "./console.mjs";

const SECRET = "open-sesame-5341";
const token = await loginToken();
const made = async (path, body) => {
  const answer = await api(token, "POST", path, body);
  check(answer.status === 200, JSON.stringify(answer));
  return answer.body.id;
};
const connector = (name, more = {}) => ({
  name,
  connector_type: "docker",
  auth_method: "password",
  resource_types: ["docker-registry"],
  configuration: { username: "me", password: SECRET, registry: "r.example:5000" },
  ...more,
});

const { page, expect } = await signedIn();

await step("without one the page says what they are for", async () => {
  await page.goto(at("settings/connectors"));
  await page.getByText("No connectors.").waitFor();
  await axe(page);
});

const own = await step("they are listed with what they reach, and searched for", async () => {
  const own = await made("service_connectors", connector("own", { description: "Ours", labels: { team: "red" } }));
  await made("service_connectors", connector("other", { expires_at: "2031-01-01T00:00:00" }));
  await made("components", {
    name: "images", type: "container_registry", flavor: "default", configuration: { uri: "r.example:5000" }, connector: own,
  });
  await page.goto(at("settings/connectors"));
  await row(page, "other").getByText("docker-registry").waitFor();
  await axe(page);
  await shot(page, "connectors");
  await page.getByLabel("Search by name").fill("own");
  await page.keyboard.press("Enter");
  await row(page, "Ours").waitFor();
  check((await row(page, "other").count()) === 0, "the other one is there, too");
  return own;
});

await step("the page of one shows its configuration without secrets, and who uses it", async () => {
  await page.getByRole("link", { name: "own" }).click();
  await page.getByRole("heading", { name: "own" }).waitFor();
  for (const text of ["r.example:5000", "Label team", "red"]) await row(page, text).first().waitFor();
  await row(page, "images").getByText("container_registry").waitFor();
  await page.getByText("None yet.").waitFor();
  const content = await page.content();
  check(!content.includes(SECRET) && !content.includes("username"), "it shows secrets");
  await axe(page);
});

await step("it is verified now, and says what it reaches", async () => {
  await page.getByRole("button", { name: "Verify now" }).click();
  await page.getByText("It works.").waitFor();
  await page.locator("#reached").getByRole("row").filter({ hasText: "docker-registry" }).getByText("r.example:5000").waitFor();
  await axe(page);
  await shot(page, "connector");
});

await step("credentials that were handed out are told to admins", async () => {
  const path = `service_connectors/${own}/client?resource_type=docker-registry&resource_id=r.example:5000`;
  const answer = await get(token, path);
  check(answer.metadata.configuration.password === SECRET, "there are no credentials");
  await page.reload();
  await row(page, app.admin).getByText("r.example:5000").waitFor();
  await axe(page);
});

await step("one in use stays, and says why; another one is deleted", async () => {
  expect(/^403 DELETE /);
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Delete", exact: true }).click();
  await dialog.getByText("1 components use it").waitFor();
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await page.goto(at("settings/connectors"));
  await page.getByRole("link", { name: "other" }).click();
  await confirm(page, page.getByRole("button", { name: "Delete", exact: true }), "Delete");
  await page.waitForURL("**/settings/connectors");
  await row(page, "Ours").waitFor();
  check((await row(page, "other").count()) === 0, "it is still there");
});

await step("a connector that is gone has no page", async () => {
  expect(/^404 GET /);
  await page.goto(at("settings/connectors/00000000-0000-0000-0000-000000000001"));
  await page.getByText("No service connector with this ID found").waitFor();
});

await end();

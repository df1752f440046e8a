// The wizard for service connectors of ZenML's own dashboard, unmodified.

import { app, check, end, shot, step } from "./lib.mjs";
import { api, get, loginToken } from "./api.mjs";
import { introduceYourself, signIn, visitor } from "./dashboard-pages.mjs";

const SECRET = "open-sesame-5341";
const { page } = await visitor();
const token = await loginToken();

/** Opens the second page of the wizard for a type, and names the connector. */
async function configure(type, name, method) {
  await page.goto(`${app.url}/settings/connectors/create`);
  await page.locator(`label[for=${type}]`).click();
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByLabel("Name").fill(name);
  await page.getByRole("combobox").last().click();
  await page.getByRole("option", { name: method }).click();
}

async function fill(fields) {
  for (const [name, text] of Object.entries(fields)) await page.locator(`#${name}`).fill(text);
}

await step("a person signs in", async () => {
  await page.goto(`${app.url}/`);
  await signIn(page);
  await introduceYourself(page);
  await page.waitForURL("**/onboarding");
});

await step("the types that the server serves are offered, with their methods", async () => {
  await page.goto(`${app.url}/settings/connectors/create`);
  for (const name of ["Docker", "Kubernetes", "OAuth2"]) await page.getByText(`${name} Service Connector`).first().waitFor();
  for (const method of ["User and password", "Token or client certificate", "Client credentials"]) {
    await page.getByText(method).first().waitFor();
  }
  check((await page.getByText("AWS Service Connector").count()) === 0, "a type is offered that isn't served");
  await shot(page, "types");
});

await step("a connector is validated and registered by the form that the server describes", async () => {
  await configure("docker", "hub", "password");
  for (const label of ["User name", "Password or token", "Address of the registry"]) await page.getByText(label).first().waitFor();
  await fill({ username: "me", password: SECRET, registry: "r.example:5000" });
  await page.getByRole("button", { name: "Validate Credentials" }).click();
  await page.getByText("Verified successfully").waitFor();
  await shot(page, "validated");
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByText("You successfully registered the service connector").waitFor();
  const { items } = await get(token, "service_connectors?name=hub");
  const { username, password, registry } = items[0].metadata.configuration;
  check(username === "me" && password === SECRET && registry === "r.example:5000", JSON.stringify(items));
});

await step("it is listed, and its page has its configuration, components and resources", async () => {
  await page.goto(`${app.url}/settings/connectors`);
  await page.getByRole("link", { name: "hub" }).first().click();
  await page.waitForURL("**/configuration");
  for (const text of ["Docker Service Connector", "r.example:5000", "••••"]) await page.getByText(text).first().waitFor();
  check(!(await page.locator("main").first().innerText()).includes(SECRET), "the secret is shown");
  await shot(page, "configuration");
  const { items } = await get(token, "service_connectors?name=hub");
  const registry = { name: "images", type: "container_registry", flavor: "default", configuration: { uri: "r.example:5000" } };
  const made = await api(token, "POST", "components", { ...registry, connector: items[0].id });
  check(made.status === 200, JSON.stringify(made));
  await page.getByText("Components", { exact: true }).last().click();
  await page.getByText("images").first().waitFor();
  await page.getByText("Resources", { exact: true }).last().click();
  await page.getByRole("button", { name: "Verify now" }).click();
  await page.getByText("Connection verified successfully").waitFor();
  await page.getByRole("button", { name: "Display Resources" }).click();
  await page.getByText("r.example:5000").first().waitFor();
  await shot(page, "resources");
});

await step("a component is registered with it by its form, which offers the connectors that fit", async () => {
  await page.goto(`${app.url}/components/create`);
  await page.getByText("Container Registry", { exact: true }).first().click();
  await page.getByRole("button", { name: "Default" }).last().click();
  await page.getByLabel("Component Name").fill("by-form");
  await page.locator("#uri").fill("r.example:5000");
  await page.getByRole("button", { name: "Select Connector" }).click();
  await page.getByRole("option", { name: "hub" }).click();
  await shot(page, "component");
  await page.getByRole("button", { name: "Register Component" }).click();
  await page.waitForURL(/components\/[0-9a-f-]{36}/);
  for (const text of ["Service Connector", "hub"]) await page.getByText(text, { exact: true }).first().waitFor();
  const { items } = await get(token, "components?name=by-form&hydrate=true");
  check(items[0].metadata.connector?.name === "hub", JSON.stringify(items));
});

await step("one that isn't validated is registered, too", async () => {
  await configure("kubernetes", "cluster", "token");
  await fill({ token: SECRET, server: "https://k8s.example", cluster_name: "one" });
  await page.getByRole("switch").last().click();
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByText("You successfully registered the service connector").waitFor();
  const { items } = await get(token, "service_connectors?name=cluster");
  check(items[0].metadata.configuration.cluster_name === "one", JSON.stringify(items));
});

await end();

// From a new server to a token whose lines work as they are shown, on a wide and a narrow screen. WGET and PYTHON name
// these programs where they are there.

import { execFileSync } from "node:child_process";
import { env } from "node:process";
import { app, axe, check, end, person, shot, step } from "./lib.mjs";
import { fits, pathOf, row, signIn } from "./console.mjs";

const { page } = await person();

await step("a new server leads to its activation", async () => {
  await page.goto(app.url);
  check(pathOf(page) === "/console/activate", page.url());
  await shot(page, "activate");
  await axe(page);
});

await step("two passwords that are not the same activate nothing", async () => {
  await page.getByLabel("What the server is called").fill("Vision team");
  await page.getByLabel("Your name").fill("ada");
  await page.getByLabel("A password", { exact: true }).fill(app.password);
  await page.getByLabel("The password again").fill("another");
  await page.getByRole("button", { name: "Activate" }).click();
  await page.getByRole("alert").filter({ hasText: "not the same" }).waitFor();
});

await step("whoever activates it is its first admin, and signed in", async () => {
  await page.getByLabel("The password again").fill(app.password);
  await page.getByRole("button", { name: "Activate" }).click();
  await page.waitForURL("**/console/settings/api-tokens");
  await page.getByText("Vision team").waitFor();
  await page.getByText("No live tokens").waitFor();
  await shot(page, "no-tokens");
});

await step("it is activated once", async () => {
  const other = await person();
  await other.page.goto(`${app.url}/console/activate`);
  check(pathOf(other.page).startsWith("/console/sign-in"), other.page.url());
});

/** Creates a token, and runs the lines that are shown for it. */
async function createAndUse(page, name) {
  await page.getByRole("button", { name: "Create new token" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill(name);
  await shot(page, `${name}-form`);
  await axe(page);
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  await page.getByText("Your new token").waitFor();
  const token = await page.getByLabel("Token", { exact: true }).inputValue();
  check(/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token), `no token: ${token}`);
  const left = await page.locator("#token-left").textContent();
  check(/^(00:59:\d\d|01:00:00)$/.test(left), `an hour is left, not ${left}`);
  await page.locator("#token-end").filter({ hasText: new Date().getFullYear().toString() }).waitFor();
  await page.getByRole("button", { name: "Copy the line for curl" }).click();
  await shot(page, `${name}-made`);
  await axe(page);
  const run = (line) => execFileSync("bash", ["-c", line], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  const shown = (label) => page.getByLabel(label, { exact: true }).inputValue();
  const curl = JSON.parse(run(await shown("curl")));
  check(curl.name === "ada", JSON.stringify(curl));
  if (env.WGET) {
    const wget = JSON.parse(run(await shown("wget")));
    check(wget.name === "ada", JSON.stringify(wget));
  }
  if (env.PYTHON) {
    const python = execFileSync(env.PYTHON, ["-c", await shown("Python")], { encoding: "utf8" });
    check(python.includes("'name': 'ada'"), python);
  }
  const environment = await page.getByLabel("Environment").inputValue();
  const lines = `${environment}\ncurl -s -H "Authorization: Bearer $ZENML_STORE_API_TOKEN" $ZENML_STORE_URL/api/v1/current-user`;
  check(JSON.parse(run(lines)).name === "ada", environment);
  await page.getByRole("button", { name: "Done" }).click();
  await row(page, name).waitFor();
  check(!(await page.content()).includes(token), "the token is shown once");
}

await step("a token is created, and the lines that are shown work", () => createAndUse(page, "wide"));

await step("so it is on a narrow screen", async () => {
  const phone = await person({ width: 360, height: 740, colorScheme: "dark" });
  await phone.page.goto(app.url);
  await shot(phone.page, "sign-in-narrow");
  await signIn(phone.page, "ada");
  await createAndUse(phone.page, "narrow");
  await fits(phone.page);
  await shot(phone.page, "tokens-narrow");
});

await end();

// Where a sign-in leads, what it leaves in the browser, and what a sign-out takes away.

import { app, check, end, person, shot, step } from "./lib.mjs";
import { at, pathOf, signIn } from "./console.mjs";

const { page, context } = await person();

await step("the server's address leads to the sign-in, and from there to the page that was asked for", async () => {
  await page.goto(`${app.url}/`);
  check(pathOf(page).startsWith("/console/sign-in"), page.url());
  await page.goto(at("settings/devices?page=1"));
  check(pathOf(page).startsWith("/console/sign-in"), page.url());
  await signIn(page);
  check(pathOf(page) === "/console/settings/devices?page=1", page.url());
});

await step("no script can read the session, and no other site has it sent", async () => {
  const cookies = await context.cookies();
  // The session's, and the one by which the browser is known again.
  check(cookies.length === 2, JSON.stringify(cookies));
  check(cookies.every(cookie => cookie.httpOnly && cookie.sameSite === "Strict"), JSON.stringify(cookies));
  check((await page.evaluate(() => document.cookie)) === "", "a script reads it");
});

await step("every link of the settings leads to its page", async () => {
  for (const name of ["General", "API Tokens", "Service Accounts", "Devices", "Webhooks", "Members", "Profile", "Warnings", "Audit log"]) {
    await page.getByRole("navigation").getByRole("link", { name }).click();
    await page.getByRole("heading", { name, level: 1 }).waitFor();
    check((await page.locator("nav a[aria-current=page]").textContent()) === name, `${name} is not marked`);
    check(page.url().startsWith(at("settings/")), page.url());
  }
});

await step("a link of another site's page finds whoever is signed in", async () => {
  const link = await context.newPage();
  await link.goto(`data:text/html,<a href="${at("settings/profile")}">the profile</a>`);
  await link.getByText("the profile").click();
  await link.getByRole("heading", { name: "Profile" }).waitFor();
  await link.close();
});

await step("after a sign-out the back button shows nothing", async () => {
  await page.goto(at("settings/profile"));
  await page.getByRole("heading", { name: "Profile" }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL("**/console/sign-in");
  await page.goBack();
  await page.waitForURL("**/console/sign-in**");
  await page.getByRole("button", { name: "Sign in" }).waitFor();
  check((await page.getByRole("heading", { name: "Profile" }).count()) === 0, "the page is shown");
  const left = await context.cookies();
  check(left.every(cookie => cookie.name.endsWith("-browser")), "there is still a cookie");
});

await step("a wrong password is told, and leads nowhere", async () => {
  const other = await person({ allow: [/^401 POST .*login/] });
  await other.page.goto(at("sign-in?next=//evil.example/"));
  await other.page.getByLabel("Name").fill(app.admin);
  await other.page.getByLabel("Password").fill("wrong");
  await other.page.getByRole("button", { name: "Sign in" }).click();
  await other.page.getByRole("alert").filter({ hasText: "Invalid username or password" }).waitFor();
  await shot(other.page, "wrong");
  await signIn(other.page);
  check(pathOf(other.page) === "/console/settings/api-tokens", other.page.url());
});

await end();

// API tokens: created by keyboard alone, narrowed, searched for, taken back.

import { app, axe, check, end, shot, step } from "./lib.mjs";
import { api, loginToken } from "./api.mjs";
import { at, confirm, row, signedIn } from "./console.mjs";

const { page } = await signedIn();
const admin = await loginToken();
const shown = () => page.getByLabel("Token", { exact: true }).inputValue();
const works = async (token) => (await api(token, "GET", "current-user")).status === 200;

await step("a token is created with the keyboard alone", async () => {
  const focused = () => page.evaluate(() => document.activeElement.textContent.trim());
  for (let presses = 0; (await focused()) !== "Create new token"; presses += 1) {
    check(presses < 30, "the button can't be reached by Tab");
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("Enter");
  await page.keyboard.type("by keyboard");
  await page.keyboard.press("Tab");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Tab");
  for (let presses = 0; !(await page.evaluate(() => document.activeElement.name === "read_only")); presses += 1) {
    check(presses < 5, "reading only can't be reached by Tab");
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("Space");
  await page.keyboard.press("Enter");
  await page.getByText("Your new token").waitFor();
});

const token = await shown();

await step("it may do what was chosen", async () => {
  check(await works(token), "it reads");
  const written = await api(token, "PUT", "current-user", { full_name: "Nobody" });
  check(written.status === 403, `a token that only reads has written: ${written.status}`);
  await page.keyboard.press("Escape");
  const cells = row(page, "by keyboard");
  await cells.getByText("Read only").waitFor();
  await cells.getByText("in 24 hours").waitFor();
  await cells.getByText("127.0.0.1").waitFor();
});

await step("one with scopes, for some addresses, and its page", async () => {
  await page.getByRole("button", { name: "Create new token" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("scoped");
  await dialog.getByLabel("Kind of resource").selectOption("runs");
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await dialog.getByLabel("Kind of resource").selectOption("tags");
  await dialog.getByLabel("Verb").selectOption("write");
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await dialog.getByLabel("Addresses").fill("127.0.0.1, 10.0.0.0/8");
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  await page.getByText("Your new token").waitFor();
  const scoped = await shown();
  check(await works(scoped), "it works from here");
  check((await api(scoped, "GET", "secrets")).status === 403, "it has no other scope");
  await page.getByRole("button", { name: "Done" }).click();
  const cells = row(page, "scoped");
  await cells.getByText("runs:read tags:write").waitFor();
  await cells.getByText("10.0.0.0/8").waitFor();
  const { body: child } = await api(scoped, "GET", "api_token?name=child");
  check(await works(child), "its child works");
  await cells.getByRole("link", { name: "scoped" }).click();
  await page.getByRole("heading", { name: "Its tree" }).waitFor();
  const tree = page.locator("#tree");
  await tree.getByText("A sign-in").waitFor();
  check((await tree.locator("li", { hasText: "child" }).textContent()).includes("ends with it"), "the child ends with it");
  await axe(page);
  await page.goBack();
});

await step("one for a project, of another lifetime", async () => {
  await page.getByRole("button", { name: "Create new token" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("narrow");
  await dialog.getByLabel("Other").check();
  await dialog.getByLabel("How many").fill("8");
  await dialog.getByLabel("Of which unit").selectOption("days");
  await dialog.getByLabel("default").check();
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  await dialog.getByRole("alert").filter({ hasText: "7 days at most" }).waitFor();
  await dialog.getByLabel("Of which unit").selectOption("minutes");
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  await page.getByText("Your new token").waitFor();
  await page.getByRole("button", { name: "Done" }).click();
  const cells = row(page, "narrow");
  await cells.getByText("in default").waitFor();
  await cells.getByText("in 8 minutes").waitFor();
});

await step("one is revoked, once it is confirmed", async () => {
  const button = row(page, "by keyboard").getByRole("button", { name: "Revoke" });
  await button.click();
  await page.getByText("Every program that uses this token is refused at once").waitFor();
  await axe(page);
  await shot(page, "confirm");
  await page.getByRole("button", { name: "Cancel" }).click();
  check(await works(token), "cancelling has revoked it");
  await confirm(page, button, "Revoke");
  check((await row(page, "by keyboard").count()) === 0, "it is still there");
  check(!(await works(token)), "it still works");
});

await step("lists page and search on the server", async () => {
  for (let number = 0; number < 24; number += 1) await api(admin, "GET", `api_token?name=job-${number}`);
  await page.goto(at("settings/api-tokens"));
  await page.getByText("Page 1 of 2").waitFor();
  await shot(page, "list");
  await page.getByRole("link", { name: "Next" }).click();
  await page.getByText("Page 2 of 2").waitFor();
  await page.goto(at("settings/api-tokens?page=7"));
  await page.getByText("Page 1 of 2").waitFor();
  await page.getByRole("link", { name: "Next" }).click();
  await page.getByText("Page 2 of 2").waitFor();
  await row(page, "narrow").waitFor();
  await page.getByLabel("Search by name").fill("job-2");
  await page.getByRole("button", { name: "Search" }).click();
  await page.getByText("5 in all").waitFor();
  await page.getByLabel("Search by name").fill("no such job");
  await page.keyboard.press("Enter");
  await page.getByText("No live token has").waitFor();
});

await step("an admin sees and revokes everyone's", async () => {
  await api(admin, "POST", "users", { name: "eve", is_admin: false, password: app.password });
  const eve = (await api(await loginToken("eve"), "GET", "api_token?name=of-eve")).body;
  await page.goto(at("settings/api-tokens"));
  check((await row(page, "of-eve").count()) === 0, "it is among one's own");
  await page.getByRole("link", { name: "Everyone's" }).click();
  await row(page, "of-eve").getByText("eve", { exact: true }).waitFor();
  await shot(page, "everyones");
  await confirm(page, row(page, "of-eve").getByRole("button", { name: "Revoke" }), "Revoke");
  check(!(await works(eve)), "it still works");
});

await step("all of one's own are revoked", async () => {
  const kept = (await api(await loginToken("eve"), "GET", "api_token?name=of-eve-too")).body;
  const mine = (await api(admin, "GET", "api_token?name=mine")).body;
  await page.goto(at("settings/api-tokens"));
  await page.getByRole("button", { name: "Revoke all" }).click();
  await page.getByText("Every program that uses one of your API tokens").waitFor();
  await Promise.all([page.waitForEvent("load"), page.getByRole("dialog").getByRole("button", { name: "Revoke all" }).click()]);
  // Every sign-in ends with them, this one too.
  await page.getByRole("button", { name: "Sign in" }).waitFor();
  check(!(await works(mine)), "one's own still works");
  check(await works(kept), "somebody else's was revoked, too");
});

await end();

// Members, their profiles and passwords, and what the audit log shows of it all.

import { app, axe, check, end, person, shot, step } from "./lib.mjs";
import { api } from "./api.mjs";
import { at, confirm, pathOf, row, signIn, signedIn } from "./console.mjs";

const NEW_PASSWORD = `${app.password} but newer`;
const someone = await signedIn();
const { page } = someone;
const eve = await person();

await step("a member is added with a password, and signs in", async () => {
  await page.goto(at("settings/members"));
  await page.getByRole("button", { name: "Add member" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name, to sign in with").fill("eve");
  await dialog.getByLabel("Full name").fill("Eve Example");
  await dialog.getByLabel("Password").fill(app.password);
  await shot(page, "add");
  await axe(page);
  await Promise.all([page.waitForEvent("load"), dialog.getByRole("button", { name: "Add" }).click()]);
  await row(page, "eve").getByText("Eve Example").waitFor();
  await signIn(eve.page, "eve");
});

await step("a name that is taken is told", async () => {
  someone.expect(/^409 POST .*users/);
  await page.getByRole("button", { name: "Add member" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name, to sign in with").fill("eve");
  const [answer] = await Promise.all([page.waitForResponse("**/users"), dialog.getByRole("button", { name: "Add" }).click()]);
  check(answer.status() === 409, answer.status());
  await dialog.getByRole("alert").filter({ hasText: "There is a user with the name 'eve' already" }).waitFor();
  await page.keyboard.press("Escape");
});

await step("who is no admin sees no page of admins, and gets none by its address", async () => {
  check((await eve.page.getByRole("link", { name: "Members" }).count()) === 0, "there is a link");
  eve.expect(/^403 GET .*settings/);
  for (const path of ["settings/members", "settings/audit-log"]) {
    const answer = await eve.page.goto(at(path));
    check(answer.status() === 403, `${path}: ${answer.status()}`);
    await eve.page.getByText("This page is for admins").waitFor();
  }
  await shot(eve.page, "not-for-you");
  await axe(eve.page);
});

await step("one changes one's profile", async () => {
  await eve.page.goto(at("settings/profile"));
  await eve.page.getByLabel("Full name").fill("Eve of Example");
  await eve.page.getByLabel("Email").fill("eve@example.com");
  await eve.page.getByRole("button", { name: "Save" }).click();
  await eve.page.getByText("Your profile is changed.").waitFor();
  check((await eve.page.getByLabel("Email").inputValue()) === "eve@example.com", "the email is not kept");
  await shot(eve.page, "profile");
});

await step("one changes one's password, and stays signed in here alone", async () => {
  const other = await signedIn({}, "eve");
  eve.expect(/^403 PUT .*current-user/);
  await eve.page.getByLabel("Password now").fill("wrong");
  await eve.page.getByLabel("New password", { exact: true }).fill(NEW_PASSWORD);
  await eve.page.getByLabel("New password again").fill(NEW_PASSWORD);
  await eve.page.getByRole("button", { name: "Change password" }).click();
  await eve.page.getByRole("alert").filter({ hasText: "That is not your password now" }).waitFor();
  await eve.page.getByLabel("Password now").fill(app.password);
  await eve.page.getByRole("button", { name: "Change password" }).click();
  await eve.page.getByText("Your password is changed.").waitFor();
  await eve.page.goto(at("settings/api-tokens"));
  await eve.page.getByRole("heading", { name: "API Tokens" }).waitFor();
  await other.page.goto(at("settings/profile"));
  check(pathOf(other.page).startsWith("/console/sign-in"), other.page.url());
  await signIn(other.page, "eve", NEW_PASSWORD);
});

await step("a member is made an admin and deactivated, and can't sign in", async () => {
  await page.goto(at("settings/members"));
  await confirm(page, page.getByRole("button", { name: "Make admin: eve" }), "Make admin");
  await row(page, "eve").getByText("Admin", { exact: true }).waitFor();
  await confirm(page, page.getByRole("button", { name: "Remove admin: eve" }), "Remove admin");
  await confirm(page, page.getByRole("button", { name: "Deactivate eve" }), "Deactivate");
  await eve.page.goto(at("settings/profile"));
  check(pathOf(eve.page).startsWith("/console/sign-in"), eve.page.url());
  eve.expect(/^401 POST .*login/);
  await eve.page.getByLabel("Name").fill("eve");
  await eve.page.getByLabel("Password").fill(NEW_PASSWORD);
  await eve.page.getByRole("button", { name: "Sign in" }).click();
  await eve.page.getByRole("alert").filter({ hasText: "nvalid username or password" }).waitFor();
  await shot(eve.page, "sign-in-refused");
});

await step("who is invited chooses a password and is in", async () => {
  await page.getByRole("button", { name: "Add member" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name, to sign in with").fill("grace");
  await dialog.getByRole("button", { name: "Add" }).click();
  const field = page.getByLabel("The text to copy");
  await field.waitFor();
  await shot(page, "invitation");
  const link = await field.inputValue();
  await page.getByRole("button", { name: "I have kept it" }).click();
  const grace = await person();
  await grace.page.goto(link);
  await grace.page.getByLabel("A password", { exact: true }).fill(app.password);
  await grace.page.getByLabel("The password again").fill(app.password);
  await shot(grace.page, "join");
  await axe(grace.page);
  await grace.page.getByRole("button", { name: "Join" }).click();
  await grace.page.getByRole("link", { name: "grace" }).waitFor();
});

await step("a member is deleted", async () => {
  await page.goto(`${at("settings/members")}?search=eve`);
  check((await row(page, "grace").count()) === 0, "the search finds others");
  await confirm(page, page.getByRole("button", { name: "Delete eve" }), "Delete");
  await page.getByText("Nobody has").waitFor();
});

await step("the audit log shows what happened, and can be filtered", async () => {
  await page.goto(at("settings/audit-log"));
  const first = page.getByRole("row").nth(1);
  await first.getByText("User deleted").waitFor();
  await first.getByText("User eve").waitFor();
  await first.getByRole("cell").filter({ hasText: new RegExp(`^${app.admin}`) }).waitFor();
  await shot(page, "audit");
  await page.getByLabel("What", { exact: true }).selectOption({ label: "Password changed" });
  await page.getByLabel("Result").selectOption({ label: "Success" });
  await page.getByLabel("Who").fill("eve");
  await page.getByLabel("When").selectOption({ label: "The last hour" });
  await page.getByRole("button", { name: "Filter" }).click();
  await page.getByText("1 in all").waitFor();
  await page.getByLabel("Who").fill("nobody");
  await page.getByRole("button", { name: "Filter" }).click();
  await page.getByText("No record is like that").waitFor();
});

await step("the server's settings are changed", async () => {
  await page.goto(at("settings/general"));
  await page.getByLabel("Server name").fill("Research");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("The settings are changed.").waitFor();
  await page.getByRole("banner").getByText("Research").waitFor();
  await shot(page, "general");
});

await end();

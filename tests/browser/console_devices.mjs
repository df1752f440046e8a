// Devices: approved or denied by whoever the client's login asks, seen and taken back.

import { app, axe, check, end, person, shot, step } from "./lib.mjs";
import { machine } from "./api.mjs";
import { at, confirm, pathOf, row, signIn } from "./console.mjs";

const someone = await person();
const { page } = someone;
const laptop = machine("laptop.example", "00000000-0000-0000-0000-00000000c11e");
const stranger = machine("stranger.example", "00000000-0000-0000-0000-00000000c12e");

await step("the address that the client opens asks to sign in first, and comes back", async () => {
  const asked = await laptop.ask();
  await page.goto(app.url + asked.verification_uri_complete);
  check(pathOf(page).startsWith("/console/sign-in"), page.url());
  await signIn(page);
  check(pathOf(page).startsWith("/console/devices/verify"), page.url());
  for (const text of ["laptop.example", "127.0.0.1", "zenml 0.98.0, Python 3.11.2"]) await page.getByText(text).first().waitFor();
  await shot(page, "verify");
  await axe(page);
  await page.getByLabel("I trust this machine").check();
  await page.getByRole("button", { name: "Approve" }).click();
  await page.getByRole("heading", { name: "Approved" }).waitFor();
  await axe(page);
  check((await laptop.poll(asked)).body.access_token, "the machine gets no token");
});

await step("a device that is denied gets access_denied", async () => {
  const asked = await stranger.ask();
  await page.goto(app.url + asked.verification_uri_complete);
  await page.getByText("stranger.example").first().waitFor();
  await page.getByRole("button", { name: "Deny" }).click();
  await page.getByRole("heading", { name: "Denied" }).waitFor();
  await shot(page, "denied");
  const polled = (await stranger.poll(asked)).body;
  check(polled.error === "access_denied", JSON.stringify(polled));
  await page.reload();
  await page.getByText("gets no sign-in").waitFor();
});

await step("a wrong code shows nothing of the machine", async () => {
  const asked = await stranger.ask();
  await page.goto(app.url + asked.verification_uri_complete.replace(/user_code=.*/, "user_code=wrong"));
  await page.getByText("No machine waits with this code").waitFor();
  check(!(await page.content()).includes("stranger"), "it is shown");
  await shot(page, "nothing-to-approve");
});

await step("a device is locked, unlocked, searched for and deleted", async () => {
  await page.goto(at("settings/devices"));
  await row(page, "laptop.example").getByText("Trusted").waitFor();
  await shot(page, "devices");
  await confirm(page, page.getByRole("button", { name: "Lock laptop.example", exact: true }), "Lock");
  await row(page, "laptop.example").getByText("Locked").waitFor();
  await confirm(page, page.getByRole("button", { name: "Unlock laptop.example" }), "Unlock");
  await row(page, "laptop.example").getByText("Signed in").waitFor();
  await page.getByLabel("Search by name").fill("stranger");
  await page.keyboard.press("Enter");
  await page.getByText("No device has").waitFor();
  await page.getByRole("link", { name: "Show all" }).click();
  await confirm(page, page.getByRole("button", { name: "Delete laptop.example" }), "Delete");
  await page.getByText("No devices.").waitFor();
});

await step("the audit log has the approval and the denial", async () => {
  await page.goto(at("settings/audit-log"));
  await row(page, "Device verified").first().waitFor();
  await row(page, "Device denied").first().waitFor();
});

await end();

// Lists show what nobody has used for 90 days: the service account `idle`, the key `forgotten` of `ci` beside `nightly`, and the
// device `old-host` beside `new-host`.

import { axe, check, end, shot, step } from "./lib.mjs";
import { at, row, signedIn } from "./console.mjs";

const { page } = await signedIn();

/** The list there has both, and of them only the one when it is asked for what is unused. */
async function finds(unused, used) {
  await Promise.all([unused, used].map((name) => row(page, name).first().waitFor()));
  await page.getByRole("link", { name: "Unused for 90 days" }).click();
  await page.waitForURL(/\?unused=90$/);
  await row(page, unused).first().waitFor();
  check((await row(page, used).count()) === 0, `${used} was used`);
  check((await page.locator("a[aria-current=true]", { hasText: "Unused for 90 days" }).count()) === 1, "it isn't said which are shown");
  await axe(page);
  await shot(page, unused);
  await page.getByRole("link", { name: "All", exact: true }).click();
  await row(page, used).first().waitFor();
}

await step("of service accounts", async () => {
  await page.goto(at("settings/service-accounts"));
  await finds("idle", "ci");
});

await step("of an account's keys", async () => {
  await page.getByRole("link", { name: "ci", exact: true }).click();
  await page.getByRole("heading", { name: "ci" }).waitFor();
  await finds("forgotten", "nightly");
});

await step("of devices", async () => {
  await page.goto(at("settings/devices"));
  await finds("old-host", "new-host");
});

await step("where everything is used that is said", async () => {
  await page.goto(at("settings/service-accounts"));
  await page.getByRole("link", { name: "idle", exact: true }).click();
  await page.getByRole("link", { name: "Unused for 90 days" }).click();
  await page.getByText("None is unused for 90 days.").waitFor();
});

await end();

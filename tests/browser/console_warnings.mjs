// The page of warnings shows what was sent to the webhook: TOLD has the type and text of each, in JSON. One of them is of
// the token `roaming`, which was used in two networks; only the refusals are ada's business.

import { env } from "node:process";
import { axe, check, end, shot, step } from "./lib.mjs";
import { at, row, signedIn } from "./console.mjs";

const told = JSON.parse(env.TOLD);
const kinds = {
  "api_key.expiring": "Key ends soon",
  "api_key.expired": "Key has ended",
  "api_token.used_elsewhere": "Used elsewhere",
  "account.many_refusals": "Many refusals",
};

await step("an admin sees all that was sent", async () => {
  const { page } = await signedIn();
  await page.getByRole("link", { name: "Warnings" }).click();
  await page.getByRole("heading", { name: "Warnings" }).waitFor();
  check((await page.locator("tbody").getByRole("row").count()) === told.length, "there are more or fewer");
  for (const { type, text } of told) await row(page, text).getByText(kinds[type], { exact: true }).waitFor();
  check(new Set(told.map(({ type }) => type)).size === 4, JSON.stringify(told));
  await axe(page);
  await shot(page, "warnings");
});

await step("one of a token leads to its page, which says from where it was used", async () => {
  const { page } = await signedIn({ width: 360, height: 740 });
  await page.goto(at("settings/warnings"));
  await page.getByRole("link", { name: "Look at the token" }).click();
  await page.getByRole("heading", { name: "roaming" }).waitFor();
  const uses = page.locator("#uses");
  for (const network of ["10.0.0.0/24", "192.0.2.0/24"]) await uses.getByText(network, { exact: true }).waitFor();
  await axe(page);
  await shot(page, "token");
});

await step("others see what is their business", async () => {
  const { page } = await signedIn({}, "ada");
  await page.goto(at("settings/warnings"));
  await page.getByText("Many refusals", { exact: true }).waitFor();
  check((await page.locator("tbody").getByRole("row").count()) === 1, "ada sees what is of others");
});

await end();

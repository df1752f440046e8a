// Somebody opens the address that a device shows (ZENDO_VERIFY), signs in and approves it, on the pages that
// ZENDO_PAGES names: `dashboard` for dashboard-pages.mjs, with its visitor, signIn and approveDevice.

import { env } from "node:process";
import { end, shot, step } from "./lib.mjs";

const { visitor, signIn, approveDevice } = await import(`./${env.ZENDO_PAGES}-pages.mjs`);

await step("a device is approved", async () => {
  const { page } = await visitor();
  await page.goto(env.ZENDO_VERIFY);
  await signIn(page);
  await approveDevice(page);
  await shot(page, env.ZENDO_PAGES);
});

await end();

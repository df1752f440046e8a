// Somebody opens the address that a device shows (ZENDO_VERIFY), signs in and approves it, on the pages that
// ZENDO_PAGES names: `dashboard` for dashboard-pages.mjs, with its visitor, signIn and approveDevice. With a PROVIDER
// they sign in there.

import { env } from "node:process";
import { end, shot, step } from "./lib.mjs";

const { visitor, signIn, approveDevice } = await import(`./${env.ZENDO_PAGES}-pages.mjs`);
const provider = env.PROVIDER && (await import("./provider.mjs"));

await step("a device is approved", async () => {
  const { page, expect } = await visitor();
  provider?.allow.forEach(expect);
  await page.goto(env.ZENDO_VERIFY);
  await (provider ? provider.signIn(page, "ada") : signIn(page));
  await approveDevice(page);
  await shot(page, env.ZENDO_PAGES);
});

await end();

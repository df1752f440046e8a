// How people go about ZenML's own dashboard.

import { app, person } from "./lib.mjs";

/** What it does wrong or needs from elsewhere, whatever server it is on. */
const ITS_OWN = [
  /^request to https:\/\/(raw\.githubusercontent\.com|avatar\.vercel\.sh|public-flavor-logos\.s3\.)/,
  // Its fonts and empty images are against the policy that comes with it.
  /^console: Loading the (font 'data:|image 'about:blank')/,
  /^uncaught: .*WebGL is not supported/,
];

/** Somebody who uses it, in front of a large window. */
export const visitor = () => person({ width: 1400, height: 900, allow: ITS_OWN });

/** Signs in as the admin on the page that asks for it. */
export async function signIn(page) {
  await page.getByLabel("Username").fill(app.admin);
  await page.getByLabel("Password").fill(app.password);
  await page.getByRole("button", { name: "Login" }).click();
}

/** Gives the answers that it wants from somebody who is new. */
export async function introduceYourself(page) {
  await page.getByLabel("Name", { exact: true }).fill("Ada");
  await page.getByLabel("Email").fill("ada@example.com");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("heading", { name: "What are you building?" }).waitFor();
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("button", { name: "Skip this step" }).click();
  await page.getByText("Go to Dashboard").click();
}

/** Approves the device that the page is about. */
export async function approveDevice(page) {
  await page.getByRole("button", { name: "Authorize this device" }).click();
  await page.getByText("You successfully added your device").waitFor();
}

// How people go about the console, for programs that work with any pages.

import { person } from "./lib.mjs";

export { signIn } from "./console.mjs";

/** Somebody who uses it, on a telephone. */
export const visitor = () => person({ width: 360, height: 740 });

/** Approves the device that the page is about. */
export async function approveDevice(page) {
  await page.getByRole("button", { name: "Approve" }).click();
  await page.getByRole("heading", { name: "Approved" }).waitFor();
}

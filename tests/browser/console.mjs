// What the programs about the console share.

import { app, check, person } from "./lib.mjs";

export const at = (path) => `${app.url}/console/${path}`;

/** The path of an address, without the root path of the server. */
export const pathOf = (page) => page.url().replace(app.url, "");

/** Signs in on the page for it, and waits for where it leads. */
export async function signIn(page, name = app.admin, password = app.password) {
  if (!page.url().includes("/console/sign-in")) await page.goto(at("sign-in"));
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL((url) => !url.pathname.endsWith("/sign-in"));
}

/** Somebody who is signed in to the console. */
export async function signedIn(options = {}, name, password) {
  const someone = await person(options);
  await signIn(someone.page, name, password);
  return someone;
}

/** Presses the button that asks, then the one that confirms. */
export async function confirm(page, ask, yes) {
  await ask.click();
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  await Promise.all([page.waitForEvent("load"), dialog.getByRole("button", { name: yes, exact: true }).click()]);
}

/** The row of a list with that text. */
export const row = (page, text) => page.getByRole("row").filter({ hasText: text });

/** Nothing stands out of the page to its right. */
export async function fits(page) {
  const out = await page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    const isOut = (element) => element.getBoundingClientRect().right > width;
    return [...document.body.querySelectorAll("*")].filter(isOut).map((element) => element.outerHTML.slice(0, 120));
  });
  check(out.length === 0, `${page.url()} is too wide:\n${out.join("\n")}`);
}

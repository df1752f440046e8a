// What the programs of this folder share: people in front of Chromium, whose pages may not complain.
//
// A program gets the server's address and the admin in its environment (see `app`), consists of `step`s, and ends well
// when every step did what it names and no page complained meanwhile. `tests/suite/support/browser.rs` runs them.

import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { env, exit, argv } from "node:process";

// The packages are in a folder outside of the sources, where `npm ci` has put them.
const require = createRequire(join(env.ZENDO_TEST_BROWSER, "programs.js"));
const { chromium } = require("playwright-core");
const axeSource = require("axe-core").source;

/** The server, and its admin. */
export const app = {
  url: env.ZENDO_URL,
  admin: env.ZENDO_ADMIN,
  password: env.ZENDO_PASSWORD,
};

const WAIT = 30_000;
const shots = env.ZENDO_TEST_SHOTS && join(env.ZENDO_TEST_SHOTS, basename(argv[1], ".mjs"));
if (shots) mkdirSync(shots, { recursive: true });

const people = [];
const browser = await chromium.launch({
  executablePath: env.ZENDO_TEST_CHROMIUM,
  // Root has no sandbox. Names lead nowhere, so that a page reaches nothing but this machine.
  args: [
    "--no-sandbox",
    "--disable-gpu",
    // Pictures of some pages are never finished with it.
    "--disable-software-rasterizer",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
  ],
});

/**
 * Somebody with a window and cookies of their own: `{ page, context, complaints, expect }`.
 *
 * Each answer of 400 and more, request that fails or leaves the server's origin, message of an error on the console (a
 * breach of the content security policy is one) and uncaught error is a complaint, and ends the program after the step
 * that it came in. Those that match a pattern of `allow`, or one given to `expect` later, are none.
 */
export async function person({ width = 1280, height = 800, colorScheme = "light", allow = [], ...more } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, ...more });
  context.setDefaultTimeout(WAIT);
  const allowed = [...allow];
  const complaints = [];
  const complain = (text) => allowed.some((pattern) => text.search(pattern) >= 0) || complaints.push(text);
  const origin = new URL(app.url).origin;
  const isOutside = (url) => /^(http|ws)s?:$/.test(url.protocol) && url.host !== new URL(origin).host;
  const told = (url) => (url.origin === origin ? url.pathname + url.search : url.href);

  context.on("request", (request) => {
    const url = new URL(request.url());
    if (isOutside(url)) complain(`request to ${url.href}`);
  });
  context.on("requestfailed", (request) => {
    const [url, why] = [new URL(request.url()), request.failure().errorText];
    // A page that is left ends its requests, and a breach of the policy is told on the console.
    if (!isOutside(url) && !["net::ERR_ABORTED", "csp"].includes(why)) complain(`${request.method()} ${told(url)} failed: ${why}`);
  });
  context.on("response", (response) => {
    const url = new URL(response.url());
    if (response.status() >= 400) complain(`${response.status()} ${response.request().method()} ${told(url)}`);
  });
  context.on("console", (message) => {
    const text = message.text();
    // These have been told with their addresses already.
    if (message.type() !== "error" || text.startsWith("Failed to load resource: ")) return;
    complain(`console: ${text} (${message.location().url})`);
  });
  context.on("weberror", (error) => complain(`uncaught: ${error.error()}`));

  const someone = { context, page: await context.newPage(), complaints, expect: (pattern) => allowed.push(pattern) };
  people.push(someone);
  return someone;
}

/** Does one thing and says so. A failure, or a complaint of any page meanwhile, ends the program and names the step. */
export async function step(name, action) {
  const start = Date.now();
  let result;
  try {
    result = await action();
    const complaints = people.flatMap((someone) => someone.complaints.splice(0));
    if (complaints.length) throw new Error(`a page complained:\n  ${complaints.join("\n  ")}`);
  } catch (error) {
    await tellFailure(name, error);
  }
  console.log(`done: ${name} (${Date.now() - start} ms)`);
  return result;
}

async function tellFailure(name, error) {
  console.log(`FAILED: ${name}\n${error.stack}`);
  const pages = people.flatMap(({ context }) => context.pages());
  for (const [number, page] of pages.entries()) {
    await shot(page, `failed-${number}`).catch(() => {});
    const text = await page.innerText("body", { timeout: 1000 }).catch(() => "");
    console.log(`at ${page.url()}:\n${text.slice(0, 2000)}`);
  }
  for (const { complaints } of people) complaints.forEach((text) => console.log(`complaint: ${text}`));
  await end(1);
}

/** Leaves a picture of the page, as far as it scrolls within reason, in the folder of pictures, if there is one. */
export async function shot(page, name) {
  if (!shots) return;
  const path = join(shots, `${name}.png`);
  const whole = await page.evaluate(() => document.documentElement.scrollHeight);
  const clip = { x: 0, y: 0, width: page.viewportSize().width, height: Math.min(whole, 4000) };
  await page.screenshot({ path, clip, fullPage: true, animations: "disabled" });
  console.log(`picture: ${path}`);
}

/** Fails unless everyone can use the page, as far as axe can tell. `options` are those of `axe.run`. */
export async function axe(page, options = {}) {
  // Not a script of the page's own, which its content security policy would refuse.
  await page.evaluate(axeSource);
  const run = (options) => window.axe.run(document, { resultTypes: ["violations"], ...options });
  const { violations } = await page.evaluate(run, options);
  if (!violations.length) return;
  const told = violations.map(({ id, impact, help, nodes }) => {
    const where = nodes.map(({ target, html }) => `\n      ${target.join(" ")}: ${html.slice(0, 200)}`);
    return `\n    ${id} (${impact}): ${help}${where.join("")}`;
  });
  throw new Error(`not everyone can use ${page.url()}:${told.join("")}`);
}

/** Fails with what is wrong unless it is so. */
export function check(isSo, otherwise) {
  if (!isSo) throw new Error(otherwise);
}

/** Ends the program; each program's last statement. */
export async function end(code = 0) {
  await browser.close();
  exit(code);
}

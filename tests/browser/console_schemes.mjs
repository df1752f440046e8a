// The ways in of the auth schemes other than the password's.

import { env } from "node:process";
import { app, axe, check, end, person, shot, step } from "./lib.mjs";
import { at, pathOf } from "./console.mjs";

const ways = {
  NO_AUTH: async () => {
    const { page } = await person();
    await page.goto(`${app.url}/`);
    await page.getByRole("heading", { name: "API Tokens" }).waitFor();
    await page.getByText("Tokens are made from a sign-in").waitFor();
    check((await page.getByRole("button", { name: "Sign out" }).count()) === 0, "there is nothing to sign out of");
    await page.goto(at("settings/general"));
    await page.getByLabel("Server name").fill("Open to all");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("The settings are changed.").waitFor();
  },
  HTTP_BASIC: async () => {
    const nobody = await person({ allow: [/^401 GET/, /ERR_INVALID_AUTH_CREDENTIALS/] });
    const answer = await nobody.page.goto(at("settings/general")).catch((error) => error);
    if (!(answer instanceof Error)) check(answer.status() === 401 && answer.headers()["www-authenticate"]?.startsWith("Basic"), "the browser is not asked");
    const { page } = await person({ httpCredentials: { username: app.admin, password: app.password }, allow: [/^401 GET/] });
    await page.goto(`${app.url}/`);
    await page.getByRole("banner").locator(".user", { hasText: app.admin }).waitFor();
    await page.goto(at("settings/general"));
    await page.getByLabel("Server name").fill("With a password each time");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("The settings are changed.").waitFor();
  },
  EXTERNAL: async () => {
    const { page } = await person();
    await page.goto(`${app.url}/`);
    check(pathOf(page).startsWith("/console/sign-in"), page.url());
    const link = page.getByRole("link", { name: "Continue to sign in" });
    check((await link.getAttribute("href")) === "http://login.example/start?of=zendo", "it leads elsewhere");
    check((await page.getByLabel("Password").count()) === 0, "there is a password");
    await axe(page);
    await shot(page, "external");
  },
};

await step(`the way in with ${env.SCHEME}`, ways[env.SCHEME]);
await end();

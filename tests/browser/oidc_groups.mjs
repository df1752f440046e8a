// Groups at the provider say who comes in (`ml`) and who is an admin (`ops`), at each sign-in.

import { app, axe, check, end, person, shot, step } from "./lib.mjs";
import { at } from "./console.mjs";
import { allow, signIn, tell } from "./provider.mjs";

const home = /\/console\/settings\/api-tokens$/;
const members = (page) => page.getByRole("link", { name: "Members" });

/** Somebody in a browser of their own, who signs in as that one. */
async function arrives(name, more = []) {
  const made = await person({ allow: [...allow, ...more] });
  await made.page.goto(at("sign-in"));
  await signIn(made.page, name);
  return made;
}

await step("who is in no such group stays out, and is told why", async () => {
  const { page } = await arrives("eve", [/^401 POST \/api\/v1\/oidc\/sign_in/]);
  await page.getByText("none of the groups").waitFor();
  await axe(page);
  await shot(page, "refused");
});

await step("who is in one comes in, and is no admin", async () => {
  const { page } = await arrives("bob");
  await page.waitForURL(home);
  check((await members(page).count()) === 0, "bob is an admin");
});

await step("who is in that of the admins is one", async () => {
  const { page } = await arrives("ada");
  await page.waitForURL(home);
  await members(page).click();
  await page.getByRole("button", { name: "Add member" }).waitFor();
});

await step("whoever joins or leaves a group is made an admin or unmade at the next sign-in", async () => {
  const groups = { ada: ["ml"], bob: ["ml", "ops"] };
  for (const [name, its] of Object.entries(groups)) {
    await tell("person", { subject: name, claims: { preferred_username: name, groups: its } });
  }
  const [ada, bob] = [await arrives("ada"), await arrives("bob")];
  await Promise.all([ada, bob].map(({ page }) => page.waitForURL(home)));
  check((await members(ada.page).count()) === 0, "ada is an admin still");
  await members(bob.page).waitFor();
});

await step("whoever has left all groups that come in stays out", async () => {
  await tell("person", { subject: "bob", claims: { preferred_username: "bob", groups: [] } });
  const { page } = await arrives("bob", [/^401 POST \/api\/v1\/oidc\/sign_in/]);
  await page.getByText("none of the groups").waitFor();
  check(app.url.length > 0 && page.url().startsWith(app.url), page.url());
});

await end();

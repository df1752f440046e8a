// People sign in at the company's provider, link and unlink their accounts, and approve machines.

import { app, axe, check, end, person, shot, step } from "./lib.mjs";
import { allow, atProvider } from "./provider.mjs";

const home = /\/console\/settings\/api-tokens$/;

await step("the button leads to the provider and back, signed in", async () => {
  const { page, context } = await person({ allow });
  await page.goto(`${app.url}/`);
  await page.getByRole("button", { name: "Sign in with Example" }).waitFor();
  await axe(page);
  await shot(page, "sign-in");
  await page.getByRole("button", { name: "Sign in with Example" }).click();
  await atProvider(page, "ada");
  await page.waitForURL(home);
  await page.getByRole("link", { name: "ada" }).waitFor();
  // In groups that make admins.
  await page.getByRole("link", { name: "Members" }).click();
  await page.getByRole("button", { name: "Add member" }).waitFor();
  await axe(page);
  // ZenML's session is there, too.
  const user = await context.request.get(`${app.url}/api/v1/current-user`);
  check((await user.json()).name === "ada", `${user.status()}`);
  const cookies = await context.cookies(app.url);
  check(!cookies.some(({ name }) => name.endsWith("-oidc")), JSON.stringify(cookies));
  check(cookies.filter(({ httpOnly }) => httpOnly).length >= 2, JSON.stringify(cookies));
  await page.getByRole("link", { name: "Profile" }).click();
  await page.getByText("ada@example.com (ada)").waitFor();
  check((await page.getByLabel("New password", { exact: true }).count()) === 0, "a password of who has none");
  await axe(page);
  await shot(page, "profile");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(/\/console\/sign-in$/);
  const after = await context.request.get(`${app.url}/api/v1/current-user`);
  check(after.status() === 401, `still signed in: ${after.status()}`);
});

await step("the sign-in leads to the page that was asked for, of who is no admin", async () => {
  const { page } = await person({ allow });
  await page.goto(`${app.url}/console/settings/devices`);
  await page.getByRole("button", { name: "Sign in with Example" }).click();
  await atProvider(page, "bob");
  await page.waitForURL(/\/console\/settings\/devices$/);
  await page.getByRole("link", { name: "bob" }).waitFor();
  check((await page.getByRole("link", { name: "Members" }).count()) === 0, "bob is an admin");
});

await step("whoever the provider doesn't sign in is told so, and begins again", async () => {
  const { page } = await person({ allow: [...allow, /^401 POST \/api\/v1\/oidc\/sign_in/] });
  await page.goto(`${app.url}/console/sign-in`);
  await page.getByRole("button", { name: "Sign in with Example" }).click();
  await atProvider(page, "nobody");
  await page.getByText("Example did not sign you in: access_denied.").waitFor();
  check(!page.url().includes("?"), page.url());
  await axe(page);
  await shot(page, "refused");
  await page.getByRole("link", { name: "Begin again" }).click();
  await page.getByRole("button", { name: "Sign in with Example" }).waitFor();
});

await step("somebody else's name is nobody's account", async () => {
  const { page } = await person({ allow: [...allow, /^401 POST \/api\/v1\/oidc\/sign_in/] });
  await page.goto(`${app.url}/console/sign-in`);
  await page.getByRole("button", { name: "Sign in with Example" }).click();
  await atProvider(page, "mallory");
  await page.getByText("There is an account named 'default' here already").waitFor();
});

await step("an owner links their account, signs in by the provider, and unlinks it", async () => {
  const { page } = await person({ allow });
  await page.goto(`${app.url}/console/sign-in`);
  await page.getByLabel("User name").fill(app.admin);
  await page.getByLabel("Password").fill(app.password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.waitForURL(home);
  await page.getByRole("link", { name: "Profile" }).click();
  await page.getByRole("button", { name: "Link to Example" }).click();
  await atProvider(page, "eve");
  await page.waitForURL(/\/console\/settings\/profile$/);
  await page.getByText("Your account is linked.").waitFor();
  await axe(page);

  const again = await person({ allow });
  await again.page.goto(`${app.url}/console/sign-in`);
  await again.page.getByRole("button", { name: "Sign in with Example" }).click();
  await atProvider(again.page, "eve");
  await again.page.waitForURL(home);
  await again.page.locator("a.user", { hasText: app.admin }).waitFor();

  await page.getByRole("button", { name: "Unlink" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Unlink" }).click();
  await page.getByRole("button", { name: "Link to Example" }).waitFor();
  again.expect(/^401 GET /);
  await again.page.goto(`${app.url}/console/settings/profile`);
  await again.page.getByRole("button", { name: "Sign in with Example" }).waitFor();
});

await step("an admin links a member", async () => {
  const { page } = await person({ allow });
  await page.goto(`${app.url}/console/sign-in`);
  await page.getByRole("button", { name: "Sign in with Example" }).click();
  await atProvider(page, "ada");
  await page.waitForURL(home);
  await page.getByRole("link", { name: "Members" }).click();
  await page.getByRole("button", { name: `Link ${app.admin}` }).click();
  await page.getByLabel("Subject").fill("somebody");
  await axe(page);
  await page.getByRole("dialog").getByRole("button", { name: "Link" }).click();
  await page.getByText("The account is linked.").waitFor();
});

await step("a machine's sign-in leads through the provider to its approval", async () => {
  const { page, context } = await person({ allow });
  const form = { client_id: "00000000-0000-0000-0000-0000000000dc" };
  const asked = await (await context.request.post(`${app.url}/api/v1/device_authorization`, { form })).json();
  const address = asked.verification_uri_complete;
  await page.goto(address.startsWith("/") ? app.url + address : address);
  await page.getByRole("button", { name: "Sign in with Example" }).click();
  await atProvider(page, "bob");
  await page.getByRole("heading", { name: "Approve this device?" }).waitFor();
  await page.getByRole("button", { name: "Approve" }).click();
  await page.getByRole("heading", { name: "Approved" }).waitFor();
  const poll = { ...form, device_code: asked.device_code, grant_type: "urn:ietf:params:oauth:grant-type:device_code" };
  const token = await (await context.request.post(`${app.url}/api/v1/login`, { form: poll })).json();
  const headers = { authorization: `Bearer ${token.access_token}` };
  const user = await (await fetch(`${app.url}/api/v1/current-user`, { headers })).json();
  check(user.name === "bob", JSON.stringify(user));
});

await end();

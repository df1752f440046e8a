// Every page, light and dark, wide and narrow, in a server whose names are hostile: everyone can use it, it fits, and
// names are text.

import { app, axe, check, end, person, shot, step } from "./lib.mjs";
import { api, loginToken, machine } from "./api.mjs";
import { at, fits, signIn } from "./console.mjs";

const SCRIPT = `<script>document.title = "hostile"</script>`;
const IMAGE = `"><img src=x onerror="document.title='hostile'">`;
const LONG = "a-name-that-goes-on-and-on-without-a-place-to-break-it-so-that-it-has-to-be-broken-anywhere";

const admin = await loginToken();
const hostile = [SCRIPT, IMAGE, LONG];
let account, connector;

await step("a server full of hostile names", async () => {
  const ok = ({ status, body }) => check(status === 200, JSON.stringify(body)) ?? body;
  for (const [number, name] of hostile.entries()) {
    ok(await api(admin, "GET", `api_token?${new URLSearchParams({ name, read_only: number === 0 })}`));
    ok(await api(admin, "POST", "users", { name, full_name: name, is_admin: number === 1, password: app.password }));
    account = ok(await api(admin, "POST", "service_accounts", { name, description: name, active: number !== 1 })).id;
    ok(await api(admin, "POST", `service_accounts/${account}/api_keys`, { name, description: name }));
    const configuration = { username: name, password: name, registry: "r.example" };
    const docker = { connector_type: "docker", auth_method: "password", configuration };
    connector = ok(await api(admin, "POST", "service_connectors", { name, description: name, labels: { [name]: name }, ...docker })).id;
    const registry = { type: "container_registry", flavor: "default", configuration: { uri: "r.example" }, connector };
    ok(await api(admin, "POST", "components", { name, ...registry }));
    const host = name.replaceAll(" ", "%20");
    const asking = machine(host, `00000000-0000-0000-0000-00000000000${number}`, number ? "linux" : "<b>os</b>");
    const { verification_uri_complete: uri, user_code } = await asking.ask();
    const id = new URL(uri, app.url).searchParams.get("device_id");
    ok(await api(admin, "PUT", `devices/${id}/verify`, { user_code, trusted_device: number === 1 }));
  }
  ok(await api(admin, "PUT", "settings", { server_name: IMAGE }));
});

const waiting = await step("and a machine that waits", async () => {
  const asked = await machine("<script>alert(1)</script>", "00000000-0000-0000-0000-0000000000ff").ask();
  return asked.verification_uri_complete.replace(/^.*\/devices/, "devices");
});

const pages = {
  general: "settings/general",
  "api-tokens": "settings/api-tokens",
  "everyones-tokens": "settings/api-tokens?of=everyone",
  "service-accounts": "settings/service-accounts",
  "service-account": `settings/service-accounts/${account}`,
  connectors: "settings/connectors",
  connector: `settings/connectors/${connector}`,
  devices: "settings/devices",
  webhooks: "settings/webhooks",
  members: "settings/members",
  profile: "settings/profile",
  audit: "settings/audit-log",
  verify: waiting,
  missing: "settings/nothing",
};

for (const [shape, options] of Object.entries({
  "wide-light": { width: 1280, colorScheme: "light" },
  "wide-dark": { width: 1280, colorScheme: "dark" },
  "narrow-light": { width: 360, height: 740, colorScheme: "light" },
  "narrow-dark": { width: 360, height: 740, colorScheme: "dark" },
})) {
  const { page } = await person({ ...options, allow: [/^404 GET .*nothing/] });
  const look = async (name) => {
    await fits(page);
    await axe(page);
    check(!(await page.title()).startsWith("hostile"), "a name was run");
    check((await page.locator("img[onerror], main script, dialog script").count()) === 0, "a name is an element");
    await shot(page, `${name}-${shape}`);
  };
  await step(`${shape}: sign in`, async () => {
    await page.goto(at("sign-in"));
    await look("sign-in");
    await signIn(page);
  });
  for (const [name, path] of Object.entries(pages)) {
    await step(`${shape}: ${name}`, async () => {
      await page.goto(at(path));
      await look(name);
    });
  }
  await step(`${shape}: a name is text in a confirmation, too`, async () => {
    await page.goto(at("settings/members"));
    await page.getByRole("button", { name: `Delete ${SCRIPT}` }).click();
    await page.getByRole("heading", { name: `Delete “${SCRIPT}”?` }).waitFor();
    await look("confirm");
  });
}

await step("the exact moment is in the reader's own time zone", async () => {
  const { page } = await person({ timezoneId: "Asia/Kolkata", locale: "en-GB" });
  await signIn(page);
  const time = page.locator("time").first();
  const [title, moment] = [await time.getAttribute("title"), await time.getAttribute("datetime")];
  const there = new Date(moment).toLocaleTimeString("en-GB", { timeZone: "Asia/Kolkata" });
  check(title.includes(there), `${title} is not ${there}`);
});

await end();

// Links that somebody sends to an admin, and pages of another origin that the admin opens: what their browser then does.

import { createServer } from "node:http";
import { once } from "node:events";
import { app, check, end, step } from "./lib.mjs";
import { at, pathOf, signIn, signedIn } from "./console.mjs";

/** An admin who is signed in, and what their browser has sent since then beside asking for pages. */
async function admin(allow) {
  const someone = await signedIn({ allow });
  const sent = [];
  someone.context.on("request", (request) => {
    const url = new URL(request.url());
    sent.push(`${request.method()} ${url.pathname}`);
  });
  return { ...someone, sent };
}

const NOTHING_SENT = (sent) => {
  const done = sent.filter((line) => !line.startsWith("GET ") || line.endsWith("/logout"));
  check(done.length === 0, `the browser has sent ${done.join(", ")}`);
};
const HOME = "/console/settings/api-tokens";
const evilUsers = ["bob%2Fdeactivate%3F", "bob%2Fdeactivate%23", "..%2Fusers%2Fbob%2Fdeactivate%3F", "%2e%2e", "x%5C..%5Cbob"];

await step("a link to join calls nothing but the activation of the user that it names", async () => {
  const { page, sent } = await admin([/^404 GET \/.*console\/join/]);
  for (const user of evilUsers) {
    await page.goto(at(`join?user=${user}#0123`));
    await page.getByText("This link names no user").waitFor();
  }
  NOTHING_SENT(sent);
});

await step("a script that is handed such a name sends it as a name", async () => {
  const { page, sent } = await admin([/^4\d\d PUT /]);
  const join = async (user) => {
    await page.goto(at("join?user=0f3a1d52-6a0e-4b9e-8d57-1c2f5a6b7c8d#0123"));
    await page.evaluate((user) => (document.getElementById("join").dataset.user = user), user);
    for (const label of ["A password", "The password again"]) await page.getByLabel(label, { exact: true }).fill("long enough 1");
    await page.getByRole("button", { name: "Join" }).click();
    await page.locator(".problem:visible").waitFor();
    return page.locator(".problem:visible").innerText();
  };
  await join("bob/deactivate?");
  const root = new URL(app.url).pathname.replace(/\/$/, "");
  const last = sent.at(-1);
  check(last === `PUT ${root}/api/v1/users/bob%2Fdeactivate%3F/activate`, last);
  sent.length = 0;
  for (const user of ["..", ".", ""]) {
    const problem = await join(user);
    check(problem.includes("not whole"), problem);
  }
  NOTHING_SENT(sent);
});

await step("a form whose address is no address of the API's is not sent", async () => {
  const { page, sent } = await admin([]);
  const root = new URL(app.url).pathname.replace(/\/$/, "");
  for (const path of ["//evil.example/x", "https://evil.example/", `${root}/api/v1/users/../settings`, "api_tokens", "\\evil"]) {
    await page.goto(at("settings/general"));
    await page.evaluate((path) => (document.querySelector("form[data-path]").dataset.path = path), path);
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("not whole").waitFor();
  }
  NOTHING_SENT(sent);
});

await step("a sign-in that somebody has sent a link to signs in, and no more", async () => {
  const { page, sent, context } = await admin([]);
  await context.clearCookies();
  const root = new URL(app.url).pathname.replace(/\/$/, "");
  for (const next of [`${root}/api/v1/logout`, `${root}/console/../api/v1/logout`, "//evil.example/console/"]) {
    await page.goto(at(`sign-in?next=${encodeURIComponent(next)}`));
    await signIn(page);
    check(pathOf(page) === HOME, page.url());
    await context.clearCookies();
  }
  check(!sent.some((line) => line.endsWith("/logout")), sent.join("\n"));
});

/** Pages at another port: of the same site, so that the browser sends the session's cookie along. */
async function elsewhere(pages) {
  const server = createServer((request, response) => {
    const body = pages[new URL(request.url, "http://x").pathname];
    response.writeHead(body === undefined ? 404 : 200, { "content-type": "text/html" }).end(body);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return `http://127.0.0.1:${server.address().port}`;
}

await step("a page of another origin changes nothing with the browser's sessions", async () => {
  const someone = await signedIn({ allow: [/./] });
  const { page, context } = someone;
  const api = `${app.url}/api/v1`;
  // ZenML's session stands beside the console's.
  const status = await page.evaluate(async ([api, username, password]) => {
    const login = await fetch(`${api}/login`, { method: "POST", body: new URLSearchParams({ username, password }) });
    return login.status;
  }, [api, app.admin, app.password]);
  check(status === 200, `the sign-in answers ${status}`);
  const isSignedIn = () => page.evaluate(async (api) => (await fetch(`${api}/current-user`)).status, api);
  await page.goto(at("settings/general"));
  check((await isSignedIn()) === 200, "there is no session");

  const form = (path, fields, more = "") =>
    `<form method="post" ${more} action="${api}/${path}">${fields}</form><script>document.forms[0].submit()</script>`;
  const evil = await elsewhere({
    "/link": `<a id="go" href="${api}/logout">win</a>`,
    "/silent-link": `<a id="go" rel="noreferrer" href="${api}/logout">win</a>`,
    "/picture": `<img src="${api}/logout"><img src="${api}/api_token">`,
    "/frame": `<iframe src="${api}/logout"></iframe>`,
    "/hidden-frame": `<iframe sandbox="allow-scripts allow-forms" srcdoc='<script>fetch("${api}/logout", {mode: "no-cors", credentials: "include"})</script>'></iframe>`,
    "/sign-in": form("login", '<input name="username" value="bob"><input name="password" value="guess">'),
    "/json": form("api_tokens/revoke", `<input name='{"all": true, "x": "' value='"}'>`, 'enctype="text/plain"'),
    "/override": form("users/bob?_method=PUT", '<input name="_method" value="DELETE">'),
    "/fetch": `<script>
      for (const [method, path, body] of [["POST", "api_tokens/revoke", '{"all": true}'], ["PUT", "settings", "{}"], ["DELETE", "users/bob"], ["HEAD", "logout"], ["GET", "logout"]])
        for (const mode of ["cors", "no-cors"])
          fetch("${api}/" + path, { method, mode, credentials: "include", body }).catch(() => {});
    </script>`,
  });
  const there = await context.newPage();
  for (const path of ["/link", "/silent-link", "/picture", "/frame", "/hidden-frame", "/sign-in", "/json", "/override", "/fetch"]) {
    await there.goto(evil + path, { waitUntil: "networkidle" });
    const link = there.locator("#go");
    if (await link.count()) await link.click();
    await there.waitForLoadState("networkidle");
    check((await isSignedIn()) === 200, `${path} has ended the session`);
    const who = await page.evaluate(async (api) => (await (await fetch(`${api}/current-user`)).json()).name, api);
    check(who === app.admin, `after ${path} the browser is signed in as ${who}`);
  }
  const answer = await page.evaluate(async (api) => (await fetch(`${api}/logout`)).status, api);
  check(answer === 200, `the own page's sign-out answers ${answer}`);
  check((await isSignedIn()) === 401, "the own page can't sign out");
});

await step("no page of another origin shows one of this server's inside of it", async () => {
  const { context } = await signedIn({ allow: [/./] });
  const paths = ["/", "/console/", "/console/sign-in", "/docs/", "/openapi.json"];
  const frames = paths.map((path) => `<iframe src="${app.url}${path}"></iframe>`);
  const evil = await elsewhere({ "/": frames.join("") });
  const there = await context.newPage();
  await there.goto(evil, { waitUntil: "networkidle" });
  const shown = there.frames().slice(1).map((frame) => frame.url());
  check(shown.length === paths.length, shown.join(", "));
  check(shown.every((url) => url.startsWith("chrome-error:")), `shown: ${shown.join(", ")}`);
});

await end();

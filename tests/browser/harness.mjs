// The harness itself: what a page does wrong is noticed, and a page of the server does nothing wrong.

import { createServer } from "node:http";
import { once } from "node:events";
import { app, axe, check, end, person, shot, step } from "./lib.mjs";

const page = (body) => `<!doctype html><html lang="en"><title>Bad</title><main><h1>Bad</h1>${body}</main></html>`;
const bad = {
  "/console": page(`<script>console.error("a word of warning")</script>`),
  "/uncaught": page(`<script>setTimeout(() => { throw new Error("nobody catches it") })</script>`),
  "/outside": page(`<img alt="" src="http://outside.example/pixel.png">`),
  "/policy": page(`<script src="data:text/javascript,1"></script>`),
  "/missing": page(`<img alt="" src="/nothing">`),
  "/unusable": page(`<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw="><input>`),
};
const server = createServer((request, response) => {
  const policy = "default-src 'self' data: http:; script-src 'self' 'unsafe-inline'";
  const headers = { "content-type": "text/html", "content-security-policy": policy };
  const body = request.url === "/favicon.ico" ? "" : bad[request.url];
  response.writeHead(body === undefined ? 404 : 200, headers).end(body);
});
await once(server.listen(0, "127.0.0.1"), "listening");
const url = app.url;
app.url = `http://127.0.0.1:${server.address().port}`;

async function complaintsOf(path, wanted) {
  const someone = await person();
  await someone.page.goto(app.url + path, { waitUntil: "networkidle" });
  const found = someone.complaints.splice(0);
  check(found.length === 1 && found[0].search(wanted) === 0, `${path}: ${JSON.stringify(found)}`);
}

await step("what a page does wrong is noticed", async () => {
  await complaintsOf("/console", /console: a word of warning/);
  await complaintsOf("/uncaught", /uncaught: .*nobody catches it/);
  await complaintsOf("/outside", /request to http:\/\/outside.example\/pixel.png/);
  await complaintsOf("/policy", /console: .*Content Security Policy/);
  await complaintsOf("/missing", /404 GET \/nothing/);
});

await step("what is expected is no complaint", async () => {
  const someone = await person({ allow: [/^404 GET \/nothing/] });
  await someone.page.goto(`${app.url}/missing`, { waitUntil: "networkidle" });
});

await step("a page that not everyone can use is noticed", async () => {
  const { page } = await person();
  await page.goto(`${app.url}/unusable`);
  const said = await axe(page).catch((error) => error.message);
  for (const rule of ["image-alt", "label"]) check(said?.includes(`${rule} (critical)`), `no ${rule} in ${said}`);
});

await step("the server's page of its routes opens without a complaint", async () => {
  app.url = url;
  const { page } = await person({ width: 390, colorScheme: "dark" });
  await page.goto(`${url}/docs`);
  // Swagger UI draws some 300 routes, which takes ten seconds of a core of its own: there is more going on here.
  await page.getByText("/api/v1/api_token", { exact: true }).first().waitFor({ timeout: 200_000 });
  await shot(page, "docs");
});

await end();

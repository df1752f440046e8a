// An OpenID provider (certified: oidc-provider) on a free port, that gives jobs tokens in the shapes of GitHub, GitLab and
// Kubernetes: GET /job/SHAPE?audience=URI with the bearer "of the job", as GitHub answers it.
//
// It says one line of JSON when it listens: its address.

import { once } from "node:events";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { env } from "node:process";
import { pathToFileURL } from "node:url";

const require = createRequire(join(env.ZENDO_TEST_BROWSER, "programs.js"));
const { default: Provider } = await import(pathToFileURL(require.resolve("oidc-provider")));

const shapes = {
  github: {
    sub: "repo:acme/app:ref:refs/heads/main",
    claims: {
      repository: "acme/app", repository_owner: "acme", ref: "refs/heads/main", event_name: "push",
      workflow_ref: "acme/app/.github/workflows/train.yml@refs/heads/main", run_id: "7",
    },
  },
  gitlab: {
    sub: "project_path:acme/app:ref_type:branch:ref:main",
    claims: { project_path: "acme/app", namespace_path: "acme", ref: "main", ref_type: "branch", ref_protected: "true" },
  },
  kubernetes: {
    sub: "system:serviceaccount:ml:trainer",
    claims: { "kubernetes.io": { namespace: "ml", serviceaccount: { name: "trainer", uid: "1" } } },
  },
};
const secret = "the secret of a job's client, which has some length";

const server = createServer();
server.listen(0, "127.0.0.1");
await once(server, "listening");
const url = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(url, {
  // The subject of a client's token is its id.
  clients: Object.values(shapes).map(({ sub }) => ({
    client_id: sub,
    client_secret: secret,
    redirect_uris: [],
    response_types: [],
    grant_types: ["client_credentials"],
    token_endpoint_auth_method: "client_secret_post",
  })),
  ttl: { ClientCredentials: 300 },
  extraTokenClaims: (_, token) => Object.values(shapes).find(({ sub }) => sub === token.clientId)?.claims,
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, audience) => ({
        scope: "job", audience, accessTokenFormat: "jwt", jwt: { sign: { alg: "RS256" } },
      }),
    },
  },
});

const callback = provider.callback();
server.on("request", async (request, response) => {
  const asked = new URL(request.url, url);
  if (!asked.pathname.startsWith("/job/")) return callback(request, response);
  const shape = shapes[asked.pathname.slice("/job/".length)];
  if (request.headers.authorization !== "Bearer of the job" || !shape) return response.writeHead(401).end("{}");
  const form = new URLSearchParams({
    grant_type: "client_credentials", client_id: shape.sub, client_secret: secret, scope: "job",
    resource: asked.searchParams.get("audience"),
  });
  const given = await (await fetch(`${url}/token`, { method: "POST", body: form })).json();
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ value: given.access_token, said: given.error_description }));
});
console.log(JSON.stringify({ url }));

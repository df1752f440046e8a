// An OpenID provider (certified: oidc-provider) on a free port, whose clients and tokens a test knows.
//
// It says one line of JSON when it listens: its address, and a refresh token of the client "refreshing".

import { once } from "node:events";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { env } from "node:process";
import { pathToFileURL } from "node:url";

const require = createRequire(join(env.ZENDO_TEST_BROWSER, "programs.js"));
const { default: Provider } = await import(pathToFileURL(require.resolve("oidc-provider")));

const client = (client_id, more) => ({
  client_id,
  client_secret: `the secret of ${client_id}`,
  redirect_uris: [],
  response_types: [],
  grant_types: ["client_credentials"],
  ...more,
});

// The address is in what it issues, so the port is taken first.
const server = createServer();
server.listen(0, "127.0.0.1");
await once(server, "listening");
const url = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(url, {
  clients: [
    client("basic"),
    client("posting", { token_endpoint_auth_method: "client_secret_post" }),
    client("refreshing", {
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      redirect_uris: ["https://example.org/callback"],
    }),
  ],
  scopes: ["openid", "offline_access", "read"],
  ttl: { ClientCredentials: 600, AccessToken: 600 },
  rotateRefreshToken: false,
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true },
    resourceIndicators: { enabled: false },
  },
  findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
});
server.on("request", provider.callback());

const grant = new provider.Grant({ accountId: "ada", clientId: "refreshing" });
grant.addOIDCScope("openid offline_access");
const refresh = new provider.RefreshToken({
  accountId: "ada",
  client: await provider.Client.find("refreshing"),
  grantId: await grant.save(),
  gty: "authorization_code",
  scope: "openid offline_access",
  expiresWithSession: false,
});
console.log(JSON.stringify({ url, refresh_token: await refresh.save() }));

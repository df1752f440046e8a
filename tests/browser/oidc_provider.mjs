// An OpenID provider (certified: oidc-provider) on a free port, or on PORT, whose clients, people and tokens a test knows.
//
// It says one line of JSON when it listens: its address, and a refresh token of the client "refreshing".
//
// People sign in at its pages in a browser. A test that has none asks below /test/ (JSON in, JSON out): `code` for a code as
// somebody's browser would bring it back, `asked` for what the last browser's request for authorization said, `person` to
// change or remove (`claims: null`) a person, `rotate` for new keys,
// `logout` to have a client told that somebody's session is over, `tells` to have it told whenever somebody signs out here.

import { once } from "node:events";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { env } from "node:process";
import { pathToFileURL } from "node:url";

const require = createRequire(join(env.ZENDO_TEST_BROWSER, "programs.js"));
const { default: Provider } = await import(pathToFileURL(require.resolve("oidc-provider")));
const { generateKeyPair, exportJWK } = await import(pathToFileURL(require.resolve("jose")));

const client = (client_id, more) => ({
  client_id,
  client_secret: `the secret of ${client_id}`,
  redirect_uris: [],
  response_types: [],
  grant_types: ["client_credentials"],
  ...more,
});
// Servers whose people sign in here.
const zendo = (client_id, more) =>
  client(client_id, {
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    redirect_uris: ["http://127.0.0.1/console/oidc/callback"],
    ...more,
  });

// What it knows of people, by their subjects.
const people = new Map(
  Object.entries({
    ada: { preferred_username: "ada", name: "Ada Lovelace", email: "ada@example.com", email_verified: true, groups: ["ml", "ops"] },
    bob: { preferred_username: "bob", name: "Bob", email: "bob@example.com", email_verified: true, groups: ["ml"] },
    eve: { preferred_username: "eve", email: "eve@example.com", email_verified: false, groups: [] },
    // Who calls themselves as somebody else is called here.
    mallory: { preferred_username: "default", email: "default@example.org", email_verified: true },
  }),
);

// The last logout token that it has sent.
let sent;
// What the last request for authorization said.
let asked = {};

// The address is in what it issues, so the port is taken first.
const server = createServer();
server.listen(Number(env.PORT ?? 0), "127.0.0.1");
await once(server, "listening");
const url = `http://127.0.0.1:${server.address().port}`;

async function newKeys() {
  const kinds = [["RS256", {}], ["ES256", {}], ["EdDSA", { crv: "Ed25519" }]];
  const keys = kinds.map(async ([alg, options]) => {
    const { privateKey } = await generateKeyPair(alg, { extractable: true, ...options });
    return { ...(await exportJWK(privateKey)), alg, use: "sig", kid: `${alg}-${Math.random().toString(36).slice(2)}` };
  });
  return { keys: await Promise.all(keys) };
}

const configuration = {
  clients: [
    client("basic"),
    client("posting", { token_endpoint_auth_method: "client_secret_post" }),
    client("refreshing", {
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      redirect_uris: ["https://example.org/callback"],
    }),
    zendo("zendo"),
    zendo("zendo-posting", { token_endpoint_auth_method: "client_secret_post" }),
    zendo("zendo-ES256", { id_token_signed_response_alg: "ES256" }),
    zendo("zendo-EdDSA", { id_token_signed_response_alg: "EdDSA" }),
    zendo("zendo-HS256", { id_token_signed_response_alg: "HS256" }),
    zendo("zendo-public", { token_endpoint_auth_method: "none", client_secret: undefined }),
  ],
  scopes: ["openid", "offline_access", "read"],
  claims: {
    openid: ["sub"],
    email: ["email", "email_verified"],
    profile: ["name", "preferred_username", "groups", "realm_access"],
  },
  cookies: { keys: ["for tests"] },
  enabledJWA: { idTokenSigningAlgValues: ["RS256", "ES256", "EdDSA", "HS256"] },
  ttl: { ClientCredentials: 600, AccessToken: 600, AuthorizationCode: 60, IdToken: 600, Interaction: 600, Session: 600, Grant: 600 },
  rotateRefreshToken: (ctx) => ctx.oidc.client.clientId.startsWith("zendo"),
  issueRefreshToken: async (_, client) => client.grantTypeAllowed("refresh_token"),
  features: {
    backchannelLogout: { enabled: true },
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true },
    resourceIndicators: { enabled: false },
  },
  // Its own way refuses to call this machine, where the servers of tests are.
  fetch: (address, { dispatcher: _, ...options }) => {
    sent = options.body?.get("logout_token");
    return fetch(address, options);
  },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, accountId) => {
    // The clients that are no servers of zendo's know people of whom nothing is said.
    const claims = people.get(accountId) ?? (people.has(accountId) ? null : { sub: accountId });
    return claims ? { accountId, claims: () => ({ sub: accountId, ...claims }) } : undefined;
  },
  async loadExistingGrant({ oidc }) {
    // Whoever signs in here has agreed to whatever is asked for.
    const { session, client, params } = oidc;
    const grant = new provider.Grant({ accountId: session.accountId, clientId: client.clientId });
    grant.addOIDCScope(params.scope);
    await grant.save();
    return grant;
  },
};

// Any server of a test may be come back to.
function allowAllAddresses(provider) {
  provider.Client.prototype.redirectUriAllowed = () => true;
  return provider;
}

let provider = allowAllAddresses(new Provider(url, { ...configuration, jwks: await newKeys() }));
let answer = provider.callback();

const escaped = (text) => String(text).replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
const page = (uid, said = "") => `<!doctype html><html lang="en"><title>Provider</title><main><h1>The company's account</h1>
<form method="post" action="/interaction/${escaped(uid)}"><p>${escaped(said)}</p><label>Name <input name="login"></label>
<button>Continue</button></form></main></html>`;

async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function interact(request, response) {
  const { uid } = await provider.interactionDetails(request, response);
  const show = (said) => response.writeHead(200, { "content-type": "text/html" }).end(page(uid, said));
  if (request.method !== "POST") return show();
  const login = new URLSearchParams(await bodyOf(request)).get("login");
  if (login === "nobody") return provider.interactionFinished(request, response, { error: "access_denied" });
  if (!people.get(login)) return show("There is nobody of that name.");
  return provider.interactionFinished(request, response, { login: { accountId: login } });
}

const commands = {
  /** A code for whoever signs in, as it comes back for an address of authorization. */
  async code({ authorization_url, subject, session }) {
    const asked = Object.fromEntries(new URL(authorization_url).searchParams);
    const client = await provider.Client.find(asked.client_id);
    const grant = new provider.Grant({ accountId: subject, clientId: asked.client_id });
    grant.addOIDCScope(asked.scope);
    const code = new provider.AuthorizationCode({
      accountId: subject,
      client,
      codeChallenge: asked.code_challenge,
      codeChallengeMethod: asked.code_challenge_method,
      grantId: await grant.save(),
      nonce: asked.nonce,
      redirectUri: asked.redirect_uri,
      scope: asked.scope,
      claims: { id_token: { sid: null } },
      sid: session,
      gty: "authorization_code",
    });
    return { code: await code.save(), state: asked.state, iss: url };
  },
  async asked() {
    return asked;
  },
  async person({ subject, claims }) {
    people.set(subject, claims);
    return {};
  },
  async tells({ client_id, address }) {
    const client = await provider.Client.find(client_id);
    Object.assign(client, { backchannelLogoutUri: address, backchannelLogoutSessionRequired: true });
    return {};
  },
  async rotate() {
    provider = allowAllAddresses(new Provider(url, { ...configuration, jwks: await newKeys() }));
    answer = provider.callback();
    return {};
  },
  /** What the client answers, and the token that it was sent. */
  async logout({ client_id, address, subject, session }) {
    const client = await provider.Client.find(client_id);
    client.backchannelLogoutUri = address;
    client.backchannelLogoutSessionRequired = session !== undefined;
    try {
      await client.backchannelLogout(subject, session);
      return { status: 200, logout_token: sent };
    } catch (error) {
      return { status: error.response?.status ?? 0, logout_token: sent, error: String(error.cause ?? error) };
    }
  },
};

server.on("request", async (request, response) => {
  try {
    const { pathname, searchParams } = new URL(request.url, url);
    const [, place, name] = pathname.split("/");
    if (place === "auth" && searchParams.size) asked = Object.fromEntries(searchParams);
    if (place === "test" && commands[name]) {
      const told = await commands[name](JSON.parse((await bodyOf(request)) || "{}"));
      return response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(told));
    }
    if (place === "interaction") return await interact(request, response);
    return answer(request, response);
  } catch (error) {
    console.error(error);
    return response.writeHead(500).end(String(error));
  }
});

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

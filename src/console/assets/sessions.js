// Signing in and out, and the first steps of a server or a user.

import { Problem, api, given, goOnIfLetIn, leaveFor } from "./addresses.js";
import { call, hasSession, sayNext } from "./api.js";
import { onSubmit } from "./forms.js";

const signIn = (username, password) => call("POST", api`login`, { form: { grant_type: "password", username, password } });

function samePassword(form) {
  const { password, again } = form.elements;
  if (password.value !== again.value) throw new Problem("The two passwords are not the same. Type them again.");
  return password.value;
}

/** Keeps the page that was signed in from out of the history. */
const goOn = (form) => location.replace(given(form.dataset.then));

/** Goes to a provider that knows people, which sends the browser back to its page here. */
async function goToProvider(form) {
  const { next, provider, toProvider } = form.dataset;
  const json = { next, provider, link: toProvider === "link" };
  const { authorization_url } = await call("POST", api`oidc/start`, { json });
  leaveFor(authorization_url);
}

/** Ends what the provider has sent the browser back for. */
async function endAtCallback(place) {
  const said = new URLSearchParams(location.search);
  const saidFor = (name) => said.get(name) ?? undefined;
  // What stood in the address is good once, and for nobody who looks at it later.
  history.replaceState(null, "", location.pathname);
  try {
    const json = { state: saidFor("state") ?? "", code: saidFor("code"), iss: saidFor("iss"), error: saidFor("error") };
    const { next, linked } = await call("POST", api`oidc/sign_in`, { json });
    if (linked) sayNext("Your account is linked.");
    // The sign-in is one for ZenML's dashboard, too, which asks its server for nothing before this is so.
    else localStorage.setItem("isAuthenticated", "true");
    location.replace(given(next));
  } catch (error) {
    const problem = place.querySelector(".problem");
    problem.textContent = error.message;
    problem.hidden = false;
    place.querySelector(".again").hidden = false;
    const heading = place.querySelector("h1");
    heading.textContent = "You are not signed in";
    heading.focus();
  }
}

const forms = {
  "sign-in": async (form) => {
    await signIn(form.elements.username.value, form.elements.password.value);
    goOn(form);
  },
  activate: async (form) => {
    const password = samePassword(form);
    const name = form.elements.username.value;
    const server = { server_name: form.elements.server_name.value, admin_username: name, admin_password: password };
    await call("PUT", api`activate`, { json: server });
    await signIn(name, password);
    goOn(form);
  },
  join: async (form) => {
    const activation_token = location.hash.slice(1);
    if (!activation_token) throw new Problem("The address of this page is not whole. Open the link as you got it.");
    const password = samePassword(form);
    const user = await call("PUT", api`users/${form.dataset.user}/activate`, { json: { activation_token, password } });
    await signIn(user.name, password);
    goOn(form);
  },
  "change-password": async (form) => {
    const password = samePassword(form);
    const change = { old_password: form.elements.old.value, password };
    await call("PUT", api`current-user`, { json: change }).catch((problem) => {
      throw problem.status === 403 ? new Problem("That is not your password now. Type it again.") : problem;
    });
    // The change has ended this session, too.
    if (hasSession) await signIn(form.dataset.name, password);
    sayNext("Your password is changed.");
    location.reload();
  },
};

export function begin() {
  for (const [id, act] of Object.entries(forms)) {
    const form = document.getElementById(id);
    if (form) onSubmit(form, () => act(form));
  }
  for (const form of document.querySelectorAll("[data-to-provider]")) onSubmit(form, () => goToProvider(form));
  const waiting = document.getElementById("sign-in") ?? document.querySelector("[data-to-provider=sign-in]");
  // Who follows a link of another site's page comes without the strict cookie, signed in or not: this page asks again.
  if (waiting && new URLSearchParams(location.search).has("next")) goOnIfLetIn(waiting);
  const callback = document.getElementById("provider-callback");
  if (callback) endAtCallback(callback);
  const out = document.getElementById("sign-out");
  out?.addEventListener("click", async () => {
    try {
      await call("GET", api`logout`);
      location.replace(given(out.dataset.then));
    } catch (error) {
      out.textContent = error.message;
    }
  });
}

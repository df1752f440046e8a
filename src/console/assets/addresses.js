// Addresses of this server: each is made here, of parts that are encoded, so that none becomes more than it is.

const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content ?? "";

/** Where all paths of the server start. */
const root = meta("zendo-root");

/** What went wrong, in words for whoever looks at the page. */
export class Problem extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

const notWhole = () => new Problem("The address of this page is not whole. Open the link as you got it.");

/** A path of this server, with a query. Nothing else is called or gone to. */
export class Address {
  #text;

  constructor(text) {
    // Whatever it was made of, a browser goes just there.
    const url = new URL(text, location.origin);
    const isWhole = url.origin === location.origin && url.pathname + url.search === text && text.startsWith(`${root}/`);
    if (!isWhole) throw notWhole();
    this.#text = text;
  }

  /** With these names and values in its query. */
  with(fields) {
    return new Address(`${this.#text}?${new URLSearchParams(fields)}`);
  }

  /** What is named so below it. */
  below(name) {
    return new Address(`${this.#text}/${part(name)}`);
  }

  /** As somebody elsewhere needs it, with what only their browser is to see. */
  whole(fragment = "") {
    const url = new URL(this.#text, location.origin);
    url.hash = fragment;
    return url.href;
  }

  toString() {
    return this.#text;
  }
}

function part(value) {
  const text = String(value ?? "");
  // A browser goes up at dots, however they are encoded.
  if (/^\.{0,2}$/.test(text)) throw notWhole();
  return encodeURIComponent(text);
}

const below = (front) => (literals, ...parts) =>
  new Address(root + front + literals.reduce((text, literal, index) => text + part(parts[index - 1]) + literal));

/** api`users/${id}/activate` */
export const api = below("/api/v1/");
/** page`settings/members` */
export const page = below("/console/");

/** An address that the server has put into this page. */
export const given = (text) => new Address(text);

/** The server itself as a program elsewhere calls it: by the name that the operator gave it, or this page's. */
export const server = (named) => named || location.origin + root;

/** An example for people to read: a place of the API at that server. */
export const example = (at, path) => [at, "api/v1", path].join("/");

/** Where a form asks. */
export const pathOf = (form) => given(form.dataset.path);

/** Goes where a form leads to, if whoever looks at it is let in there. */
export async function goOnIfLetIn(form) {
  const then = given(form.dataset.then ?? form.dataset.next);
  const answer = await fetch(then, { redirect: "manual", headers: { Accept: "text/html" } }).catch(() => null);
  if (answer?.ok) location.replace(then);
}

/** Leaves for a page of somebody else's, which this server has named. */
export function leaveFor(text) {
  const url = new URL(text);
  if (url.protocol !== "https:" && url.protocol !== "http:") throw new Problem("The provider's address can't be opened.");
  location.assign(url);
}

// Who is logged in. The session lives in the memory of the page: it ends with a reload,
// and nothing of it is ever in a URL, a cookie or the browser's storage.

/**
 * @typedef {{publish?: string[], subscribe?: string[], define?: string[], administer?: string[], serve?: string[], fetch?: string[]}} Rights
 * @typedef {"publish" | "subscribe" | "define" | "administer" | "serve" | "fetch"} Right
 */

/** What a client may be allowed to do. @type {Right[]} */
export const rights = ["publish", "subscribe", "define", "administer", "serve", "fetch"];

/** Reports whether a pattern with at most one * matches a name, which may be a pattern. */
function matches(pattern, name) {
  const star = pattern.indexOf("*");
  if (star < 0) return pattern === name;
  const before = pattern.slice(0, star), after = pattern.slice(star + 1);
  return name.length >= before.length + after.length && name.startsWith(before) && name.endsWith(after);
}

/** A client with its secret, or the bearer of a token. */
export class Session {
  /** @param {{kind: "secret" | "token", clientId: string, jailId: string, secret?: string, token?: string, root?: boolean, rights?: Rights | null, claims?: any}} options */
  constructor(options) {
    Object.assign(this, options);
    /** @type {Rights | null} null is all rights */
    this.rights = options.rights ?? null;
    if (this.kind === "token") this.rights = { subscribe: this.claims?.streams ?? ["*"], publish: this.claims?.publish ?? [] };
  }

  /** Whether the HTTP API is there: bearers of tokens have the WebSocket only. */
  get hasHttp() {
    return this.kind === "secret";
  }

  /** Whether the session has a right for a stream or service; for "*", for all of them. @param {Right} right @param {string} [name] */
  may(right, name = "*") {
    return this.rights === null || (this.rights[right] ?? []).some((pattern) => matches(pattern, name));
  }

  /** Whether the session has a right for anything. @param {Right} right */
  mayAny(right) {
    return this.rights === null || (this.rights[right] ?? []).length > 0;
  }

  /** The credentials of an authenticate request. */
  get credentials() {
    return this.kind === "token"
      ? { type: "jwt", clientId: this.clientId, jwt: this.token, ...(this.jailId ? { jailId: this.jailId } : {}) }
      : { type: "basic", clientId: this.clientId, clientSecret: this.secret };
  }
}

/** @type {Session | null} */
let current = null;
const listeners = new Set();

export const session = () => current;

/** Begins or ends the session, and tells the listeners why. @param {Session | null} next @param {string} [why] */
export function setSession(next, why) {
  if (next === null && current === null) return;
  current = next;
  for (const listener of listeners) listener(next, why);
}

/** Calls f when the session begins or ends. @param {(session: Session | null, why?: string) => void} f */
export const onSession = (f) => void listeners.add(f);

// Calls of the HTTP API. Its address is relative to the page, so a proxy may put the gateway
// below a path.
import { advice } from "./advice.js";
import { session, setSession } from "./session.js";

export const base = new URL("../api/v1", document.baseURI).href;

/** Where clients reach this gateway, without /api/v1. */
export const gatewayUrl = base.replace(/\/api\/v1$/, "");

/** What the gateway, or the way to it, says is wrong. */
export class Problem extends Error {
  /** @param {{code: string, title?: string, detail: string, errors?: string[], status?: number}} problem */
  constructor(problem) {
    super(withoutPointer(problem.detail));
    this.code = problem.code;
    this.title = problem.title ?? "Something went wrong";
    this.errors = problem.errors ?? [];
    this.status = problem.status ?? 0;
    /** What to do next. */
    this.advice = advice[this.code] ?? "";
  }
}

/** A text of the gateway without its pointer to a list of errors, which the console shows below it. @param {string} text */
export const withoutPointer = (text) => String(text ?? "").replace(/: see errors$/, "");

/** Reports whether an error only says that its request is not wanted any more. */
export const isAbort = (error) => error?.name === "AbortError";

/** Milliseconds until a question without an answer is given up. A network that is gone without a word ends no call. */
const patience = 30_000;

/** A signal that ends with another one, or when the patience does. @param {AbortSignal} [signal] */
function impatient(signal) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new DOMException("no answer", "TimeoutError")), patience);
  const signals = signal ? [signal, controller.signal] : [controller.signal];
  return { signal: AbortSignal.any(signals), done: () => clearTimeout(timer) };
}

/** The gateway, or its files, cannot be reached. */
export const unreachable = () =>
  new Problem({ code: "unreachable", title: "No answer from the gateway", detail: "The gateway did not answer. It may be restarting, or the network between it and this page is down." });

/**
 * Makes a call, and returns the answer as text and as a value. Texts keep the digits of
 * numbers that JavaScript cannot hold.
 * @param {string} method @param {string} path below /api/v1
 * @param {{body?: any, raw?: string, query?: Object<string, any>, headers?: Object<string, string>, signal?: AbortSignal, as?: import("./session.js").Session}} [options]
 */
export async function exchange(method, path, options = {}) {
  const who = options.as ?? session();
  const url = new URL(base + path);
  for (const [name, value] of Object.entries(options.query ?? {})) if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, String(value));
  /** @type {Object<string, string>} */
  const headers = { ...options.headers };
  if (who?.hasHttp) headers.Authorization = "Basic " + btoa(String.fromCharCode(...new TextEncoder().encode(`${who.clientId}:${who.secret}`)));
  let body;
  if (method !== "GET") {
    headers["Content-Type"] = "application/json";
    body = options.raw ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
  }
  let response, text;
  const until = method === "GET" ? impatient(options.signal) : { signal: options.signal, done: () => {} };
  try {
    response = await fetch(url, { method, headers, body, signal: until.signal, credentials: "omit", cache: "no-store" });
    text = await response.text();
  } catch (error) {
    if (isAbort(error)) throw error;
    reportReachable(false);
    throw unreachable();
  } finally {
    until.done();
  }
  reportReachable(true);
  let value = null;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Problem({ code: "not_json", title: "Not an answer of the gateway", status: response.status, detail: `Something between this page and the gateway answered with status ${response.status}.` });
  }
  if (!response.ok) {
    const problem = new Problem({ ...value, status: response.status });
    if (response.status === 401 && !options.as && session() === who && who?.hasHttp) setSession(null, "The gateway no longer accepts these credentials. They were rotated or removed while you were here.");
    throw problem;
  }
  return { text, value };
}

/** Makes a call and returns the answer. @param {string} method @param {string} path @param {Parameters<typeof exchange>[2]} [options] */
export const call = async (method, path, options) => (await exchange(method, path, options)).value;

/** @param {string} path @param {Object<string, any>} [query] @param {AbortSignal} [signal] */
export const get = (path, query, signal) => call("GET", path, { query, signal });

/** The path of a stream, or of something below it. @param {string} name @param {...string} rest */
export const streamPath = (name, ...rest) => ["/streams", name, ...rest].map((part, i) => (i ? encodeURIComponent(part) : part)).join("/");

/** The path of a client of the jail, or of something below it. @param {string} id @param {...string} rest */
export const clientPath = (id, ...rest) => "/client/" + [id, ...rest].map(encodeURIComponent).join("/");

let reachable = true;
const watchers = new Set();

/** Tells the watchers whether the gateway answers. @param {boolean} now */
export function reportReachable(now) {
  if (now === reachable) return;
  reachable = now;
  for (const watcher of watchers) watcher(now);
}

/** Calls f when the gateway stops or begins to answer, until the signal ends. @param {(reachable: boolean) => void} f @param {AbortSignal} [signal] */
export function onReachable(f, signal) {
  watchers.add(f);
  signal?.addEventListener("abort", () => watchers.delete(f));
}

/** Asks whether the gateway answers. */
export async function probe() {
  const begun = performance.now();
  const about = await call("GET", "");
  return { version: about.version, modules: about.modules, milliseconds: performance.now() - begun };
}

/** Returns the messages of a page with their payloads as text, as they were published. @param {string} text of the answer @param {any} page */
export function withTexts(text, page) {
  const payloads = rawPayloads(text);
  return page.messages.map((m, i) => ({ seq: m.seq, time: m.time, text: payloads[i] ?? JSON.stringify(m.payload) }));
}

/** Cuts the payloads out of an answer to GET messages, whose form is {"messages":[{"seq":…,"time":…,"payload":…},…],…}. */
function rawPayloads(text) {
  const found = [];
  let at = text.indexOf("[") + 1;
  while (at > 0 && text[at] === "{") {
    const begin = text.indexOf('"payload":', at) + 10;
    const end = valueEnd(text, begin);
    found.push(text.slice(begin, end));
    at = end + 1; // behind the } of the message
    if (text[at] !== ",") break;
    at++;
  }
  return found;
}

/** Returns where the JSON value that begins at an index ends. @param {string} text @param {number} at */
export function valueEnd(text, at) {
  let depth = 0, quoted = false;
  for (; at < text.length; at++) {
    const c = text[at];
    if (quoted) {
      if (c === "\\") at++;
      else if (c === '"') quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === "{" || c === "[") depth++;
    else if (c === "}" || c === "]" || c === ",") {
      if (depth === 0 || (c === "," && depth === 0)) return at;
      if (c !== ",") depth--;
      if (depth === 0 && c !== ",") return at + 1;
    }
  }
  return at;
}

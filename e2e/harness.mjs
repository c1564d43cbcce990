// The harness of all tests in a browser. A test gets pages of a headless Chromium. It fails
// if a page logs an error, throws one, or asks another origin for anything; and it leaves
// a picture of each page in e2e/failures.
//
// TestBrowser in cmd/seagate runs each *.test.mjs of this folder beside a gateway of its own,
// of which these tell the script:
//
//	SEAGATE_URL, SEAGATE_ADMIN_URL             the two listeners
//	SEAGATE_CLIENT_ID, SEAGATE_CLIENT_SECRET   a client of the root jail that may do everything
//	SEAGATE_PROGRAM                            the binary, for tests that start a gateway themselves
//	SEAGATE_BROWSER                            the Chromium that all scripts share

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { generateKeyPairSync, sign } from "node:crypto";
import { createServer } from "node:http";
import { connect as connectTCP, createServer as createTCPServer } from "node:net";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { launch } from "./chromium.mjs";

export const root = fileURLToPath(new URL("..", import.meta.url)); // of the sources
const failures = join(root, "e2e/failures");

// The gateway that runs beside the script.
export const gateway = {
  url: process.env.SEAGATE_URL,
  adminURL: process.env.SEAGATE_ADMIN_URL,
  clientId: process.env.SEAGATE_CLIENT_ID,
  clientSecret: process.env.SEAGATE_CLIENT_SECRET,
};

// api calls the HTTP API as the gateway's client and returns the answer. It throws what the
// gateway says when it refuses.
export async function api(method, path, body, { url, clientId, clientSecret } = gateway) {
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: { "Content-Type": "application/json", Authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString("base64")}` },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return JSON.parse(text);
}

// eventually waits until f returns something truthy, and returns it.
export async function eventually(what, f, patience = 30e3) {
  for (const start = Date.now(); ; ) {
    const value = await f();
    if (value) return value;
    if (Date.now() - start > patience) throw new Error(`it never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

// holds waits until f, which runs in the page, returns something truthy. page.waitForFunction cannot do
// that on pages of the console: it asks again with eval, which their policy forbids.
export const holds = (page, f) => eventually(String(f), () => page.evaluate(f));

// startGateway runs a gateway of the caller's own. Settings are variables of the
// environment, as SEAGATE_WEBSOCKET_PING_INTERVAL. It ends with the script's tests.
export async function startGateway(settings = {}) {
  const folder = mkdtempSync(join(tmpdir(), "seagate-e2e-"));
  const g = { ...gateway, process: undefined };
  let listen = "127.0.0.1:0";

  g.start = async () => {
    const child = spawn(process.env.SEAGATE_PROGRAM, ["serve"], {
      stdio: ["ignore", "ignore", "pipe"],
      env: {
        PATH: process.env.PATH, HOME: folder, SEAGATE_DATA_DIR: folder, SEAGATE_LISTEN: listen, SEAGATE_ADMIN_LISTEN: "127.0.0.1:0",
        SEAGATE_ROOT_CLIENT_ID: g.clientId, SEAGATE_ROOT_CLIENT_SECRET: g.clientSecret,
        SEAGATE_SHUTDOWN_DRAIN: "0s", SEAGATE_SHUTDOWN_TIMEOUT: "20s", ...settings,
      },
    });
    g.process = child;
    g.exited = new Promise((resolve) => child.once("exit", resolve));
    const log = [];
    const serving = new Promise((resolve, reject) => {
      createInterface({ input: child.stderr }).on("line", (line) => {
        log.push(line);
        if (line.includes('"msg":"serving"')) resolve(JSON.parse(line));
      }).on("close", () => reject(new Error(`the gateway does not serve:\n${log.slice(-20).join("\n")}`)));
    });
    listen = (await serving).listen; // the same port when it starts again
    g.url = `http://${listen}`;
  };
  g.stop = (signal = "SIGTERM") => {
    g.process.kill(signal);
    return g.exited;
  };
  after(async () => {
    await g.stop("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });
  await g.start();
  return g;
}

const types = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".json": "application/json", ".svg": "image/svg+xml" };

// serveFiles serves the sources to pages, and an empty page at "/", until the tests are done. Under
// the paths of more it answers what their functions return: a body, or nothing if there is none yet.
export async function serveFiles(more = {}) {
  const server = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, "http://x").pathname));
    if (path === "/") {
      response.setHeader("Content-Type", "text/html; charset=utf-8");
      return response.end('<!DOCTYPE html><html lang="en"><title>Test</title><link rel="icon" href="data:,"><main><h1>Test</h1></main>');
    }
    if (more[path]) {
      const body = more[path]();
      response.writeHead(body ? 200 : 503, { "Content-Type": "text/html; charset=utf-8" });
      return response.end(body);
    }
    try {
      const body = await readFile(join(root, path.endsWith("/") ? `${path}index.html` : path));
      response.setHeader("Content-Type", `${types[extname(path)] ?? "text/html"}; charset=utf-8`);
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => server.closeAllConnections() ?? server.close());
  return `http://127.0.0.1:${server.address().port}`;
}

let own; // the browser of this script alone, if it has one
let browser;
let shared; // the context of all pages but those that have one of their own
const kept = new Map(); // pages that the next test may have, by the name under which they are kept

// useBrowser connects to the browser that the scripts share, or starts one if there is none, or
// if the script is to have it alone. Call it at the top.
export function useBrowser({ alone = false } = {}) {
  before(async () => {
    const { chromium } = await import("playwright-core");
    if (alone || !process.env.SEAGATE_BROWSER) own = await launch();
    browser = await chromium.connect(own?.wsEndpoint() ?? process.env.SEAGATE_BROWSER);
    shared = await newContext();
    await (await shared.newPage()).goto(`${gateway.url}/api/v1`); // it keeps the process of the site
  });
  after(async () => {
    await browser?.close();
    await own?.close();
  });
}

// browserProcess is the first process of Chromium, if the script has it alone. It leads the
// group of the others.
export const browserProcess = () => own.process();

// browserTest is a test that gets open: it opens a page at a URL. Options of open:
//
//	allow      origins beside that of the URL that the page may ask
//	expect     patterns of errors that the page may log
//	theme      "light" or "dark"
//	width      of the window in pixels, 1440 if it is left out
//	own        true: the page shares no storage, clock and network with other pages
//	keep       a name: the page stays open after the test if that succeeds, at "#/kept", and
//	           the next test that gives the name gets it as it is
//
// The page has page.problems: what is wrong with it so far.
export function browserTest(name, f) {
  test(name, async (t) => {
    const pages = [];
    const open = async (url, options = {}) => {
      const page = await openPage(url, options);
      pages.push(page);
      return page;
    };
    try {
      await f({ open, t });
      for (const page of pages) assert.deepEqual(page.problems, [], `${page.url()} has problems`);
    } catch (error) {
      await Promise.all(pages.map((page, i) => photograph(page, `${name} ${i + 1}`)));
      for (const page of pages) page.keep = undefined;
      throw error;
    } finally {
      await Promise.all(pages.map(leave));
    }
  });
}

async function newContext() {
  const context = await browser.newContext({ reducedMotion: "reduce", locale: "en-GB", timezoneId: "UTC" });
  context.setDefaultTimeout(20e3);
  return context;
}

// leave closes a page that is not kept, and what it has stored is gone.
async function leave(page) {
  if (page.context() !== shared) return page.context().close().catch(() => {});
  await page.evaluate(() => [localStorage, sessionStorage].forEach((s) => s.clear())).catch(() => {}); // a file has none
  if (!page.keep || kept.has(page.keep)) return page.close().catch(() => {});
  kept.set(page.keep, page);
  await page.unrouteAll();
  await page.evaluate(() => (location.hash = "#/kept"));
}

async function openPage(url, { allow = [], expect = [], theme = "light", width = 1440, height = 900, own = false, keep }) {
  const old = kept.get(keep);
  kept.delete(keep); // it is this test's
  const page = old ?? (await (own ? await newContext() : shared).newPage());
  if (!old) watch(page);
  Object.assign(page, { keep, problems: [], origins: new Set([new URL(url).origin, ...allow]), expected: expect });
  await page.setViewportSize({ width, height });
  await page.emulateMedia({ colorScheme: theme });
  if (!old) await page.goto(url);
  return page;
}

// watch adds each problem of the page to page.problems.
function watch(page) {
  const note = (text) => page.expected.some((pattern) => pattern.test(text)) || page.problems.push(text);
  const ask = (url) => {
    const u = new URL(url);
    if (/^(data|blob|about):/.test(u.protocol)) return;
    const origin = u.origin.replace(/^ws/, "http");
    if (!page.origins.has(origin)) page.problems.push(`asks another origin: ${url}`);
  };
  page.on("console", (message) => message.type() === "error" && note(`console: ${message.text()}`));
  page.on("pageerror", (error) => note(`error: ${error.stack ?? error}`));
  page.on("crash", () => page.problems.push("the page crashed"));
  page.on("request", (request) => ask(request.url()));
  page.on("websocket", (socket) => ask(socket.url().replace(/^ws/, "http")));
}

async function photograph(page, name) {
  mkdirSync(failures, { recursive: true });
  const path = join(failures, `${name.replace(/\W+/g, "-")}.png`);
  await page.screenshot({ path, fullPage: true, timeout: 5e3 }).then(() => console.log(`picture: ${path}`), () => {});
}

const axeSource = readFileSync(join(root, "e2e/node_modules/axe-core/axe.min.js"), "utf8");

const coloured = ["color-contrast", "link-in-text-block"]; // all rules of WCAG AA that look at colours

// accessible fails if axe finds anything in the page, in either theme. What is the same in both
// is looked at once: a theme is colours alone, to which TestThemesAreColours in console holds it.
// What is read out of a control must have what is written on it (WCAG 2.5.3); axe leaves that rule out unless asked.
export async function accessible(page, what = "the page") {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(`${axeSource};0`);
  for (const [colorScheme, rules] of [["light", { rules: { "label-content-name-mismatch": { enabled: true } } }], ["dark", { runOnly: coloured }]]) {
    await page.emulateMedia({ colorScheme });
    await page.evaluate(async () => { // the colours change with the next frames, and some fade
      for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);
      await Promise.all(document.getAnimations().map((a) => a.finished.catch(() => {})));
    });
    const { violations } = await page.evaluate((rules) => globalThis.axe.run(document, { resultTypes: ["violations"], ...rules }), rules);
    const found = violations.map((v) => `${v.id}: ${v.help}\n${v.nodes.map((n) => `  ${n.target.join(" ")}: ${n.failureSummary.replace(/\s+/g, " ")}`).join("\n")}`);
    assert.deepEqual(found, [], `axe in ${what}, ${colorScheme}:\n${found.join("\n")}`);
  }
}

// startProxy forwards TCP connections to a gateway, until the tests are done. freeze leaves
// them open and forwards nothing more, as when a network is gone without a word; thaw is
// for new connections.
export async function startProxy(target) {
  const { hostname, port } = new URL(target);
  const sockets = new Set();
  let frozen = false;
  const proxy = createTCPServer((near) => {
    sockets.add(near);
    near.on("error", () => {}).on("close", () => sockets.delete(near));
    if (frozen) return near.pause();
    const far = connectTCP(port, hostname);
    sockets.add(far);
    far.on("error", () => near.destroy()).on("close", () => sockets.delete(far));
    near.on("close", () => far.destroy());
    far.on("close", () => near.destroy());
    near.pipe(far).pipe(near);
  });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  after(() => {
    for (const s of sockets) s.destroy();
    proxy.close();
  });
  return {
    url: `http://127.0.0.1:${proxy.address().port}`,
    freeze() {
      frozen = true;
      for (const s of sockets) s.unpipe().pause();
    },
    thaw() {
      frozen = false;
    },
  };
}

// newSigner creates a client with a key, and returns a function that signs tokens for it,
// which are good for so many seconds.
export async function newSigner(clientId, g = gateway) {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  await api("POST", "/client", { clientId, description: "" }, g);
  await api("PUT", `/client/${clientId}/jwt-public-key`, { jwtPublicKey: publicKey.export({ type: "spki", format: "pem" }) }, g);
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return (seconds, claims = {}) => {
    const text = `${encode({ alg: "RS512", typ: "JWT" })}.${encode({ exp: Date.now() / 1e3 + seconds, ...claims })}`;
    return `${text}.${sign("sha512", Buffer.from(text), privateKey).toString("base64url")}`;
  };
}

// Journeys of the JavaScript client. Each publishes numbers, and counts what a subscriber has
// lost and what came twice: nothing.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "../clients/js/seagate.js";
import { api, browserProcess, browserTest, eventually, newSigner, serveFiles, startGateway, startProxy, useBrowser } from "./harness.mjs";

useBrowser({ alone: true }); // one test puts it to sleep
const files = await serveFiles();

const definition = { version: 1, fields: [{ name: "n", type: "integer" }] };
const upTo = (n) => Array.from({ length: n }, (_, i) => i + 1);

// count fails if something was lost, came twice, or came in another order.
function count(got, published, t) {
  const lost = upTo(published).filter((n) => !got.includes(n)).length;
  const repeated = got.length - new Set(got).size;
  t.diagnostic(`${published} published, ${got.length} received, ${lost} lost, ${repeated} repeated`);
  assert.deepEqual({ lost, repeated }, { lost: 0, repeated: 0 });
  assert.deepEqual(got, upTo(published));
}

// newClient makes a client that ends with its test, whatever that comes to.
function newClient(t, url, options) {
  const made = connect(url, options);
  t.after(() => made.close({ timeout: 0 }));
  return made;
}

// publisher publishes 1, 2, 3, ... one every few ms until it is stopped, and returns how many.
function publisher(client, stream) {
  const answers = [];
  const timer = setInterval(() => answers.push(client.publish(stream, { n: answers.length + 1 })), 10);
  const next = () => eventually("more publishes", ((at) => () => answers.length > at + 20)(answers.length));
  const stop = async () => {
    clearInterval(timer);
    await Promise.all(answers);
    return answers.length;
  };
  return { next, stop };
}

// inPage starts a client in a page that subscribes to a stream, and returns functions that tell
// what it has got.
async function inPage(page, { url, options, stream, subscribe }) {
  await page.evaluate(async ({ url, options, stream, subscribe }) => {
    const { connect } = await import(`${url}/seagate.js`);
    if (globalThis.freshToken) options.token = () => globalThis.freshToken();
    const client = connect(url, options);
    const events = [];
    client.on("connect", ({ renewed }) => events.push(renewed ? "renewed" : "connected"));
    client.on("disconnect", ({ error }) => events.push(error.code));
    client.on("close", ({ error }) => events.push(`closed ${error?.code}`));
    const sub = client.subscribe(stream, subscribe);
    const got = [];
    sub.on("message", (m) => got.push(m.payload.n));
    sub.on("gap", (gap) => events.push(`gap ${JSON.stringify(gap)}`));
    Object.assign(globalThis, { client, events, got });
    await sub.ready;
  }, { url, options, stream, subscribe });
  return {
    got: () => page.evaluate(() => globalThis.got),
    events: () => page.evaluate(() => globalThis.events),
    arrived: (n) => page.waitForFunction((n) => globalThis.got.includes(n), n, { timeout: 30e3, polling: 50 }),
  };
}

const quick = { retryFirst: 100, retryMost: 500 };
const noConnection = /WebSocket connection to .* failed|ERR_CONNECTION_REFUSED/;

browserTest("restart: the gateway is stopped, and killed", async ({ open, t }) => {
  const g = await startGateway();
  await api("POST", "/streams/restart/define", definition, g);
  const credentials = { clientId: g.clientId, clientSecret: g.clientSecret, ...quick };
  const page = await open(files + "/", { allow: [g.url], expect: [noConnection] });
  const reader = await inPage(page, { url: g.url, options: credentials, stream: "restart" });
  const client = newClient(t, g.url, credentials);
  const inNode = [];
  const sub = client.subscribe("restart", { from: "earliest" });
  sub.on("message", (m) => inNode.push(m.payload.n));
  await sub.ready;

  const publishing = publisher(client, "restart");
  const connections = async () => (await reader.events()).filter((e) => e === "connected").length;
  for (const [i, signal] of ["SIGTERM", "SIGKILL", "SIGKILL"].entries()) {
    await publishing.next();
    await g.stop(signal);
    await publishing.next(); // these wait in the client
    await g.start();
    await client.ready;
    await eventually("the page is back", async () => (await connections()) === i + 2);
  }
  await publishing.next();
  const published = await publishing.stop();
  await reader.arrived(published);
  await eventually("the last message in Node", () => inNode.includes(published));
  count(await reader.got(), published, t);
  count(inNode, published, t);
});

browserTest("token: it is renewed before it expires, and replaced after it has", async ({ open, t }) => {
  const g = await startGateway();
  await api("POST", "/streams/token/define", definition, g);
  const sign = await newSigner("office", g);
  const page = await open(files + "/", { allow: [g.url] });
  let asked = 0;
  let broken = false;
  let refused = 0;
  await page.exposeFunction("freshToken", () => {
    asked++;
    if (!broken) return sign(4);
    refused++;
    throw new Error("the server of the page is away");
  });
  const reader = await inPage(page, { url: g.url, options: { clientId: "office", ...quick }, stream: "token" });
  const client = newClient(t, g.url, { clientId: g.clientId, clientSecret: g.clientSecret });
  const publishing = publisher(client, "token");
  const renewals = async () => (await reader.events()).filter((e) => e === "renewed").length;
  await eventually("a renewal before the expiry", async () => (await renewals()) >= 1); // clock.test.mjs says when
  assert.ok(asked >= 2);

  broken = true; // so the token expires
  const events = async () => (await reader.events()).slice(before);
  const before = (await reader.events()).length;
  await eventually("the expiry", async () => (await events()).includes("token_expired"));
  await eventually("an attempt without a token", () => refused >= 2);
  broken = false;
  await eventually("a connection with a fresh token", async () => (await events()).lastIndexOf("connected") > (await events()).indexOf("token_expired"));
  const published = await publishing.stop();
  await reader.arrived(published);
  count(await reader.got(), published, t);
});

browserTest("sleep: the machine of the page sleeps until the gateway has given it up", async ({ open, t }) => {
  const g = await startGateway({ SEAGATE_WEBSOCKET_PING_INTERVAL: "1s" });
  await api("POST", "/streams/sleep/define", definition, g);
  const page = await open(files + "/", { allow: [g.url], expect: [noConnection] });
  const reader = await inPage(page, { url: g.url, options: { clientId: g.clientId, clientSecret: g.clientSecret, ...quick }, stream: "sleep" });
  const client = newClient(t, g.url, { clientId: g.clientId, clientSecret: g.clientSecret });
  const publishing = publisher(client, "sleep");
  await publishing.next();
  const group = -browserProcess().pid;
  process.kill(group, "SIGSTOP");
  try {
    await eventually("the gateway gives the page up", async () => (await api("GET", "/streams/sleep", undefined, g)).subscribers === 0);
    await publishing.next();
  } finally {
    process.kill(group, "SIGCONT");
  }
  await publishing.next();
  const published = await publishing.stop();
  await reader.arrived(published);
  count(await reader.got(), published, t);
  assert.ok((await reader.events()).includes("connection_lost"), "it has lost the connection");
});

browserTest("waking: a page connects at once when it is online again, and when it is shown", async ({ open, t }) => {
  const g = await startGateway();
  await api("POST", "/streams/wake/define", definition, g);
  const page = await open(files + "/", { own: true, allow: [g.url], expect: [noConnection, /ERR_INTERNET_DISCONNECTED/] });
  const slow = { clientId: g.clientId, clientSecret: g.clientSecret, retryFirst: 1e9, retryMost: 1e9 };
  const reader = await inPage(page, { url: g.url, options: slow, stream: "wake" });
  const connections = async () => (await reader.events()).filter((e) => e === "connected").length;
  const wakings = [
    async () => {
      await page.context().setOffline(true);
      await page.context().setOffline(false);
    },
    () => page.evaluate(() => document.dispatchEvent(new Event("visibilitychange"))),
  ];
  for (const [i, wake] of wakings.entries()) {
    await g.stop("SIGKILL");
    await eventually("the page waits", () => page.evaluate(() => globalThis.client.status === "waiting"));
    await g.start();
    await api("POST", "/streams/wake/publish", { payload: { n: i + 1 } }, g);
    await wake();
    await eventually("a connection", async () => (await connections()) === i + 2);
    await reader.arrived(i + 1);
  }
  count(await reader.got(), 2, t);
});

test("silence: the network goes away without a word, and a server never answers", async (t) => {
  const g = await startGateway();
  await api("POST", "/streams/silence/define", definition, g);
  const proxy = await startProxy(g.url);
  const credentials = { clientId: g.clientId, clientSecret: g.clientSecret };
  const reader = newClient(t, proxy.url, { ...credentials, ...quick, pingInterval: 200, pingTimeout: 300, connectTimeout: 500 });
  const lost = [];
  reader.on("disconnect", ({ error }) => lost.push(error.message));
  const got = [];
  const sub = reader.subscribe("silence");
  sub.on("message", (m) => got.push(m.payload.n));
  await sub.ready;
  const client = newClient(t, g.url, credentials);
  const publishing = publisher(client, "silence");
  await publishing.next();
  proxy.freeze();
  await eventually("it is noticed", () => lost.length >= 1);
  assert.equal(lost[0], "the gateway does not answer");
  await eventually("connecting fails", () => lost.length >= 3);
  assert.match(lost[1], /no answer for 500 ms/);
  proxy.thaw();
  await publishing.next();
  const published = await publishing.stop();
  await eventually("the last message", () => got.includes(published));
  count(got, published, t);
});

test("merged: several streams go on after a restart, each where it was", async (t) => {
  const g = await startGateway();
  const streams = ["merged-a", "merged-b"];
  for (const s of streams) await api("POST", `/streams/${s}/define`, definition, g);
  const client = newClient(t, g.url, { clientId: g.clientId, clientSecret: g.clientSecret, ...quick });
  const sub = client.subscribe(streams, { sync: { wait: 0 } });
  const got = [];
  sub.on("message", (m) => got.push(m.payload.n));
  await sub.ready;
  await client.publish("merged-a", { n: 1 });
  await eventually("the first message", () => got.length === 1);
  await g.stop("SIGKILL"); // before the first message of b
  await g.start();
  await api("POST", "/streams/merged-b/publish", { payload: { n: 2 } }, g);
  await client.ready;
  await eventually("the message that was published meanwhile", () => got.length === 2);
  await client.publish("merged-a", { n: 3 });
  await eventually("the last message", () => got.length === 3);
  count(got, 3, t);
});

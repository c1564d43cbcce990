// When the JavaScript client connects again, asks for tokens, and sends again, with a socket
// and a clock of the test.

import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { connect } from "../clients/js/seagate.js";
import { getStreamSeaClient, StreamSeaSubscription } from "../clients/js/stream-sea.js";

class Socket {
  static all = [];
  sent = [];
  constructor(url) {
    this.url = url;
    Socket.all.push(this);
  }
  send(text) {
    const m = JSON.parse(text);
    if (m.action !== "ping") this.sent.push(m);
    else queueMicrotask(() => this.say({ id: m.id, action: "ping", success: true }));
  }
  close() {}
  say(...messages) {
    for (const m of messages) this.onmessage?.({ data: JSON.stringify(m) });
  }
  fail(code = 1006, reason = "") {
    this.onclose?.({ code, reason });
  }
  async accept() {
    this.onopen();
    this.say({ id: 1, action: "authenticate", success: true, payload: { jailId: "j" } });
    await settle();
  }
}

const settle = async () => {
  for (let i = 0; i < 20; i++) await null;
};

async function tick(ms) {
  mock.timers.tick(ms);
  await settle();
}

async function end(client) {
  const closed = client.close();
  await tick(3e3);
  await closed;
}

// clocked is a test whose time and chance are its own: chance is always at its highest.
function clocked(name, f) {
  test(name, async () => {
    Socket.all = [];
    mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1e12 });
    const chance = mock.method(Math, "random", () => 1 - Number.EPSILON);
    try {
      await f(chance);
    } finally {
      mock.timers.reset();
      chance.mock.restore();
    }
  });
}

const basic = { clientId: "c", clientSecret: "s", WebSocket: Socket };
const last = () => Socket.all.at(-1);
const tokenUntil = (ms) => `x.${btoa(JSON.stringify({ exp: ms / 1e3 }))}.y`;

clocked("waits are random, and double up to the most", async (chance) => {
  const client = connect("http://gateway.example/", basic);
  const waits = [];
  client.on("disconnect", ({ wait }) => waits.push(Math.round(wait)));
  await settle();
  assert.equal(last().url, "ws://gateway.example/api/v1/streams");
  for (let i = 0; i < 7; i++) {
    last().fail();
    await settle();
    await tick(30e3);
  }
  assert.deepEqual(waits, [1e3, 2e3, 4e3, 8e3, 16e3, 30e3, 30e3]);
  chance.mock.mockImplementation(() => 0.25);
  last().fail();
  await settle();
  assert.equal(waits.at(-1), 7500, "full jitter begins at nothing");
  await tick(7500);
  await last().accept();
  await tick(6e3); // it has held for a while
  last().fail(1001, "server_shutdown: the server stops");
  await settle();
  assert.equal(waits.at(-1), 750, "a quarter of the 3 s after a stop");
  await end(client);
});

clocked("a connection that fails is over, also for a WebSocket that does not say that it is closed", async () => {
  const client = connect("ws://gateway.example", basic);
  const errors = [];
  client.on("disconnect", ({ error }) => errors.push(error.message));
  await settle();
  last().onerror();
  last().fail(4011, "connection_ended: somebody ended it"); // as a browser does, at once
  await tick(0);
  await tick(1e3);
  last().onerror(); // as Node 20 does
  await tick(0);
  assert.deepEqual(errors, ["somebody ended it", "the connection ended with 1006"]);
  await tick(2e3);
  await last().accept();
  assert.equal(client.status, "connected");
  await end(client);
});

clocked("what trying again does not change ends the client", async () => {
  for (const [code, reason, ends] of [[1008, "invalid_credentials: no", true], [1008, "token_expired: no", true], [1002, "protocol_violation: no", true],
    [1008, "credentials_revoked: no", false], [1011, "internal: no", false], [1008, "a proxy's own", false], [4008, "messages_lost: no", false]]) {
    const client = connect("ws://gateway.example", basic);
    await settle();
    await last().accept();
    last().fail(code, reason);
    await settle();
    assert.equal(client.status, ends ? "closed" : "waiting", reason);
    if (ends) assert.equal(client.error.code, reason.split(":")[0]);
    await end(client);
  }
});

clocked("a token is asked for before it expires, and a failure is tried again", async () => {
  const start = Date.now();
  const tokens = [tokenUntil(start + 600e3), new Error("away"), tokenUntil(start + 1200e3)];
  const asked = [];
  const client = connect("ws://gateway.example", { clientId: "c", WebSocket: Socket, token: () => {
    asked.push(Date.now() - start);
    const token = tokens.shift();
    if (token instanceof Error) throw token;
    return token;
  } });
  await settle();
  await last().accept();
  for (let i = 0; i < 600 && Socket.all.length < 2; i++) await tick(1e3);
  assert.equal(asked.length, 3);
  assert.ok(asked[1] >= 470e3 && asked[2] > asked[1] && asked[2] < 600e3, `asked at ${asked}`);
  const [old, fresh] = Socket.all;
  await fresh.accept();
  assert.equal(client.status, "connected");
  assert.equal(old.onmessage, null, "the old connection has ended");
  await end(client);
});

clocked("an expired token is replaced at once", async () => {
  const tokens = [tokenUntil(Date.now() - 1e3), tokenUntil(Date.now() + 1e6)];
  const client = connect("ws://gateway.example", { clientId: "c", WebSocket: Socket, token: () => tokens.shift() });
  await settle();
  last().onopen();
  last().say({ id: 1, action: "authenticate", success: false, error: { code: "token_expired", message: "" } });
  await settle();
  assert.equal(Socket.all.length, 2);
  await last().accept();
  assert.equal(client.status, "connected");
  await end(client);
});

clocked("a publish is sent again under its id, in order, but not for ever", async () => {
  const client = connect("ws://gateway.example", basic);
  const outcomes = [];
  const publish = (n, o) => client.publish("s", { n }, o).then((a) => outcomes.push(`${n}: ${a.seq}`), (e) => outcomes.push(`${n}: ${e.code}`));
  publish(1);
  publish(2);
  publish(3, { messageId: "" });
  await settle();
  await last().accept();
  const first = last();
  assert.deepEqual(first.sent.slice(1).map((m) => [m.id, m.payload.n]), [[2, 1], [3, 2], [4, 3]]);
  first.say({ id: 2, action: "publish", success: true, seq: 1 });
  publish(4);
  first.fail();
  await settle();
  assert.deepEqual(outcomes, ["1: 1", "3: connection_lost"]);
  await tick(1e3);
  await last().accept();
  assert.deepEqual(last().sent.slice(1).map((m) => [m.id, m.payload.n, m.messageId]), [[2, 2, first.sent[2].messageId], [3, 4, first.sent[4].messageId]]);
  await tick(101e3); // the gateway may forget the ids
  last().fail();
  await settle();
  assert.deepEqual(outcomes.slice(2), ["2: connection_lost", "4: connection_lost"]);
  await end(client);
});

clocked("no more than 256 requests are without an answer, and no more bytes than allowed wait", async () => {
  const client = connect("ws://gateway.example", { ...basic, queueBytes: 300 * 250 });
  const refused = [];
  for (let n = 0; n < 400; n++) client.publish("s", { n }, { messageId: `${n}` }).catch((e) => refused.push(e.code));
  await settle();
  await last().accept();
  assert.equal(last().sent.length, 1 + 256);
  const waiting = 400 - refused.length;
  assert.ok(waiting > 256 && waiting < 400 && refused.every((code) => code === "queue_full"), `${waiting} wait`);
  for (let id = 2; id < 12; id++) last().say({ id, action: "publish", success: true, seq: id });
  await settle();
  assert.equal(last().sent.length, 1 + 256 + 10);
  await end(client);
});

clocked("a message that is too large is refused alone", async () => {
  const client = connect("ws://gateway.example", basic);
  const outcomes = {};
  for (const n of ["a", "b".repeat(5000), "c"]) client.publish("s", { n }).then(() => (outcomes[n[0]] = "published"), (e) => (outcomes[n[0]] = e.code));
  await settle();
  await last().accept();
  last().fail(1009, "message_too_large: too much");
  await tick(1e3);
  await last().accept();
  assert.deepEqual(last().sent.slice(1).map((m) => m.payload.n), ["a", "c"]);
  last().say({ id: 2, success: true, seq: 1 }, { id: 3, success: true, seq: 2 });
  await settle();
  assert.deepEqual(outcomes, { b: "message_too_large", a: "published", c: "published" });
  await end(client);
});

clocked("a stream that has another epoch begins again with its oldest message", async () => {
  const client = connect("ws://gateway.example", basic);
  const sub = client.subscribe("s");
  const got = [];
  const begun = [];
  sub.on("message", (m) => got.push(`${m.epoch}${m.seq}`));
  sub.on("subscribed", ({ resumed, restarted }) => begun.push([resumed, restarted]));
  await settle();
  await last().accept();
  last().say({ id: 2, action: "subscription", success: true, streamName: "s", payload: 2, epoch: "e", firstSeq: 1, nextSeq: 5 });
  last().say({ id: 2, action: "subscription", streamName: "s", payload: {}, seq: 5, epoch: "e" });
  last().fail();
  await tick(1e3);
  await last().accept();
  assert.deepEqual(last().sent[1], { id: 2, action: "subscribe", payload: "s", meta: true, from: 6, epoch: "e" });
  last().say({ id: 2, action: "subscribe", success: false, error: { code: "position_lost", message: "" } });
  assert.deepEqual(last().sent[2], { id: 3, action: "subscribe", payload: "s", meta: true, from: "earliest" });
  last().say({ id: 3, action: "subscription", success: true, streamName: "s", payload: 3, epoch: "f", firstSeq: 1, nextSeq: 1 });
  last().say({ id: 3, action: "subscription", streamName: "s", payload: {}, seq: 1, epoch: "f" });
  await settle();
  assert.deepEqual(got, ["e5", "f1"]);
  assert.deepEqual(begun, [[false, false], [false, true]]);
  await end(client);
});

clocked("a call is made once, and servers, providers and groups begin again", async () => {
  const client = connect("ws://gateway.example", basic);
  const group = "0a0e1b5c-7e52-4b7a-9a57-0d8f2f6f1a10";
  client.on("connect", () => Socket.all.length === 1 && client.subscribe("s", { group, ack: "explicit" }));
  const server = client.serve("pricing", { quote: () => 1 }, { sole: true });
  const provider = client.provide("s");
  provider.pause().catch(() => {});
  const outcomes = [];
  for (const n of [1, 2]) client.fetch("pricing", "quote", n).then(outcomes.push, (e) => outcomes.push(`${n}: ${e.code}`));
  await settle();
  await last().accept();
  const asked = last().sent.map((m) => m.action);
  assert.deepEqual(asked, ["authenticate", "serve", "provide", "pause", "pause", "fetch", "fetch", "subscribe"]);
  last().say({ id: 2, action: "serve", success: true }, { id: 6, action: "fetch", success: true });
  last().say({ id: 8, success: true, epoch: "e", nextSeq: 5 }, { id: 8, streamName: "s", payload: {}, seq: 5, epoch: "e" });
  last().fail();
  await settle();
  assert.deepEqual(outcomes.sort(), ["1: connection_lost", "2: connection_lost"]);
  await tick(1e3);
  await last().accept();
  const again = last().sent;
  assert.deepEqual(again.map((m) => m.action), ["authenticate", "serve", "provide", "pause", "subscribe", "pause"]);
  assert.deepEqual(again[4], { id: 5, action: "subscribe", payload: "s", meta: true, groupId: group, ack: "explicit" });
  assert.equal(again[3].payload.provide, 3);
  last().say({ id: 2, action: "serve", success: false, error: { code: "service_taken", message: "" } });
  await tick(3e3);
  assert.deepEqual([server.over, last().sent.at(-1).action], [undefined, "serve"], "it was here before");
  await end(client);
});

clocked("a publish whose id the gateway may have forgotten is not sent again, and fails while there is no connection", async () => {
  const client = connect("ws://gateway.example", { ...basic, retryFirst: 300e3, retryMost: 300e3 });
  const outcomes = [];
  const publish = (n) => client.publish("s", { n }).then((a) => outcomes.push(`${n}: ${a.seq}`), (e) => outcomes.push(`${n}: ${e.code}`));
  await settle();
  await last().accept();
  publish(1);
  last().fail();
  publish(2); // nobody has got it, so it waits
  await settle();
  await tick(95e3);
  assert.deepEqual(outcomes, []);
  await tick(10e3);
  assert.deepEqual(outcomes, ["1: connection_lost"]);
  client.wake();
  await settle();
  await last().accept();
  assert.deepEqual(last().sent.slice(1).map((m) => m.payload.n), [2]);
  await end(client);

  const quick = connect("ws://gateway.example", { ...basic, publishWindow: 3e3, pingInterval: 1e6 });
  await settle();
  await last().accept();
  quick.publish("s", { n: 3 }).catch((e) => outcomes.push(`3: ${e.code}`));
  await tick(2e3);
  last().fail();
  await tick(1e3);
  await last().accept();
  assert.deepEqual([last().sent.length, outcomes.at(-1)], [1, "3: connection_lost"]);
  await end(quick);
});

clocked("closing waits for what was asked for before there is a connection", async () => {
  const client = connect("ws://gateway.example", basic);
  const answer = client.publish("s", {});
  let over = false;
  const closing = client.close().then(() => (over = true));
  await settle();
  await last().accept();
  assert.deepEqual([last().sent.at(-1).action, over], ["publish", false]);
  last().say({ id: 2, action: "publish", success: true, seq: 7 });
  await closing;
  assert.equal((await answer).seq, 7);

  const away = connect("ws://gateway.example", basic);
  const outcome = away.publish("s", {}).catch((e) => e.code);
  await end(away);
  assert.equal(await outcome, "closed");
});

clocked("publishes keep their order when a connection takes the place of another", async () => {
  const start = Date.now();
  const tokens = [600e3, 1200e3, 1800e3].map((ms) => tokenUntil(start + ms));
  const client = connect("ws://gateway.example", { clientId: "c", WebSocket: Socket, token: () => tokens.shift() });
  await settle();
  await last().accept();
  const renew = async () => {
    const before = Socket.all.length;
    for (let i = 0; i < 600 && Socket.all.length === before; i++) await tick(1e3);
    await last().accept();
  };
  const numbers = (socket) => socket.sent.filter((m) => m.action === "publish").map((m) => m.payload.n);
  const answer = (socket, from, to) => {
    for (const { id } of socket.sent.filter((m) => m.action === "publish").slice(from, to)) socket.say({ id, success: true, seq: id });
  };
  const range = (from, to) => Array.from({ length: to - from }, (_, i) => from + i);
  for (let i = 0; i < 600 && tokens.length === 2; i++) {
    if (i === 475) for (const n of range(0, 300)) client.publish("s", { n }).catch(() => {});
    await tick(1e3);
  }
  const [old, fresh] = Socket.all;
  await fresh.accept();
  client.publish("s", { n: 300 }).catch(() => {});
  assert.deepEqual([numbers(old), numbers(fresh)], [range(0, 256), []]);
  answer(old, 0, 255);
  await settle();
  assert.deepEqual(numbers(fresh), [], "one has no answer yet");
  answer(old, 255);
  assert.deepEqual(numbers(fresh), range(256, 301));
  assert.equal(old.onmessage, null, "the old connection has ended");
  answer(fresh);

  client.publish("s", { n: 301 }).catch(() => {});
  await renew();
  client.publish("s", { n: 302 }).catch(() => {});
  fresh.send = () => {}; // it answers nothing more, a ping neither
  assert.deepEqual(numbers(last()), []);
  await tick(25e3);
  await tick(5e3);
  await tick(8e3);
  assert.equal(fresh.onmessage, null, "a silent connection ends");
  assert.deepEqual(numbers(last()).at(-1), 302);
  await end(client);
});

clocked("a result that is no JSON is a failure of its procedure alone", async () => {
  const client = connect("ws://gateway.example", basic);
  const server = client.serve("pricing", { big: () => 1n, fine: () => 2 });
  const failed = [];
  server.on("failed", ({ error, call }) => failed.push([call.procedure, error.name]));
  await settle();
  await last().accept();
  last().say({ id: 2, action: "serve", success: true }, { id: 2, call: 1, procedure: "big", payload: null }, { id: 2, call: 2, procedure: "fine", payload: null });
  await settle();
  const answers = last().sent.filter((m) => m.action === "answer").map((m) => m.payload);
  answers.sort((a, b) => a.call - b.call);
  assert.deepEqual(answers, [{ serve: 2, call: 1, error: { code: "failed", message: "the procedure failed" } }, { serve: 2, call: 2, result: 2 }]);
  assert.deepEqual(failed, [["big", "TypeError"]]);
  await end(client);
});

clocked("a stream-sea subscription that is added after a refusal begins with other credentials", async () => {
  const sea = getStreamSeaClient({
    remoteServerHost: "gateway.example", remoteServerPort: 80, secure: false, WebSocket: Socket,
    credentialOptions: { type: "basic", clientId: "c", clientSecret: "old" },
  });
  const refused = [];
  sea.on("error", ({ error }) => refused.push(error.code));
  await settle();
  last().onopen();
  last().say({ id: 1, action: "authenticate", success: false, error: { code: "invalid_credentials", message: "" } });
  await settle();
  assert.deepEqual(refused, ["invalid_credentials"]);
  sea.addSubscription(new StreamSeaSubscription("s"));
  sea.setCredentialOptions({ type: "basic", clientId: "c", clientSecret: "new" });
  await settle();
  await last().accept();
  assert.deepEqual(last().sent.map((m) => m.payload.clientSecret ?? m.payload), ["new", "s"]);
  sea.destroy();
  await tick(3e3);
});

// What the JavaScript client must do, in Node and in a page alike. Each scenario gets the
// module of the client, how to reach the gateway, and a name for its streams. It throws if
// something is wrong.

const fields = [{ name: "n", type: "integer" }];

function same(got, want, what) {
  const [a, b] = [JSON.stringify(got), JSON.stringify(want)];
  if (a !== b) throw new Error(`${what}: got ${a}, want ${b}`);
}

// codeOf returns the code with which a promise rejects.
const codeOf = (promise) => promise.then(() => "nothing", (error) => error.code ?? String(error));

async function take(sub, count) {
  const messages = [];
  while (messages.length < count) {
    const { value, done } = await sub.next();
    if (done) throw new Error(`the subscription ended after ${messages.length} messages`);
    messages.push(value);
  }
  return messages;
}
const numbers = (messages) => messages.map((m) => m.payload.n);
const upTo = (n, from = 1) => Array.from({ length: n }, (_, i) => from + i);
const once = (target, type, is = () => true) =>
  new Promise((resolve) => {
    const off = target.on(type, (detail) => is(detail) && (off(), resolve(detail)));
  });

async function until(what, f) {
  for (const start = Date.now(); !(await f()); await new Promise((resolve) => setTimeout(resolve, 10))) {
    if (Date.now() - start > 20e3) throw new Error(`it never happened: ${what}`);
  }
}

// Publishes are pipelined: the answers come in the order of the stream, and the messages too.
export async function publishing({ client, name }) {
  await client.define(name, { version: 1, fields });
  same((await client.describe(name)).version, 1, "the definition");
  const sub = client.subscribe(name);
  await sub.ready;
  const answers = await Promise.all(upTo(1000).map((n) => client.publish(name, { n })));
  same(answers.map((a) => a.seq), upTo(1000), "the numbers of the answers");
  const messages = await take(sub, 1000);
  same(numbers(messages), upTo(1000), "the messages");
  same(Object.keys(messages[0]), ["stream", "payload", "seq", "time", "epoch", "redelivered", "header"], "what a message has");
  same([messages[9].seq, messages[9].epoch], [10, answers[9].epoch], "the place of a message");

  const again = { messageId: "the same" };
  const [a, b] = await Promise.all([client.publish(name, { n: 0 }, again), client.publish(name, { n: 0 }, again)]);
  same([a.seq, b.seq], [1001, 1001], "a message that is published twice");
  const batch = await client.publishAll(name, [{ n: 1 }, { n: 2 }]);
  same([batch.seq, batch.lastSeq], [1002, 1003], "a batch");
  same(sub.position, { from: 1001, epoch: a.epoch }, "the position of the reader");
  same((await take(sub, 3)).map((m) => m.seq), [1001, 1002, 1003], "what comes then");
  await sub.close();
  same(await sub.next(), { done: true }, "the end");
}

// A filter that the client asks for is the gateway's to apply, over the past and live.
export async function filtering({ client, name }) {
  await client.define(name, { version: 1, fields });
  await client.publishAll(name, upTo(9).map((n) => ({ n: n % 3 })));
  const sub = client.subscribe(name, { from: "earliest", filter: { t: "eq", e: [{ t: "path", e: "$.n" }, { t: "number", e: 0 }] } });
  await sub.ready;
  await client.publishAll(name, [{ n: 1 }, { n: 0 }]);
  same((await take(sub, 4)).map((m) => m.seq), [3, 6, 9, 11], "the messages that pass");
  same(await codeOf(client.subscribe(name, { filter: { t: "xor" } }).ready), "invalid_request", "what is no filter");
  same(await codeOf(client.subscribe(name, { group: "0a0e1b5c-7e52-4b7a-9a57-0d8f2f6f1a10", filter: { t: "null" } }).ready), "invalid_request", "a filter in a group");
}

// Errors have the gateway's code, and all problems.
export async function errors({ client, name, lib }) {
  same(await codeOf(client.publish(name, { n: 1 })), "stream_not_found", "publishing to nowhere");
  same(await codeOf(client.subscribe(name).ready), "stream_not_found", "subscribing to nowhere");
  same(await codeOf(client.subscribe(name).next()), "stream_not_found", "reading from nowhere");
  await client.define(name, { version: 1, fields });
  const error = await client.publish(name, { n: "x", m: 1 }).catch((e) => e);
  same([error instanceof lib.SeagateError, error.code, error.errors.length, error.temporary], [true, "invalid_payload", 2, false], "a bad message");
  if (!error.message.includes(error.errors[1])) throw new Error(`the text lacks a problem: ${error.message}`);
  same(await codeOf(client.publish(name, { n: 1n })), "TypeError: Do not know how to serialize a BigInt", "what is no JSON");
  same(await codeOf(client.fetch("nobody", "serves")), "no_such_service", "calling nobody");
  let badDate;
  try {
    client.subscribe(name, { from: new Date("x") });
  } catch (error) {
    badDate = error.name;
  }
  same(badDate, "RangeError", "a date that is none");
  same(await codeOf(client.request("dance")), "invalid_request", "what the gateway does not know");
  await client.publish(name, { n: 1 });
  same(await codeOf(client.subscribe(name, { from: 99 }).ready), "position_lost", "a number that is not there yet");
}

// Events come as they arrive; so does the header, once, and the state.
export async function events({ client, name }) {
  await client.define(name, { version: 1, fields });
  const provider = client.provide(name);
  await provider.ready;
  await client.publish(name, { n: 1 }, { header: { n: 100 } });
  const sub = client.subscribe(name, { state: true, from: "earliest" });
  const got = [];
  sub.on("message", (m) => got.push(m.header ? `header ${m.payload.n}` : m.payload.n));
  const states = [];
  sub.on("state", (s) => states.push(s.paused));
  if (!provider.requested) await once(provider, "requested");
  same(provider.subscribers, 1, "who wants the stream");
  const paused = once(sub, "state", (s) => s.paused);
  await provider.pause();
  await paused;
  await provider.pause(false);
  const second = once(sub, "message", (m) => m.payload.n === 2);
  await client.publish(name, { n: 2 });
  await second;
  same(got, ["header 100", 1, 2], "what came");
  same(states, [false, true, false], "the states");
  const gone = once(provider, "requested", (d) => !d.requested);
  await sub.close();
  await gone;
  const watching = client.subscribe(name, { state: true }); // and nobody takes messages of it
  await watching.ready;
  const again = once(watching, "state", (s) => s.paused);
  await provider.pause();
  await again;
  same(watching.state.paused, true, "the state without a reader of messages");
  await watching.close();
  await provider.close();
}

// Members of a group share the messages; each acknowledges what it has done.
export async function groups({ client, name }) {
  await client.define(name, { version: 1, fields });
  const group = crypto.randomUUID();
  const members = [0, 1].map(() => client.subscribe(name, { group, ack: "explicit", credit: 5 }));
  await Promise.all(members.map((m) => m.ready));
  await Promise.all(upTo(40).map((n) => client.publish(name, { n })));
  const done = [];
  const refused = new Set();
  const work = async (member) => {
    for await (const m of member) {
      if (m.payload.n % 10 === 0 && !refused.has(m.seq)) {
        refused.add(m.seq);
        await m.nack({ reason: "not yet" });
        continue;
      }
      if (m.payload.n % 10 === 0 && m.redelivered !== 1) throw new Error(`message ${m.seq} came ${m.redelivered} times before`);
      await m.ack();
      if (done.push(m.payload.n) === 40) return void members.forEach((other) => other.close());
    }
  };
  await Promise.all(members.map(work));
  same(done.sort((a, b) => a - b), upTo(40), "what was done");
  const next = client.subscribe(name, { group, ack: "explicit" });
  await client.publish(name, { n: 41 });
  same(numbers(await take(next, 1)), [41], "what comes next in the group");
  await next.close();
}

// A service answers calls, parts and signals; it is told when nobody waits any more.
export async function services({ client, name, lib }) {
  const watch = client.watch(name);
  await watch.ready;
  same(watch.servers, 0, "the servers");
  const signals = [];
  let aborted;
  const server = client.serve(name, {
    add: ({ a, b }) => a + b,
    count: (to, call) => {
      for (let i = 1; i < to; i++) call.part(i);
      return to;
    },
    refuse: () => {
      throw new lib.SeagateError("out_of_stock", "none left", { details: { sku: 7 } });
    },
    fail: () => {
      throw new Error("the password is 1234");
    },
    never: (_, call) => new Promise((resolve) => call.signal.addEventListener("abort", () => resolve((aborted = call.signal.reason.code)))),
    note: (body, call) => void signals.push([body, call.isSignal, call.caller.clientId]),
  });
  await server.ready;
  if (watch.servers === 0) await once(watch, "servers", (s) => s.servers === 1);
  same(await client.fetch(name, "add", { a: 2, b: 3 }), 5, "a call");
  same(await Promise.all(upTo(50).map((a) => client.fetch(name, "add", { a, b: 0 }).catch((e) => e.code))).then((all) => all.filter((x) => x !== "server_busy").length > 15), true, "many calls");
  const parts = [];
  same([await client.fetch(name, "count", 4, { onPart: (p) => parts.push(p) }), parts], [4, [1, 2, 3]], "an answer in parts");
  const refusal = await client.fetch(name, "refuse").catch((e) => e);
  same([refusal.code, refusal.details], ["out_of_stock", { sku: 7 }], "an error of the service");
  const failure = await client.fetch(name, "fail").catch((e) => e);
  same([failure.code, failure.message], ["failed", "the procedure failed"], "an error that is nobody's business");
  same(await codeOf(client.fetch(name, "never", null, { timeout: 200 })), "call_timeout", "a server that never answers");
  await until("the server is told", () => aborted === "timeout");
  const control = new AbortController();
  const call = codeOf(client.fetch(name, "never", null, { signal: control.signal }));
  await client.fetch(name, "add", { a: 1, b: 1 });
  control.abort(new Error("enough"));
  same(await call, "Error: enough", "a call that is aborted");
  same(await client.signal(name, "note", "hello", { all: true }), 1, "a signal");
  await client.fetch(name, "add", { a: 1, b: 1 }); // it comes after the signal
  same(signals.map((s) => s.slice(0, 2)), [["hello", true]], "what the server got");
  await until("the server is told of a call that is aborted", () => aborted === "cancelled");
  await server.close();
  same(await codeOf(client.fetch(name, "add", { a: 2, b: 3 })), "no_such_service", "a service that is gone");
  await watch.close();
}

// Several streams come in the order of their timestamps.
export async function merged({ client, name }) {
  const streams = [`${name}-a`, `${name}-b`];
  for (const s of streams) await client.define(s, { version: 1, fields });
  const sub = client.subscribe(streams, { sync: { by: "$.n", wait: 0.05 } });
  await sub.ready;
  await client.publish(streams[0], { n: 2 });
  await client.publish(streams[1], { n: 1 });
  await client.publish(streams[1], { n: 3 });
  const first = await take(sub, 1);
  const rest = await take(sub, first[0].payload.n === 1 ? 2 : 1); // on a slow machine 1 comes too late
  const got = numbers([...first, ...rest]);
  same(got, [...got].sort(), "the order");
  same(Object.keys(sub.position.from), streams, "the position has all streams");
  await sub.close();
  const filter = { t: "eq", e: [{ t: "path", e: "$.n" }, { t: "number", e: 1 }] };
  for (const options of [{ filter }, { group: crypto.randomUUID() }, { ack: "explicit" }, { credit: 1 }, { state: true }]) {
    const code = await codeOf(client.subscribe(streams, options).ready);
    same(code, "invalid_request", `several streams with ${Object.keys(options)}`);
  }
  const all = client.subscribe(streams, { fanout: true });
  await all.ready;
  await all.close();
}

// A reader that takes nothing holds little, and gets everything in the end.
export async function slowReader({ client, name, api }) {
  await client.define(name, { version: 1, fields: [...fields, { name: "text", type: "string" }] });
  const sub = client.subscribe(name, { bufferBytes: 20_000 });
  await sub.ready;
  const filled = once(sub, "full");
  const text = "x".repeat(1000);
  await Promise.all(upTo(300).map((n) => client.publish(name, { n, text })));
  await filled;
  await until("it has left", async () => (await api("GET", `/streams/${name}`)).subscribers === 0);
  same(numbers(await take(sub, 300)), upTo(300), "what a slow reader gets");
  await sub.close();
}

// What a stream drops before it is read is told as a gap.
export async function gaps({ client, name, api }) {
  await client.define(name, { version: 1, fields });
  const sub = client.subscribe(name, { bufferBytes: 300 });
  const seen = [];
  sub.on("gap", ({ from, to }) => seen.push([from, to]));
  await sub.ready;
  const filled = once(sub, "full");
  await client.publishAll(name, upTo(5).map((n) => ({ n })));
  await filled;
  await api("PUT", `/streams/${name}/settings`, { retention: { messages: 2 } });
  await client.publishAll(name, upTo(20, 6).map((n) => ({ n })));
  const got = [];
  while (got.at(-1) !== 25) got.push((await take(sub, 1))[0].payload.n);
  const lost = seen.flatMap(([from, to]) => upTo(to - from + 1, from));
  same([...got, ...lost].sort((a, b) => a - b), upTo(25), "what came and what was told to be lost");
  if (!lost.length) throw new Error("nothing was lost, so the test shows nothing");
  await sub.close();
}

// A client that is closed answers everything that it was asked, and then nothing.
export async function closing({ open, name }) {
  const client = open();
  await client.define(name, { version: 1, fields });
  const sub = client.subscribe(name);
  await sub.ready;
  const answers = upTo(20).map((n) => client.publish(name, { n }));
  await Promise.all([client.close(), client.close()]);
  same((await Promise.all(answers)).length, 20, "the answers of a client that was closed");
  same([client.status, sub.over], ["closed", true], "what is left");
  same(await codeOf(client.publish(name, { n: 1 })), "closed", "publishing afterwards");
  let message;
  try {
    client.subscribe(name);
  } catch (error) {
    message = error.code;
  }
  same(message, "closed", "subscribing afterwards");
}

export const names = ["publishing", "filtering", "errors", "events", "groups", "services", "merged", "slowReader", "gaps", "closing"];

// run runs a scenario with the module of the client at lib.
export async function run(scenario, lib, { url, clientId, clientSecret }, name, options) {
  const open = () => lib.connect(url, { clientId, clientSecret, ...options });
  const api = async (method, path, body) => {
    const Authorization = `Basic ${btoa(`${clientId}:${clientSecret}`)}`;
    const response = await fetch(`${url}/api/v1${path}`, { method, headers: { Authorization, "Content-Type": "application/json" }, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(await response.text());
    return response.json();
  };
  const client = open();
  try {
    await scenarios[scenario]({ client, open, api, lib, name });
  } finally {
    await client.close({ timeout: 1e3 });
  }
}
const scenarios = { publishing, filtering, errors, events, groups, services, merged, slowReader, gaps, closing };

// Members of a group go on while their client changes its token, and leave when they drain: nothing
// is lost, and nothing comes twice.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { connect } from "../clients/js/seagate.js";
import { api, eventually, gateway, newSigner } from "./harness.mjs";

const upTo = (n) => Array.from({ length: n }, (_, i) => i + 1);

// setUp returns what the tests of a stream need.
async function setUp(t, name) {
  const stream = `${name}-${process.pid}`;
  await api("POST", `/streams/${stream}/define`, { version: 1, fields: [{ name: "n", type: "integer" }] });
  const sign = await newSigner(stream);
  const newClient = (options) => {
    const client = connect(gateway.url, { clientId: stream, ...options });
    t.after(() => client.close({ timeout: 0 }));
    return client;
  };
  return { stream, sign, newClient };
}

// publisher publishes 1, 2, 3, ... until it is stopped, and returns how many.
function publisher(t, stream) {
  const client = connect(gateway.url, { clientId: gateway.clientId, clientSecret: gateway.clientSecret });
  t.after(() => client.close({ timeout: 0 }));
  const answers = [];
  const timer = setInterval(() => answers.push(client.publish(stream, { n: answers.length + 1 })), 4);
  return {
    count: () => answers.length,
    stop: async () => {
      clearInterval(timer);
      await Promise.all(answers);
      return answers.length;
    },
  };
}

// member handles messages one after the other until it ends. An acknowledgement that is refused fails.
function member(client, stream, options, got) {
  const sub = client.subscribe(stream, options);
  const mine = [];
  const working = (async () => {
    for await (const m of sub) {
      await new Promise((resolve) => setTimeout(resolve, 1)); // the work
      got.push({ n: m.payload.n, redelivered: m.redelivered });
      mine.push(m.payload.n);
      await m.ack?.();
    }
  })();
  return { sub, working, mine };
}

// count fails if something was lost or came twice.
function count(t, what, got, published) {
  const numbers = got.map(({ n }) => n);
  const lost = upTo(published).filter((n) => !numbers.includes(n)).length;
  const repeated = numbers.length - new Set(numbers).size;
  const redelivered = got.filter((m) => m.redelivered).length;
  t.diagnostic(`${what}: ${published} published, ${got.length} handled, ${lost} lost, ${repeated} repeated, ${redelivered} redelivered`);
  assert.deepEqual({ lost, repeated, redelivered }, { lost: 0, repeated: 0, redelivered: 0 }, what);
}

const explicit = { ack: "explicit", credit: 10 };

describe("members of groups", { concurrency: true }, () => {
  test("a renewal loses nothing and repeats nothing, alone and beside a member that stays", async (t) => {
    const { stream, sign, newClient } = await setUp(t, "renewal");
    const renews = newClient({ token: () => sign(5, { groups: true }) });
    const stays = newClient({ token: sign(600, { groups: true }) });
    let renewed = 0;
    renews.on("connect", (event) => (renewed += event.renewed));
    const cases = [];
    for (const [how, options] of [["by receiving", {}], ["explicitly", explicit], ["one at a time", { ack: "explicit", credit: 1 }]]) {
      for (const beside of [false, true]) {
        const group = { group: crypto.randomUUID(), ...options };
        const got = [];
        const members = [renews, ...(beside ? [stays] : [])].map((client) => member(client, stream, group, got));
        cases.push({ what: `${how}, ${beside ? "beside another" : "alone"}`, got, members, slow: options.credit === 1 });
      }
    }
    const got = [];
    cases.push({ what: "fanout", got, members: [member(renews, stream, { fanout: true }, got)] });
    await Promise.all(cases.flatMap(({ members }) => members.map(({ sub }) => sub.ready)));

    const publishing = publisher(t, stream);
    await eventually("a renewal", () => renewed >= 1);
    const published = await publishing.stop();
    await eventually("the last message", () => cases.every((c) => c.got.length >= published));
    for (const { what, got, members } of cases) {
      await Promise.all(members.map(({ sub }) => sub.close()));
      await Promise.all(members.map(({ working }) => working));
      count(t, what, got, published);
      if (members.length === 1) assert.deepEqual(got.map(({ n }) => n), upTo(published), `${what}: in order`);
      else assert.ok(members.every(({ mine }) => mine.length > published / 10), `${what}: both had a share`);
    }
  });

  test("a member that drains gets nothing new, and what it has is handed to nobody else", async (t) => {
    const { stream, sign, newClient } = await setUp(t, "drain");
    const [leaves, stays] = [1, 2].map(() => newClient({ token: sign(600, { groups: true }) }));
    const cases = [["by receiving", {}], ["explicitly", explicit]].map(([what, options]) => {
      const group = { group: crypto.randomUUID(), ...options };
      const got = [];
      const [one, other] = [leaves, stays].map((client) => member(client, stream, group, got));
      return { what, got, one, other };
    });
    await Promise.all(cases.flatMap(({ one, other }) => [one.sub.ready, other.sub.ready]));
    const publishing = publisher(t, stream);
    for (const { what, one } of cases) {
      await eventually("messages", () => one.mine.length > 20);
      await Promise.all([one.sub.drain(), one.sub.drain()]);
      await one.working; // the iterator ends behind what has come
      await one.sub.drain();
      t.diagnostic(`${what}: ${one.mine.length} handled by the member that leaves`);
    }
    const published = await publishing.stop();
    await eventually("the last message", () => cases.every((c) => c.got.length >= published));
    for (const { what, got, other } of cases) {
      await other.sub.close();
      await other.working;
      count(t, what, got, published);
    }
  });

  test("a member that drains and never acknowledges gives back what it has when it is closed", async (t) => {
    const { stream, sign, newClient } = await setUp(t, "mute");
    const [leaves, stays] = [1, 2].map(() => newClient({ token: sign(600, { groups: true }) }));
    const group = { group: crypto.randomUUID(), ack: "explicit" };
    const sub = leaves.subscribe(stream, group);
    await sub.ready;
    await api("POST", `/streams/${stream}/publish`, [{ n: 1 }, { n: 2 }]);
    const first = await sub.next();
    const got = [];
    const other = member(stays, stream, group, got);
    await other.sub.ready;
    let drained = false;
    const draining = sub.drain().then(() => (drained = true));
    await api("POST", `/streams/${stream}/publish`, { payload: { n: 3 } });
    await eventually("the other member has the new message", () => got.length === 1);
    assert.deepEqual({ drained, got }, { drained: false, got: [{ n: 3, redelivered: 0 }] });
    await sub.close();
    await draining;
    await assert.rejects(first.value.ack(), { code: "subscription_not_found" });
    await eventually("the other member has the rest", () => got.length === 3);
    assert.deepEqual(got.slice(1), [{ n: 1, redelivered: 1 }, { n: 2, redelivered: 1 }]);
    await other.sub.drain();
    await other.working;
  });

  test("a connection that ends while a member drains ends that, too", async (t) => {
    const { stream, sign, newClient } = await setUp(t, "cut");
    const client = newClient({ token: () => sign(2, { groups: true }), retryFirst: 50 });
    const group = { group: crypto.randomUUID(), ack: "explicit" };
    const sub = client.subscribe(stream, group);
    await sub.ready;
    await api("POST", `/streams/${stream}/publish`, { payload: { n: 1 } });
    await sub.next(); // which it never acknowledges
    const draining = sub.drain();
    const other = client.subscribe(stream, group); // joins on each connection
    await draining; // since the token of the connection expires
    const m = (await other.next()).value;
    assert.equal(m.payload.n, 1);
    assert.ok(m.redelivered >= 1);
    await m.ack();
    await other.drain();
  });
});

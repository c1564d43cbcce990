// Members of a group go on while their client changes its token: each message is handled once.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "../clients/js/seagate.js";
import { api, eventually, gateway, newSigner } from "./harness.mjs";

const renewals = 2;

for (const [how, options] of [["by receiving", {}], ["explicitly", { ack: "explicit", credit: 20 }]]) {
  test(`a group that acknowledges ${how} loses and repeats nothing over a renewal`, async (t) => {
    const stream = `renewal-${options.ack ?? "received"}`;
    await api("POST", `/streams/${stream}/define`, { version: 1, fields: [{ name: "n", type: "integer" }] });
    const sign = await newSigner(stream);
    const publisher = connect(gateway.url, { clientId: gateway.clientId, clientSecret: gateway.clientSecret });
    const member = connect(gateway.url, { clientId: stream, token: () => sign(1.5, { groups: true }) });
    t.after(() => Promise.all([publisher, member].map((c) => c.close({ timeout: 0 }))));
    let renewed = 0;
    member.on("connect", (event) => (renewed += event.renewed));

    const sub = member.subscribe(stream, { group: crypto.randomUUID(), ...options });
    await sub.ready;
    const answers = [];
    const timer = setInterval(() => answers.push(publisher.publish(stream, { n: answers.length + 1 })), 2);
    const handled = [];
    const working = (async () => {
      for await (const m of sub) {
        await new Promise((resolve) => setTimeout(resolve, 1)); // the work
        handled.push(m.payload.n);
        await m.ack?.();
      }
    })();
    await eventually("renewals", () => renewed >= renewals);
    clearInterval(timer);
    await Promise.all(answers);
    await eventually("the last message", () => new Set(handled).size >= answers.length);
    await sub.close();
    await working;
    t.diagnostic(`${answers.length} published, ${handled.length} handled, over ${renewed} renewals`);
    assert.deepEqual(handled, answers.map((_, i) => i + 1));
  });
}

// Members of a group go on while their client changes its token: they lose nothing. What was on
// its way, or not acknowledged yet, when a connection took the place of another comes again, and
// says so.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { connect } from "../clients/js/seagate.js";
import { api, eventually, gateway, newSigner } from "./harness.mjs";

const renewals = 2;

describe("groups over a renewal", { concurrency: true }, () => {
  for (const [how, options] of [["by receiving", {}], ["explicitly", { ack: "explicit", credit: 20 }]]) {
    test(`a group that acknowledges ${how} loses nothing over a renewal, and is told what comes again`, async (t) => {
      const stream = `renewal-${options.ack ?? "received"}-${process.pid}`;
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
      const handled = new Map(); // number to how often each delivery had come before
      const working = (async () => {
        for await (const m of sub) {
          await new Promise((resolve) => setTimeout(resolve, 1)); // the work
          handled.set(m.payload.n, [...(handled.get(m.payload.n) ?? []), m.redelivered ?? 0]);
          await m.ack?.().catch((error) => assert.match(error.code, /^(subscription_not_found|connection_lost)$/));
        }
      })();
      await eventually("renewals", () => renewed >= renewals);
      clearInterval(timer);
      await Promise.all(answers);
      await eventually("the last message", () => handled.size >= answers.length);
      await sub.close();
      await working;
      const again = [...handled.values()].filter((times) => times.length > 1);
      t.diagnostic(`${answers.length} published, ${handled.size} handled, ${again.length} again, over ${renewed} renewals`);
      assert.deepEqual([...handled.keys()].sort((a, b) => a - b), answers.map((_, i) => i + 1));
      // The new connection may be read before the rest of the old one.
      assert.ok(again.every((times) => times.filter((n) => n === 0).length <= 1), `they came ${JSON.stringify(again)} times before`);
    });
  }
});

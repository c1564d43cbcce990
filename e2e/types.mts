// What TypeScript must accept and refuse: see types.test.mjs. It is not run.

import { Client, SeagateError, connect, type Message, type Subscription } from "../clients/js/seagate.js";
import { FieldType, StreamSeaSubscription, defineStream, getStreamSeaClient, subscribe } from "../clients/js/stream-sea.js";

interface Boiler {
  temperature: number;
}

const client: Client = connect("https://gateway.example.com", { clientId: "c", token: async () => "eyJ" });
client.on("disconnect", ({ error, wait }) => error.temporary && wait.toFixed());
client.addEventListener("connect", (event) => event.detail.renewed);
// @ts-expect-error: there is no such event
client.on("reconnect", () => {});
// @ts-expect-error: it is a number of milliseconds
connect("", { retryFirst: "1s" });

const sub: Subscription<Boiler> = client.subscribe<Boiler>("boiler_data", { from: new Date() });
for await (const m of sub) {
  const t: number = m.payload.temperature;
  // @ts-expect-error: acknowledging is for subscriptions that are explicit
  m.ack();
  m.seq?.toFixed(t);
}
sub.on("gap", ({ from, to }) => to - from);
sub.on("message", (m: Message<Boiler>) => m.payload);
client.subscribe("later", sub.position);
await sub.ready.then((s) => s.close());
await sub.drain();

for await (const m of client.subscribe<Boiler>("boiler_data", { group: "g", ack: "explicit", credit: 1 })) {
  await m.ack();
  await m.nack({ reason: "busy", delay: 100 });
}
client.subscribe<Boiler>("boiler_data", { filter: { t: "eq", e: [{ t: "path", e: "$.temperature" }, { t: "number", e: 1 }] } });
client.subscribe(["a", "b"], { sync: { by: "$.t", priority: { a: 1 } } });

const { seq, epoch } = await client.publish("boiler_data", { temperature: 1 }, { messageId: "x" });
seq.toFixed(epoch.length);
const price: { price: number } = await client.fetch("pricing", "quote", { sku: 7 }, { timeout: 500, signal: AbortSignal.timeout(1) });
const server = client.serve("pricing", {
  quote: async ({ sku }, call) => {
    call.part(price);
    if (call.signal.aborted) throw new SeagateError("out_of_stock", "none left", { details: { sku } });
    return price;
  },
});
server.on("failed", ({ error, call }) => console.error(call.procedure, error));
const provider = client.provide("boiler_data");
provider.on("requested", ({ requested }) => provider.pause(!requested));
client.watch("pricing").on("servers", ({ servers }) => servers > 0);
await client.close({ timeout: 1 });

const remote = { remoteServerHost: "h", remoteServerPort: "443", secure: true, clientId: "c" };
(await subscribe({ ...remote, clientSecret: "s", stream: "s", fanout: true })).on("message", (payload) => payload.t);
await defineStream({ ...remote, clientSecret: "s", stream: "s", version: 1, fields: [{ name: "t", type: FieldType.FLOAT }] });
// @ts-expect-error: there is no such type
await defineStream({ ...remote, clientSecret: "s", stream: "s", version: 1, fields: [{ name: "t", type: "double" }] });
getStreamSeaClient({ ...remote, credentialOptions: { type: "jwt", clientId: "c", jwt: "eyJ" } }).addSubscription(new StreamSeaSubscription("s"));

// A page of the stream-sea client changes one import, and goes on.

import assert from "node:assert/strict";
import { browserTest, eventually, gateway, newSigner, serveFiles, startGateway, useBrowser } from "./harness.mjs";

useBrowser();
const files = await serveFiles();

// remoteOf returns what the functions of the API take of a gateway.
function remoteOf({ url, clientId, clientSecret }) {
  const { hostname, port } = new URL(url);
  return { remoteServerHost: hostname, remoteServerPort: port, secure: false, clientId, clientSecret };
}

browserTest("the functions of the API", async ({ open }) => {
  const page = await open(files + "/", { allow: [gateway.url], expect: [/status of 4/] });
  const got = await page.evaluate(async ({ url, remote }) => {
    const sea = await import(`${url}/stream-sea.js`);
    const stream = "boiler:data";
    const schema = { name: stream, version: 3, fields: [{ name: "t", type: sea.FieldType.FLOAT }, { name: "at", type: sea.FieldType.STRING_ARRAY }] };
    const out = {};
    out.defined = (await sea.defineStream({ ...remote, stream, ...schema })).version;
    out.described = await sea.describeStream({ ...remote, stream });
    out.vector = await sea.getSchemaVersionsVector({ ...remote, schemaNames: [stream, "nothing"] });
    const subscription = await sea.subscribe({ ...remote, stream, fanout: true });
    out.name = subscription.streamName;
    const two = new Promise((resolve) => {
      const payloads = [];
      subscription.once("message", (payload) => (out.first = payload.t));
      subscription.on("message", (payload) => payloads.push(payload.t) === 2 && resolve(payloads));
    });
    // The original says nothing when it has subscribed, so the test publishes until something comes.
    while (!out.first) await sea.publish({ ...remote, stream, payload: { t: 1.5, at: [] } });
    await sea.publish({ ...remote, stream, payload: { t: 1.5, at: [] } });
    out.both = (await two).slice(0, 2);
    out.refused = await sea.publish({ ...remote, stream, payload: { t: "x" } }).catch((e) => [e.name, e.statusCode, e.error.code, e.error.errors.length]);
    const made = await sea.createClient({ ...remote, targetClientId: "other", targetClientDescription: "of a test" });
    const other = { ...remote, clientId: "other", clientSecret: made.secret };
    const rotated = await sea.rotateClientSecret(other);
    out.rotated = [rotated.givenId, rotated.secret !== made.secret];
    out.key = (await sea.rotateClientJwtPublicKey({ ...other, clientSecret: rotated.secret, jwtPublicKey: null })).jwtPublicKey;
    out.deleted = await sea.deleteClient({ ...remote, targetClientId: "other" });
    out.wrong = await sea.describeStream({ ...other, stream }).catch((e) => [e.statusCode, e.error.message]);
    return out;
  }, { url: gateway.url, remote: remoteOf(gateway) });
  assert.deepEqual(got, {
    defined: 3,
    described: { name: "boiler:data", version: 3, fields: [{ name: "t", type: "float" }, { name: "at", type: "array<string>" }] },
    vector: [3, null], name: "boiler:data", first: 1.5, both: [1.5, 1.5],
    refused: ["StatusCodeError", 400, "invalid_payload", 2], rotated: ["other", true], key: null, deleted: { id: "other" },
    wrong: [401, "The credentials are present and well formed but invalid."],
  });
});

browserTest("a client with a token that expires, and a restart: nothing is lost", async ({ open, t }) => {
  const g = await startGateway();
  const sign = await newSigner("office", g);
  const page = await open(files + "/", { allow: [g.url], expect: [/WebSocket connection to .* failed/] });
  await page.exposeFunction("freshToken", (seconds) => sign(seconds));
  await page.evaluate(async ({ url, remote }) => {
    const sea = await import(`${url}/stream-sea.js`);
    await sea.defineStream({ ...remote, stream: "s", version: 1, fields: [{ name: "n", type: "integer" }] });
    const { clientSecret, ...rest } = remote;
    const credentials = async (seconds) => ({ type: "jwt", clientId: "office", jwt: await globalThis.freshToken(seconds) });
    const client = sea.getStreamSeaClient({ ...rest, credentialOptions: await credentials(2) });
    Object.assign(globalThis, { sea, remote, got: [], errors: [] });
    client.on("error", async (error) => {
      globalThis.errors.push([error.type, error.error.code]);
      client.setCredentialOptions(await credentials(60));
    });
    const subscription = new sea.StreamSeaSubscription("s");
    subscription.on("message", (payload) => globalThis.got.push(payload.n));
    client.addSubscription(subscription);
  }, { url: g.url, remote: remoteOf(g) });
  const publish = (n) => page.evaluate((n) => globalThis.sea.publish({ ...globalThis.remote, stream: "s", payload: { n } }), n);
  const arrived = (n) => eventually(`message ${n}`, () => page.evaluate((n) => globalThis.got.includes(n), n));
  await eventually("the subscription", async () => (await (await fetch(`${g.url}/api/v1/streams/s`, {
    headers: { Authorization: `Basic ${Buffer.from(`${g.clientId}:${g.clientSecret}`).toString("base64")}` } })).json()).subscribers === 1);
  await publish(1);
  await arrived(1);
  await eventually("the expiry", () => page.evaluate(() => globalThis.errors.length > 0));
  await publish(2);
  await arrived(2);
  await g.stop("SIGKILL");
  await g.start();
  await publish(3);
  await arrived(3);
  assert.deepEqual(await page.evaluate(() => globalThis.got), [1, 2, 3]);
  assert.deepEqual((await page.evaluate(() => globalThis.errors))[0], ["AuthenticationError", "token_expired"]);
});

// What people do with the console: with a keyboard alone, with few rights, with a token, and
// while the gateway restarts or no longer accepts their credentials.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { accessible, api, browserTest, eventually, gateway, holds, newSigner, serveFiles, startGateway, startProxy, useBrowser } from "./harness.mjs";
import { amountOf, duration } from "../console/assets/format.js";
import { consoleURL, define, enter, fields, group, heading, hide, leaveGroupBehind, publish } from "./console.mjs";

useBrowser();

test("amounts have units, or are refused", () => {
  const read = (unit, ...texts) => texts.map((text) => amountOf(text, unit));
  assert.deepEqual(read("bytes", "0", "1,000", "1.5 KiB", "10GiB", "2 MB", "1,048,576 KiB"), [0, 1000, 1536, 10 * 2 ** 30, 2e6, 2 ** 30]);
  assert.deepEqual(read("seconds", "90", "90s", "1h30m", "1d 12h", "2w", "36h0m0s"), [90, 90, 5400, 129600, 1209600, 129600]);
  assert.deepEqual(read("", "7"), [7]);
  for (const n of [...read("bytes", "", "x", "1.5", "1 GiB 2 MiB", "10 apples", "-1", "1e3", "1,5 GiB", "1,5", "1,0000", ",", "0.4 B"), ...read("seconds", "1h30", "30 1h", "h", "1,5 h", "0.4 s"), ...read("", "1 k")]) assert.ok(Number.isNaN(n));
});

test("lengths of time are rounded once, and have a unit that fits", () => {
  const texts = [0, .0004, .2, .9996, 59.7, 3599.6, 4 * 3600 - 1, 2 * 86400 - 1].map(duration);
  assert.deepEqual(texts, ["0 s", "< 1 ms", "200 ms", "1 s", "1 min 0 s", "1 h 0 min", "3 h 59 min", "1 d 23 h"]);
});

browserTest("what a login is refused for is said", async ({ open }) => {
  const page = await open(consoleURL(gateway), { expect: [/401/] });
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  await page.getByText("Enter the id of a client.").waitFor();
  await page.getByLabel("Client id").fill(gateway.clientId);
  await page.getByRole("textbox", { name: "Client secret" }).fill("sea_wrong");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").getByText("The client id or the secret is not right.").waitFor();
  await accessible(page, "a refused login");
  await page.getByRole("button", { name: "Token" }).click();
  await page.getByLabel("Token", { exact: true }).fill("no token");
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  await page.getByText("This is no token: ").waitFor();
  await page.getByRole("button", { name: "Client secret" }).click();
  await page.getByRole("textbox", { name: "Client secret" }).fill(gateway.clientSecret);
  await page.keyboard.press("Enter");
  await heading(page, "Home");
  assert.equal(await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }) + document.cookie + location.href.includes("sea_")), "{}false");
  await page.reload();
  await page.getByRole("button", { name: "Log in", exact: true }).waitFor();
});

// press presses a key until the element that is meant has the focus.
async function tabTo(page, role, name) {
  for (let i = 0; i < 80; i++) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate(() => {
      const e = document.activeElement;
      return `${e.tagName === "A" ? "link" : e.tagName === "BUTTON" ? "button" : e.tagName === "SELECT" ? "combobox" : "textbox"} ${e.getAttribute("aria-label") ?? e.labels?.[0]?.textContent ?? e.textContent}`;
    });
    if (focused.startsWith(`${role} ${name}`)) return;
  }
  assert.fail(`the key Tab never reaches the ${role} ${name}`);
}

browserTest("with a keyboard alone: log in, define, publish what is wrong and then right, and see it come", async ({ open }) => {
  const page = await open(consoleURL(gateway), { expect: [/400/] });
  await page.keyboard.type(gateway.clientId);
  await page.keyboard.press("Tab");
  await page.keyboard.type(gateway.clientSecret);
  await page.keyboard.press("Enter");
  await heading(page, "Home");
  await tabTo(page, "link", "Streams");
  await page.keyboard.press("Enter");
  await heading(page, "Streams");
  await tabTo(page, "button", "Define a stream");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.type("typed"); // the first field has the focus
  await accessible(page, "the dialog that defines a stream");
  await page.keyboard.press("Enter");
  await heading(page, "typed");
  await tabTo(page, "textbox", "temperature");
  await page.keyboard.type("hot");
  await page.keyboard.press("Tab");
  await page.keyboard.type("1.5");
  await page.keyboard.press("Enter");
  await page.getByText('expected a number, got the string "hot"').waitFor();
  await page.getByText("expected an integer, got the number 1.5").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("aria-invalid")), "true");
  await accessible(page, "a form with problems");
  await page.keyboard.press("Control+A");
  await page.keyboard.type("91.50");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Control+A");
  await page.keyboard.type("3001");
  await page.keyboard.press("Enter");
  await page.getByText("Published as").waitFor();
  assert.equal((await api("GET", "/streams/typed")).lastSeq, 1);
  await tabTo(page, "link", "message 1");
  await page.keyboard.press("Enter");
  await page.getByRole("log").getByText('{"temperature":91.50,"pressure":3001}').waitFor();
  await tabTo(page, "button", "Go live");
  await page.keyboard.press("Enter");
  await page.getByText("Live", { exact: true }).waitFor();
  await publish("typed", { temperature: 1, pressure: 2 });
  await page.getByRole("log").getByText("#2", { exact: true }).waitFor();
  await tabTo(page, "button", "Hold");
  await page.keyboard.press("Enter");
  await page.getByText("Held", { exact: true }).waitFor();
  await page.keyboard.press("Enter"); // the button is another one, and still has the focus
  await page.getByText("Held", { exact: true }).waitFor({ state: "detached" });
});

browserTest("a live tail goes on where it was when the gateway restarts", async ({ open }) => {
  const g = await startGateway({ SEAGATE_CONSOLE_PUBLIC: "true" });
  await define("tailed", g);
  await publish("tailed", { temperature: 1, pressure: 1 }, g);
  const page = await enter(open, "#/streams/tailed/messages", { g, url: `${g.url}/console/`, expect: [/ERR_CONNECTION|WebSocket|Failed to load/] });
  await page.getByRole("log").getByText("#1", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Go live" }).click();
  await page.getByText("Live", { exact: true }).waitFor();
  await g.stop();
  await page.getByText("Connecting again…").waitFor();
  await g.start();
  await publish("tailed", { temperature: 2, pressure: 2 }, g);
  await page.getByText("Live", { exact: true }).waitFor();
  await publish("tailed", { temperature: 3, pressure: 3 }, g);
  await page.getByRole("log").getByText("#3", { exact: true }).waitFor();
  const numbers = await page.locator(".message-seq").allTextContents();
  assert.deepEqual(numbers, ["#1", "#2", "#3"]);
});

browserTest("a live tail comes back from a network that is gone without a word", async ({ open }) => {
  const g = await startGateway({ SEAGATE_CONSOLE_PUBLIC: "true" });
  await define("far", g);
  const proxy = await startProxy(g.url);
  const page = await enter(open, "#/", { g, url: `${proxy.url}/console/`, own: true, expect: [/WebSocket|ERR_/] });
  await page.clock.install();
  await page.evaluate(() => (location.hash = "#/streams/far/messages?from=latest"));
  await page.getByText("Live", { exact: true }).waitFor();
  await publish("far", { temperature: 1, pressure: 1 }, g);
  await page.getByRole("log").getByText("#1", { exact: true }).waitFor();
  proxy.freeze();
  await publish("far", { temperature: 2, pressure: 2 }, g);
  await page.clock.runFor(61_000); // it has heard something, it asks, it gives up
  await page.getByText("Connecting again…").waitFor();
  await page.getByText("The gateway does not answer.").waitFor();
  proxy.thaw();
  for (let i = 0; i < 10 && (await page.locator(".message").count()) < 2; i++) await page.clock.runFor(31_000);
  await page.getByRole("log").getByText("#2", { exact: true }).waitFor();
  assert.deepEqual(await page.locator(".message-seq").allTextContents(), ["#1", "#2"]);
});

browserTest("a live tail is one subscription, however fast its page is hidden and shown", async ({ open }) => {
  await define("blinked");
  const page = await enter(open, "#/streams/blinked/messages?from=latest");
  await page.getByText("Live", { exact: true }).waitFor();
  await hide(page, true, false, true, false, true, false);
  await eventually("a subscription", async () => (await api("GET", "/streams/blinked")).subscribers > 0);
  await page.getByText("Live", { exact: true }).waitFor();
  await publish("blinked", { temperature: 1, pressure: 1 });
  await page.getByRole("log").getByText("#1", { exact: true }).waitFor();
  await eventually("one subscription", async () => (await api("GET", "/streams/blinked")).subscribers === 1, 5e3);
});

browserTest("the snippet for a web page runs as it is, in a page of another origin", async ({ open }) => {
  const sign = await newSigner("page-of-a-shop");
  await define("shown-in-a-shop");
  await publish("shown-in-a-shop", { temperature: 91.5, pressure: 3001 });
  const page = await enter(open, "#/", { id: "page-of-a-shop", secret: (await api("PUT", "/client/page-of-a-shop")).secret });
  await page.getByLabel("Stream", { exact: true }).selectOption("shown-in-a-shop");
  const snippet = await eventually("the digest", async () => (await page.getByRole("region", { name: "the Web page snippet" }).textContent()).match(/[^]*"sha384-[\w+/=]{64}"[^]*/)?.[0]);
  let token; // the server of the shop has none at first
  const files = await serveFiles({ "/shop": () => `<!DOCTYPE html><html lang="en"><title>Shop</title><link rel="icon" href="data:,">${snippet}`, "/seagate-token": () => token });
  const shop = await open(files, { allow: [new URL(page.url()).origin], expect: [/503/] });
  const said = [];
  shop.on("console", (m) => said.push(m.text()));
  await shop.goto(`${files}/shop`);
  await eventually("why there is nothing", () => said.some((text) => /the function that gives the token failed: token: 503/.test(text)));
  token = sign(600, { mustFanout: true });
  await eventually("the message", () => said.some((text) => /^1 {temperature: 91.5/.test(text)));
});

browserTest("the snippet in Python runs as it is", async ({ open }) => {
  await define("snipped");
  await publish("snipped", { temperature: 91.5, pressure: 3001 });
  const page = await enter(open);
  await page.getByRole("tab", { name: "Python" }).click();
  await page.getByLabel("Stream", { exact: true }).selectOption("snipped");
  const program = await page.getByRole("region", { name: "the Python snippet" }).textContent();
  const output = execFileSync("python3", ["-c", program], { encoding: "utf8", timeout: 30e3, env: { ...process.env, SEAGATE_CLIENT_SECRET: gateway.clientSecret } });
  assert.match(output, /^1 .*'pressure': 3001/);
});

browserTest("what the snippets for shells publish matches the schema", async ({ open }) => {
  const inner = [{ name: "load", type: "enum", enum: ["a", "b"] }, { name: "at", type: "array<date>" }];
  await api("POST", "/streams/copied/define", { version: 1, fields: [...fields, { name: "name", type: "string" }, { name: "moves", type: "array<object>", fields: inner }] });
  const page = await enter(open);
  const bin = mkdtempSync(join(tmpdir(), "seagate-bin-"));
  try {
    symlinkSync(resolve(process.env.SEAGATE_PROGRAM), join(bin, "seagate"));
    const env = { ...process.env, PATH: `${bin}:${process.env.PATH}`, SEAGATE_URL: gateway.url, SEAGATE_CLIENT_ID: gateway.clientId, SEAGATE_CLIENT_SECRET: gateway.clientSecret };
    await page.getByLabel("Stream", { exact: true }).selectOption("copied");
    await page.getByRole("tab", { name: "Command line" }).click();
    const text = await eventually("an example", async () => (await page.getByRole("region", { name: "the Command line snippet" }).textContent()).match(/seagate publish .*load.*/)?.[0]);
    execFileSync("sh", ["-c", text], { env, timeout: 30e3, stdio: "pipe" });
    await page.getByRole("tab", { name: "curl" }).click();
    const [, body] = (await page.getByRole("region", { name: "the curl snippet" }).textContent()).match(/-d '(.*)'$/m);
    await api("POST", "/streams/copied/publish", JSON.parse(body));
    await page.getByRole("tab", { name: "Python" }).click();
    const [, argument] = (await page.getByRole("region", { name: "the Python snippet" }).textContent()).match(/json\.loads\((".*")\)\)/);
    await api("POST", "/streams/copied/publish", JSON.parse(JSON.parse(argument)));
  } finally {
    rmSync(bin, { recursive: true });
  }
  assert.equal((await api("GET", "/streams/copied")).lastSeq, 3);
});

browserTest("a paused tail is bounded, and says what it leaves out", async ({ open }) => {
  await define("flooded");
  const page = await enter(open, "#/streams/flooded/messages?from=latest");
  await page.getByText("Live", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Pause" }).click();
  const batch = Array.from({ length: 1000 }, (_, i) => ({ temperature: i, pressure: i }));
  await api("POST", "/streams/flooded/publish", batch);
  await page.getByText("dropped by this view: 500").waitFor();
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("log").getByText("#1000", { exact: true }).waitFor();
  assert.equal(await page.locator(".message").count(), 500);
  assert.equal((await api("GET", "/streams/flooded")).groups, 0, "watching joins no group");
});

browserTest("a filter is the gateway's, for the past and for the tail", async ({ open }) => {
  await define("sifted");
  const batch = Array.from({ length: 1500 }, (_, i) => ({ temperature: i + 1, pressure: i === 9 || i === 1399 ? 7 : 3000 }));
  await api("POST", "/streams/sifted/publish", batch.slice(0, 1000));
  await api("POST", "/streams/sifted/publish", batch.slice(1000));
  const page = await enter(open, "#/streams/sifted/messages?from=earliest", { expect: [/400/] });
  await page.getByRole("log").getByText("#1", { exact: true }).waitFor();
  const where = page.getByLabel("Only messages with");
  await where.fill("pressure");
  await page.keyboard.press("Enter");
  await page.getByText("“pressure” is no condition.").waitFor();
  await where.fill("pressure=7 and $..x=1");
  await page.keyboard.press("Enter");
  await page.getByText("bad path").waitFor();
  assert.equal(await where.getAttribute("aria-invalid"), "true");
  await accessible(page, "a filter that is wrong");
  await where.fill("");
  await page.getByLabel("Begin with").selectOption("time");
  await page.getByLabel("Time (RFC 3339)").fill("yesterday");
  await page.keyboard.press("Enter");
  await page.getByText("This is no time.").waitFor();
  await page.getByLabel("Begin with").selectOption("earliest");
  await where.fill("pressure=7");
  await page.keyboard.press("Enter");
  await page.getByRole("log").getByText("#1400", { exact: true }).waitFor();
  assert.deepEqual(await page.locator(".message-seq").allTextContents(), ["#10", "#1400"]);
  assert.match(page.url(), /where=pressure%3D7/);
  await page.getByRole("button", { name: "Go live" }).click();
  await page.getByText("Live", { exact: true }).waitFor();
  await publish("sifted", { temperature: 1, pressure: 1 });
  await publish("sifted", { temperature: 2, pressure: 7 });
  await page.getByRole("log").getByText("#1502", { exact: true }).waitFor();
  assert.deepEqual(await page.locator(".message-seq").allTextContents(), ["#10", "#1400", "#1502"]);
});

browserTest("a token reads by name, through its filter, and its end is said", async ({ open }) => {
  await define("filtered");
  const sign = await newSigner("signer");
  const filter = { t: "eq", e: [{ t: "path", e: "$.unit" }, { t: "string", e: "C" }] };
  const bearer = async (seconds, claims, hash = "#/streams/filtered/messages?from=latest") => {
    const page = await open(consoleURL(gateway) + hash);
    await page.getByRole("button", { name: "Token" }).click();
    await page.getByLabel("Client id").fill("signer");
    await page.getByLabel("Token", { exact: true }).fill(sign(seconds, { mustFanout: true, filter, ...claims }));
    await page.getByRole("button", { name: "Log in", exact: true }).click();
    return page;
  };
  const soonOver = await bearer(8);
  const named = await bearer(600, { streams: ["filtered", "boiler.*"] }, "#/");
  await named.getByRole("region", { name: "the Web page snippet" }).getByText("sha384-").waitFor();
  await named.evaluate(() => (location.hash = "#/streams/hidden")); // still logged in
  await named.getByText("This token is not for this stream.").waitFor();
  await accessible(named, "a stream that a token is not for");
  const page = await bearer(600);
  await page.getByText("Live", { exact: true }).waitFor();
  assert.deepEqual(await page.getByRole("navigation", { name: "Parts of the stream" }).getByRole("link").allTextContents(), ["Messages"]);
  await publish("filtered", { temperature: 1, pressure: 1, unit: "F" });
  await publish("filtered", { temperature: 2, pressure: 2, unit: "C" });
  await page.getByRole("log").getByText("#2", { exact: true }).waitFor();
  assert.equal(await page.locator(".message").count(), 1);
  await soonOver.getByText("token_expired").waitFor();
  await soonOver.getByText("Connect again with a fresh token.").waitFor();
  await accessible(soonOver, "an expired token");
});

browserTest("what one may not do is not offered", async ({ open }) => {
  await define("readable");
  const { secret } = await api("POST", "/client", { clientId: "viewer", description: "", rights: { subscribe: ["readable"] } });
  const page = await enter(open, "#/streams", { id: "viewer", secret, expect: [/401/] });
  await page.getByRole("link", { name: "readable" }).click();
  await heading(page, "readable");
  assert.deepEqual(await page.getByRole("navigation", { name: "Parts of the stream" }).getByRole("link").allTextContents(), ["Messages", "Schema", "Groups"]);
  for (const name of ["Delete", "Hold", "New version", "Define a stream", "Move"]) assert.equal(await page.getByRole("button", { name }).count(), 0, name);
  assert.equal(await page.locator("tbody tr").count(), 0);
  await page.evaluate(() => (location.hash = "#/streams/hidden"));
  await page.getByText("Client viewer has no right for this stream.").waitFor();
  await api("PUT", "/client/viewer");
  await page.evaluate(() => (location.hash = "#/streams"));
  await page.getByText("no longer accepts these credentials").waitFor();
});

browserTest("a group is moved after a preview and a typed confirmation, and a dead letter is published again", async ({ open }) => {
  await define("moved");
  for (let i = 1; i <= 4; i++) await publish("moved", { temperature: i, pressure: i });
  await leaveGroupBehind("moved");
  await api("POST", "/streams/moved.dead/define", { version: 1, fields: [], unknownFields: "accept" });
  await publish("moved.dead", { streamName: "moved", seq: 2, time: "2026-11-21T10:00:00Z", clientId: "Ω", groupId: group, deliveries: 5, reason: "away", payload: { temperature: 2, pressure: 2 } });
  const page = await enter(open, "#/streams/moved/groups", { expect: [/4(00|10)/] });
  await page.getByRole("cell", { name: /^4/ }).first().click(); // a focus in the table stops nothing
  await publish("moved", { temperature: 5, pressure: 5 });
  await page.getByRole("cell", { name: /^5/ }).first().waitFor();
  await page.getByRole("button", { name: `Move group ${group}` }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Go on from").selectOption("time");
  await dialog.getByLabel("Time (RFC 3339)").fill("tomorrow");
  await page.keyboard.press("Enter");
  await dialog.getByText("This is no time.").waitFor();
  await dialog.getByLabel("Go on from").selectOption("number");
  const number = dialog.getByLabel("Number");
  await number.fill("77");
  await page.keyboard.press("Enter");
  await dialog.getByText("there is no message 77").waitFor();
  assert.equal(await number.getAttribute("aria-invalid"), "true");
  assert.equal(await number.evaluate((e) => e === document.activeElement), true);
  assert.equal(await dialog.getByRole("alert").count(), 0);
  await dialog.getByLabel("Go on from").selectOption("latest");
  assert.equal(await dialog.getByRole("button", { name: "Move", exact: true }).isDisabled(), true);
  await dialog.getByRole("button", { name: "Preview" }).click();
  await dialog.getByText("5 messages will never be delivered to this group.").waitFor();
  await accessible(page, "the move of a group");
  await dialog.getByLabel("Type moved to confirm").fill("moved");
  await dialog.getByRole("button", { name: "Move", exact: true }).click();
  await page.getByText("Moved the group").waitFor();
  await eventually("no lag", async () => (await api("GET", "/streams/moved/groups")).groups[0].lag === 0);
  await page.getByRole("button", { name: `Publish again: message 2 of group ${group} of client Ω` }).click();
  await page.getByText("Published again as").waitFor();
  const { messages } = await api("GET", "/streams/moved/messages?from=6");
  assert.deepEqual(messages.map((m) => m.payload), [{ temperature: 2, pressure: 2 }]);

  let given = 0, letters = 0; // a group that gives up a message between any two looks
  page.on("request", (r) => /contains=moved\.dead/.test(r.url()) && letters++);
  await page.route(/\/moved\/groups\?/, async (route) => {
    const { groups, ...rest } = await api("GET", "/streams/moved/groups");
    await route.fulfill({ json: { ...rest, groups: groups.map((g) => ({ ...g, deadLettered: ++given })) } });
  });
  await eventually("several looks", () => page.evaluate(() => document.dispatchEvent(new Event("visibilitychange"))).then(() => given >= 5));
  assert.equal(letters, 1, "dead letters are read at once, and then every 30 s");
  await page.unroute(/\/moved\/groups\?/);
});

browserTest("who would get a message is said before it is published", async ({ open }) => {
  await define("foreseen");
  await leaveGroupBehind("foreseen");
  const page = await enter(open, "#/streams/foreseen/publish", { expect: [/400/] });
  await page.getByLabel(/temperature/).fill("hot");
  await page.getByLabel(/pressure/).fill("1");
  await page.getByRole("button", { name: "Who would get it" }).click();
  await page.getByText("It would not be delivered").waitFor();
  await page.getByText('temperature: expected a number, got the string "hot"').waitFor();
  await page.getByLabel(/temperature/).fill("1");
  await page.getByRole("button", { name: "Who would get it" }).click();
  await page.getByText(`group ${group} of client root has no members, and would keep the message for later`).waitFor();
  await accessible(page, "who would get it");
  await page.getByRole("button", { name: "JSON", exact: true }).click();
  const text = page.getByRole("textbox", { name: "Message JSON" });
  await text.fill('{"temperature": 1}, "messageId": "x"');
  await page.getByRole("button", { name: "Publish", exact: true }).click();
  await page.getByText("This is no JSON: ").waitFor();
  assert.equal(await text.getAttribute("aria-invalid"), "true");
  assert.equal((await api("GET", "/streams/foreseen")).lastSeq, 0, "nothing is published");
});

browserTest("a dialog ends with its screen", async ({ open }) => {
  const page = await enter(open, "#/streams");
  await page.evaluate(() => (location.hash = "#/playground"));
  await heading(page, "Playground");
  await page.evaluate(() => (location.hash = "#/streams"));
  await page.getByRole("button", { name: "Define a stream" }).first().click();
  await page.getByRole("dialog").waitFor();
  await page.goBack();
  await heading(page, "Playground");
  assert.equal(await page.locator("dialog").count(), 0);
});

browserTest("a new version is tried before it is defined", async ({ open }) => {
  await define("grown");
  await publish("grown", { temperature: 1, pressure: 1, unit: "F" });
  const page = await enter(open, "#/streams/grown/schema", { expect: [/40[09]/] });
  await page.getByRole("button", { name: "New version" }).click();
  await page.getByLabel("Values of the enum, with commas between them").fill("C, K");
  await page.getByRole("button", { name: "Try it" }).click();
  await page.getByText("Not compatible.").waitFor();
  assert.deepEqual(await page.locator("tr", { hasText: "no longer takes" }).locator("td").allTextContents(), ['no longer takes "F"', "Breaks"]);
  await page.getByText('expected one of "C", "K", got the string "F"').waitFor();
  await accessible(page, "a trial");
  assert.equal((await api("GET", "/streams/grown")).version, 1);
  await page.getByRole("button", { name: "Define", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Put it into force?" });
  await dialog.getByText("Not compatible.").waitFor();
  await dialog.getByRole("button", { name: "Define all the same" }).click();
  await page.getByText("Version 2 is in force").waitFor();
  assert.equal((await api("GET", "/streams/grown")).version, 2);
});

browserTest("two versions are compared, and the gateway says what of it breaks", async ({ open }) => {
  const n = (type) => ({ name: "n", type }), unit = (...values) => ({ name: "unit", type: "enum", enum: values });
  for (const [version, fields] of [["1", [n("integer"), unit("C", "F")]], ["1.9", [n("float"), unit("C", "F", "K")]], ["1.10", [n("float"), unit("C")]]]) {
    await api("POST", "/streams/compared/define", { version, fields });
  }
  const page = await enter(open, "#/streams/compared/schema", { expect: [/ERR_FAILED/] });
  await page.getByText("Messages that fit version 1.9 may not fit version 1.10").waitFor();
  const changes = (from, to) => page.getByRole("region", { name: `Table: What changed from version ${from} to ${to}` }).locator(".badge").allTextContents();
  assert.deepEqual(await changes("1.9", "1.10"), ["Breaks"]);
  await accessible(page, "a comparison");
  await page.getByLabel("Compare with").selectOption("1");
  await page.getByLabel("Version", { exact: true }).selectOption("1.9");
  await page.getByText("Messages that fit version 1 fit version 1.9 too.").waitFor();
  assert.deepEqual(await changes("1", "1.9"), ["Compatible", "Compatible"]);
  await page.getByLabel("Compare with").selectOption("1.10"); // the older one stays on the left
  await page.getByText("Messages that fit version 1.9 may not fit version 1.10").waitFor();
  await page.getByRole("button", { name: "New version" }).click();
  assert.equal(await page.getByRole("textbox", { name: "Version" }).inputValue(), "1.11");
  await page.getByRole("textbox", { name: "Version" }).fill("1.20");
  await page.route(/\/trial\?/, (route) => route.abort()); // how recent messages would fare is not known
  await page.getByRole("button", { name: "Define", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Put it into force?" });
  await dialog.getByText("No answer from the gateway").waitFor();
  await dialog.getByRole("button", { name: "Define all the same" }).click();
  await page.getByText("Version 1.20 is in force").waitFor();
});

browserTest("the playground shows what the gateway says about a filter and a token, node by node", async ({ open }) => {
  const sign = await newSigner("author");
  const page = await enter(open, "#/playground", { expect: [/400/] });
  const result = page.getByRole("region", { name: "What the gateway says" });
  await page.getByRole("button", { name: "Evaluate" }).last().click();
  await result.getByText("The message passes.").waitFor();
  await page.getByLabel("Message").fill('{"pressure": 3002}');
  await page.getByRole("button", { name: "Evaluate" }).last().click();
  await result.getByText("The message is kept back.").waitFor();
  assert.equal(await result.locator(".node-error").count() > 0, true);
  await accessible(page, "the tree of a filter");
  await page.setViewportSize({ width: 360, height: 640 });
  await page.evaluate(() => scrollTo(0, 0));
  await page.getByRole("button", { name: "Evaluate" }).last().click();
  await holds(page, () => document.querySelector('[aria-label="What the gateway says"] .notice').getBoundingClientRect().top < innerHeight / 2);
  await page.setViewportSize({ width: 1440, height: 900 });
  const filter = page.getByRole("textbox", { name: /^Filter/ });
  await filter.fill('{"t": "eq"}, "payload": 1');
  await page.getByLabel("Message").fill("{");
  await page.getByRole("button", { name: "Evaluate" }).last().click();
  assert.equal(await page.getByText("This is no JSON: ").count(), 2);
  assert.equal(await filter.evaluate((e) => e === document.activeElement), true);
  assert.equal(await result.locator(".node").count(), 0, "what was said before is gone");
  await page.getByLabel("Message").fill('{"pressure": 3002}');
  await filter.fill('{"t": "xor", "e": []}');
  await page.getByRole("button", { name: "Evaluate" }).last().click();
  await result.getByText("unknown type").waitFor();
  await page.getByRole("button", { name: "Token" }).click();
  await page.getByLabel("Token", { exact: true }).fill(sign(600, { streams: ["boiler_data"], filter: { t: "eq", e: [{ t: "path", e: "pressure" }, { t: "number", e: 3002 }] } }));
  await page.getByLabel("Client id").fill("author");
  await page.getByRole("button", { name: "Evaluate" }).last().click();
  await result.getByText("The gateway accepts the token").waitFor();
  await result.getByText("The message passes.").waitFor();
});

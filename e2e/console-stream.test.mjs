// The screens of one stream in the console: what the list of messages shows and leaves out, what becomes of
// what was typed, and what is asked before something is put into force.

import assert from "node:assert/strict";
import { test } from "node:test";
import { accessible, api, browserTest, eventually, gateway, holds, newSigner, useBrowser } from "./harness.mjs";
import { instant, jsonLine, visible } from "../console/assets/format.js";
import { exact, lost } from "../console/assets/screens/stream/exact.js";
import { filterOf } from "../console/assets/screens/stream/where.js";
import { define, enter, fields, heading, publish } from "./console.mjs";

useBrowser();

/** Publishes so many messages, which are small. */
async function fill(stream, n) {
  await define(stream);
  await api("POST", `/streams/${stream}/publish`, Array.from({ length: n }, (_, i) => ({ temperature: i + 1, pressure: 3000 })));
}

const goTo = (page, hash) => page.evaluate((to) => (location.hash = to), hash);
const shown = (page) => page.locator(".messages > li").evaluateAll((rows) => rows.map((r) => r.querySelector(".message-seq")?.textContent ?? r.textContent));
const row = (page, seq) => page.locator(`.message[data-seq="${seq}"]`); // by its role it takes seconds among 500

test("a condition is a path and a value, and what is none is refused", () => {
  const eq = (path, t, e) => ({ t: "eq", e: [{ t: "path", e: path }, { t, e }] });
  assert.deepEqual(filterOf("unit=C"), eq("unit", "string", "C"));
  assert.deepEqual(filterOf("pressure != 3001 and ok=true"), { t: "and", e: [{ t: "not", e: eq("pressure", "number", 3001) }, eq("ok", "bool", true)] });
  assert.deepEqual(filterOf('$["a b"].c="x and y=1" AND d=\n2'), { t: "and", e: [eq('$["a b"].c', "string", "x and y=1"), eq("d", "number", 2)] });
  for (const text of ["temperature=91.5 or pressure=3", "pressure=3001 and", "unit == C", "status=>x", "pressure>=3000", "pressure", "a=b c", "=3", "a='x y'"]) {
    assert.throws(() => filterOf(text), /Write PATH=VALUE or PATH!=VALUE/, text);
  }
});

test("what nobody sees in a text is shown, and a time of the list is one of the gateway", () => {
  assert.equal(visible('"a\u202eb\u200bc\u0085\u0007" 👨‍👩‍👧'), '"a\\u202eb\\u200bc\\u0085\\u0007" 👨‍👩‍👧');
  assert.equal(visible("\u{e0061}\u115f\u3164\ufe01 ❤️ 1️⃣ a\ufe0f"), "\\udb40\\udc61\\u115f\\u3164\\ufe01 ❤️ 1️⃣ a\\ufe0f");
  assert.equal(jsonLine('{"a":"b"}'), '{"a":"b"}');
  assert.equal(instant("2026-11-21 10:00:00.5"), new Date("2026-11-21T10:00:00.5").toISOString());
  assert.match(instant("10:00"), /^\d{4}-\d\d-\d\dT\d\d:\d\d:00.000Z$/);
  for (const text of ["2026-11-21T10:00:00Z", "yesterday"]) assert.equal(instant(text), text);
});

test("a number keeps its digits, and what a form would lose has a place", () => {
  const missing = (value, other) => lost(exact(value), exact(other));
  assert.equal(exact('{"a": [9007199254740993, "n1"]}').a[0].text, "9007199254740993");
  assert.equal(missing('{"a": [1.50, "1", {"n": null}], "constructor": 1}', '{"b":0,"constructor":1,"a":[1.50,"1",{"n":null}]}'), null);
  assert.deepEqual([["1.50", "1.5"], ["1", '"1"'], ["[1]", "[1,2]"], ["{}", "[]"], ["{}", "1"]].map(([a, b]) => missing(a, b)), Array(5).fill("$"));
  assert.equal(missing('{"a":[{"b c":1}]}', '{"a":[{}]}'), '$.a[0]["b c"]');
});

/** Holds the answers to what a page asks for, until the function that it returns is called. */
async function hold(page, url) {
  let release, asked;
  const until = new Promise((resolve) => (release = resolve)), begun = new Promise((resolve) => (asked = resolve));
  await page.route(url, async (route) => {
    asked();
    const response = await route.fetch();
    await until;
    await route.fulfill({ response });
  });
  return { begun, release: async () => {
    const done = page.waitForResponse(url);
    release();
    await (await done).finished();
    await page.unroute(url);
    await page.evaluate(() => new Promise(requestAnimationFrame));
  } };
}

browserTest("a list leads on and back, and a line says what it leaves out", async ({ open }) => {
  await fill("listed", 650);
  const page = await enter(open, "#/streams/listed/messages?from=1", { expect: [/410/] });
  const later = page.locator(".pager button"), before = page.locator(".message-before");
  await row(page, 50).waitFor();
  await page.setViewportSize({ width: 360, height: 740 });
  await page.getByRole("button", { name: "Go live" }).click();
  await page.getByText("Messages 51 to 650 are not shown").waitFor();
  assert.ok(await page.locator(".messages > li").last().evaluate((e) => e.getBoundingClientRect().bottom <= innerHeight), "the end is in view");
  await publish("listed", { temperature: 1, pressure: 1 });
  await row(page, 651).waitFor();
  assert.deepEqual((await shown(page)).slice(-3), ["#50", "Messages 51 to 650 are not shown", "#651"]);
  assert.ok(await row(page, 651).evaluate((e) => e.getBoundingClientRect().bottom <= innerHeight), "what comes is in view");
  await page.setViewportSize({ width: 1440, height: 900 });

  await page.getByRole("button", { name: "Show", exact: true }).click();
  for (let n = 50; n < 600; n += 50) {
    await row(page, n).waitFor();
    await later.click();
  }
  await row(page, 600).waitFor();
  await before.getByText("Messages 1 to 100 are not shown.").waitFor();
  await page.getByRole("log").evaluate((e) => (e.scrollTop = 0));
  const place = () => row(page, 101).evaluate((e) => Math.round(e.getBoundingClientRect().top));
  const was = await place();
  await before.getByRole("button", { name: "Show the 50 before" }).click();
  await row(page, 51).waitFor();
  assert.ok(Math.abs((await place()) - was) <= 2, "what the reader sees stays where it is");
  assert.equal((await shown(page)).at(-1), "#550", "the newest give way");
  await later.click();
  await row(page, 600).waitFor();

  await page.getByRole("button", { name: "Go live" }).click();
  await page.getByText("Live", { exact: true }).waitFor();
  const older = await hold(page, /\/messages\?/);
  await before.getByRole("button").click();
  await older.begun; // the list is full: what comes now has no place in it
  await api("POST", "/streams/listed/publish", Array.from({ length: 60 }, () => ({ temperature: 1, pressure: 1 })));
  await older.release();
  await row(page, 52).waitFor();
  const rows = await shown(page);
  const numbers = rows.map((text) => Number(text.slice(1)));
  assert.deepEqual(rows.filter((text, i) => i > 0 && text[0] === "#" && rows[i - 1][0] === "#" && numbers[i] !== numbers[i - 1] + 1), [], "each hole has a line");

  const newest = await hold(page, /\/messages\?/);
  await goTo(page, "#/streams/listed/messages");
  await newest.begun;
  await page.getByRole("button", { name: "Go live" }).click();
  await page.getByText("Live", { exact: true }).waitFor();
  await newest.release();
  await publish("listed", { temperature: 1, pressure: 1 });
  await row(page, 712).waitFor();
  assert.deepEqual(await shown(page), ["#712"], "a page that comes late is not below what came live");

  await goTo(page, "#/streams/listed/messages?from=newest&again");
  await row(page, 712).waitFor();
  await before.getByText("Messages 1 to 662 are not shown.").waitFor();
  await page.getByText("Times in UTC").waitFor();
  await accessible(page, "a list that leads back");
  await goTo(page, "#/streams/listed/messages?where=temperature%3D7+and+pressure%3D3000");
  await row(page, 7).waitFor(); // it is among the newest thousand
  await goTo(page, "#/streams/listed/messages?from=99999");
  await page.getByText("There is no message 99999 yet. The newest one is 712.").waitFor();
  assert.equal(await page.getByLabel("Number").getAttribute("aria-invalid"), "true");
  assert.equal(await page.getByRole("alert").count(), 0);
  await page.getByLabel("Number").fill("#1,0");
  await page.keyboard.press("Enter");
  await row(page, 10).waitFor();
  await before.getByText("Messages 1 to 9 are not shown.").waitFor();
});

browserTest("of large messages the newest are shown, and their text as it is", async ({ open }) => {
  await api("POST", "/streams/large/define", { version: 1, fields: [{ name: "text", type: "string" }] });
  for (let i = 0; i < 6; i++) await publish("large", { text: "Lorem ipsum ".repeat(35_000) });
  await publish("large", { text: "abc\u202egnp.exe\u200b, שלום" });
  const page = await enter(open, "#/streams/large/messages");
  await row(page, 7).waitFor();
  assert.equal((await shown(page)).at(-1), "#7");
  await page.getByText("There are later messages.").waitFor({ state: "detached" });
  const last = row(page, 7), large = row(page, 6);
  assert.match(await last.locator(".message-line").textContent(), /"abc\\u202egnp\.exe\\u200b, שלום"/);
  assert.equal(await last.locator(".message-line bdi").count(), 2);
  await large.locator("summary").click();
  await large.getByText("The first 10,000 of 420,011 characters.").waitFor();
  assert.equal((await large.locator(".message-text").textContent()).length, 10_000);
  await large.getByRole("button", { name: "Show all of message 6" }).click();
  await eventually("all of it", async () => (await large.locator(".message-text").textContent()).length > 420_000);
  await page.locator(".message-before").getByRole("button").click();
  await row(page, 4).waitFor();
});

browserTest("it is said that nobody knows whether a message was published, and it is published once", async ({ open }) => {
  await define("unsure");
  const page = await enter(open, "#/streams/unsure/publish", { expect: [/ERR_FAILED|400|413|502|503/] });
  await page.getByLabel(/^temperature/).fill("hot");
  await page.getByLabel(/^pressure/).fill("1");
  await page.getByRole("button", { name: "Publish", exact: true }).click();
  await page.getByText("the message does not match unsure version 1", { exact: true }).waitFor(); // and points to no list
  await page.getByLabel(/^temperature/).fill("1.50");
  await page.route(/\/publish$/, async (route) => {
    await route.fetch();
    await route.abort();
  });
  await page.getByRole("button", { name: "Publish", exact: true }).click();
  await page.getByText("Whether the message was published is not known.").waitFor();
  await page.getByText("the gateway takes it once").waitFor();
  await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange"))); // the state of the stream is read at once
  await page.getByText("The gateway answers again.").waitFor();
  assert.equal(await page.getByRole("alert").count(), 0);
  await page.unrouteAll();
  await page.getByRole("link", { name: "Schema" }).click();
  await page.getByRole("heading", { name: "Schema" }).waitFor();
  assert.equal(await page.title(), "Schema · unsure · Seagate");
  await page.getByRole("link", { name: "Publish", exact: true }).click();
  await page.getByRole("button", { name: "Publish", exact: true }).click();
  await page.getByText("Published as message 1.").waitFor();
  assert.equal(await page.getByLabel(/^temperature/).inputValue(), "1.50");
  assert.equal((await api("GET", "/streams/unsure")).lastSeq, 1);

  const press = page.getByRole("button", { name: "Publish", exact: true }), ids = [];
  const answer = (status, body) => page.route(/\/publish$/, (route) => {
    ids.push(route.request().headers()["idempotency-key"]);
    return body === undefined ? route.continue() : route.fulfill({ status, body });
  });
  await answer(503, JSON.stringify({ code: "storage_unavailable", title: "Storage unavailable", detail: "the disk is gone" }));
  await press.click();
  await page.getByText("Storage unavailable. Whether the message was published is not known.").waitFor();
  await page.getByRole("button", { name: "JSON", exact: true }).click(); // it is the same message
  await answer(502, "<html>");
  await press.click();
  await page.getByText("answered with status 502.").waitFor();
  await page.getByText("the gateway takes it once").waitFor();
  await answer(413, "<html>");
  await press.click();
  await page.getByText("answered with status 413.").waitFor();
  assert.equal(await page.getByText("the gateway takes it once").count(), 0, "a proxy has refused it");
  await answer(200);
  await press.click();
  await page.getByText("Published as message 2.").waitFor();
  assert.deepEqual(ids.map((id) => ids.indexOf(id)), [0, 0, 0, 3]);
  await page.unrouteAll();
  const slow = await hold(page, /\/publish$/);
  await press.click();
  await slow.begun;
  await page.getByRole("link", { name: "Schema" }).click();
  await page.getByRole("heading", { name: "Schema" }).waitFor();
  await page.getByRole("link", { name: "Publish", exact: true }).click();
  await page.getByText("The message is being published.").waitFor();
  await slow.release();
  await page.getByText("Published as message 3.").waitFor();

  const json = page.getByRole("button", { name: "JSON", exact: true }), area = page.getByRole("textbox", { name: "Message JSON" });
  await area.fill('{"pressure": 9007199254740993, "temperature": 1.50}');
  await page.getByRole("button", { name: "Form", exact: true }).click();
  assert.equal(await page.getByLabel(/^pressure/).inputValue(), "9007199254740993");
  await json.click();
  await area.fill('{"pressure": 1, "temperature": 1, "quay": 7}');
  await page.getByRole("button", { name: "Form", exact: true }).click();
  await page.getByText("The form has no place for $.quay").waitFor();
  assert.equal(await area.getAttribute("aria-invalid"), "true");
  await goTo(page, "#/streams/unsure/publish?like=1");
  await holds(page, () => !location.hash.includes("like"));
  await holds(page, () => document.querySelector("textarea").value.includes("1.50"));
});

browserTest("a held stream says so before one publishes, and its bounds take units", async ({ open }) => {
  await define("withheld");
  const page = await enter(open, "#/streams/withheld/publish");
  const dialog = page.getByRole("dialog", { name: "What the stream keeps" }), ask = page.getByRole("dialog", { name: "Close it without saving?" });
  await page.getByRole("button", { name: "Hold" }).click();
  await page.getByText("The stream is held.").waitFor();
  await accessible(page, "a held stream");
  await page.getByRole("button", { name: "Resume" }).click();
  await page.getByText("The stream is held.").waitFor({ state: "detached" });
  assert.ok(await page.locator(".toast").count() <= 1, "one at a time"); // it goes after 5 s
  await page.getByRole("button", { name: "Retention" }).click();
  await dialog.getByLabel("Bytes").fill("10 gigs");
  await dialog.getByLabel("Age", { exact: true }).fill("7d");
  await page.keyboard.press("Enter");
  await dialog.getByText("This is no size.").waitFor();
  assert.equal(await dialog.getByLabel("Bytes").getAttribute("aria-invalid"), "true");
  for (let i = 0; i < 3; i++) {
    await page.keyboard.press("Escape");
    await ask.waitFor();
    if (i === 0) await accessible(page, "a question before a dialog is closed");
    await page.keyboard.press("Escape"); // the question
    await ask.waitFor({ state: "detached" });
  }
  await dialog.getByLabel("Bytes").fill("10GiB");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.waitFor({ state: "detached" });
  const { retention } = (await api("GET", "/streams/withheld/settings")).set;
  assert.deepEqual([retention.age, retention.bytes], ["168h0m0s", 10 * 2 ** 30]);
  await page.getByRole("button", { name: "Retention" }).click();
  assert.equal(await dialog.getByLabel("Age", { exact: true }).inputValue(), "168h");
  await dialog.getByLabel("Age", { exact: true }).fill("");
  await page.keyboard.press("Escape");
  await ask.getByRole("button", { name: "Close without saving" }).click();
  await dialog.waitFor({ state: "detached" });
});

browserTest("JSON that is none stays in the editor, and a version that breaks is confirmed", async ({ open }) => {
  await fill("edited", 25);
  const long = "a_name_of_a_field_that_is_much_longer_than_the_column_of_a_table_has_place_for";
  const page = await enter(open, "#/streams/edited/schema", { expect: [/40[09]/] });
  await page.getByRole("button", { name: "New version" }).click();
  await page.getByRole("button", { name: "Cancel" }).click();
  await holds(page, () => document.activeElement.textContent === "New version" && !document.getElementById("editor-title"));
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "JSON", exact: true }).click();
  const area = page.getByLabel("Definition"), text = JSON.stringify({ version: 2, fields: [...fields, { name: long, type: "string" }] });
  await area.fill(text.replace(/}$/, ",}"));
  await page.getByRole("button", { name: "Fields", exact: true }).click();
  await page.getByText(/This is no JSON: .* at position/).waitFor();
  assert.equal(await area.inputValue(), text.replace(/}$/, ",}"));
  assert.equal(await page.getByRole("button", { name: "JSON", exact: true }).getAttribute("aria-pressed"), "true");
  await area.fill("null");
  await page.getByRole("button", { name: "Fields", exact: true }).click();
  await page.getByText("Only an object whose fields").waitFor();
  await area.fill(text);
  await page.getByRole("button", { name: "Fields", exact: true }).click();
  await page.getByRole("button", { name: "Define", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Put it into force?" });
  await dialog.getByText("25 of 25 messages, 1 to 25 would be refused.").waitFor();
  await dialog.getByText("The first 20 of them are listed.").waitFor();
  await accessible(page, "a version that breaks");
  await dialog.getByRole("button", { name: "Cancel" }).click();
  assert.equal((await api("GET", "/streams/edited")).version, 1);
  await page.getByRole("button", { name: "Define", exact: true }).click();
  await dialog.getByRole("button", { name: "Define all the same" }).click();
  await page.getByText("Version 2 is in force").waitFor();
  const cell = page.getByRole("region", { name: "Table: Fields of version 2" }).getByRole("rowheader", { name: long });
  assert.ok(await cell.evaluate((e) => e.firstElementChild.getBoundingClientRect().right <= e.getBoundingClientRect().right), "a long name stays in its cell");
  await page.getByRole("link", { name: "Streams" }).first().click();
  await page.getByRole("button", { name: "Define a stream" }).click();
  await page.getByLabel("Name", { exact: true }).fill(" edited ");
  for (const version of ["1", "2", "3"]) { // too old, another one, and a new one
    await page.getByRole("dialog").getByLabel("Version").fill(version);
    const answer = page.waitForResponse(/define\?dryRun/);
    await page.keyboard.press("Enter");
    await answer;
    await holds(page, () => document.activeElement.getAttribute("aria-invalid") === "true" && !document.querySelector("dialog [aria-busy]"));
    await page.getByText("There is such a stream.").waitFor();
  }
});

browserTest("while a stream loads, its name is there, and a token that is refused gets no verdict", async ({ open }) => {
  await fill("slow", 1);
  const page = await enter(open, "#/playground");
  let answer;
  await page.route(/\/streams\/slow$/, (route) => new Promise((resolve) => (answer = () => resolve(route.continue()))));
  await goTo(page, "#/streams/slow/messages");
  await heading(page, "slow");
  await page.getByText("Loading…").waitFor();
  await eventually("a question", () => answer);
  await page.unrouteAll({ behavior: "ignoreErrors" });
  answer();
  await row(page, 1).waitFor();

  await goTo(page, "#/playground");
  const sign = await newSigner("teller");
  const filter = { t: "eq", e: [{ t: "path", e: "$.berth.no" }, { t: "number", e: 7 }] };
  const result = page.getByRole("region", { name: "What the gateway says" }), submit = page.getByRole("button", { name: "Evaluate" }).last();
  await page.getByRole("button", { name: "Token" }).click();
  await page.getByLabel("Token", { exact: true }).fill(sign(-600, { filter }));
  await page.getByLabel("Client id").fill("teller");
  await submit.click();
  await result.getByText("The gateway refuses the token").waitFor();
  assert.equal(await result.locator(".node").count(), 0);
  await page.getByLabel("Token", { exact: true }).fill(sign(600, { filter }));
  await page.getByLabel("Message").fill('{"berth": {"no": 7}}');
  await submit.click();
  await result.getByText("The message passes.").waitFor();
  assert.deepEqual(await result.locator(".node").evaluateAll((all) => all.map((n) => n.textContent.replace("(decides)", ""))), ["trueeq", "$.berth.no= 7", "7"]);
});

// The screens of the console about the gateway: connections, the network, the configuration and the log.

import assert from "node:assert/strict";
import { accessible, api, browserTest, eventually, gateway, holds, useBrowser } from "./harness.mjs";
import { enter, hide } from "./console.mjs";

useBrowser();

/** Connects, makes requests, and returns the socket and a promise of the code with which it is closed. */
function connect(...requests) {
  const socket = new WebSocket(`${gateway.url.replace("http", "ws")}/api/v1/streams`);
  const closed = new Promise((resolve) => (socket.onclose = (event) => resolve(event.code)));
  const ready = new Promise((resolve) => {
    let answers = 0;
    socket.onmessage = () => ++answers > requests.length && resolve();
    socket.onopen = () => [{ action: "authenticate", payload: { type: "basic", clientId: gateway.clientId, clientSecret: gateway.clientSecret } }, ...requests]
      .forEach((r, i) => socket.send(JSON.stringify({ id: i + 1, ...r })));
  });
  return { socket, closed, ready };
}

browserTest("the gateway's screens are accessible, and fit each width", async ({ open }) => {
  await api("POST", "/streams/drawn/define", { version: 1, fields: [{ name: "n", type: "integer" }] });
  const c = connect({ action: "provide", payload: "drawn" }, { action: "subscribe", payload: "drawn" }, { action: "serve", payload: { service: "pricing", procedures: ["quote"] } });
  await c.ready;
  await api("POST", "/jails", { newJailId: "looked-at", newJailName: "Looked at", newClientId: "x" });
  const page = await enter(open, "#/");
  for (const [hash, shown] of [
    ["#/connections", "Keeps up"], ["#/network", "Picture"], ["#/network?tab=Services", "pricing"], ["#/clients", "All rights"], ["#/clients?tab=Jails", "Looked at"],
    ["#/clients?tab=Quotas", "Definitions"], ["#/config", "allowed_origins"], ["#/logs", "serving"],
  ]) {
    await page.evaluate((to) => (location.hash = to), hash);
    await page.locator("main").getByText(shown).first().waitFor();
    await accessible(page, hash);
    for (const width of [360, 1440]) {
      await page.setViewportSize({ width, height: 900 });
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width, `${hash} is wider than ${width} px`);
    }
  }
  c.socket.close();
});

browserTest("a log without lines of a level says so in words", async ({ open }) => {
  const page = await enter(open, "#/logs");
  const log = page.getByRole("log");
  await log.getByText("serving").first().waitFor();
  await page.route(/\/logs\?level=error/, (route) => route.fulfill({ json: { lines: [], next: "0", missed: 0 } }));
  await page.getByRole("button", { name: "Error", exact: true }).click();
  await page.getByRole("heading", { name: "The log has no errors." }).waitFor();
  await page.getByText("New lines appear here.").waitFor();
  assert.equal(await log.count(), 0, "an empty log is not shown");
  await accessible(page, "a log without lines");
  await page.getByRole("button", { name: "Info", exact: true }).click();
  await log.getByText("serving").first().waitFor();
  assert.equal(await page.getByText("New lines appear here.").isVisible(), false);
});

browserTest("a connection is looked at and ended", async ({ open }) => {
  await api("POST", "/streams/watched/define", { version: 1, fields: [{ name: "n", type: "integer" }] });
  await api("POST", "/streams/watched/publish", { payload: { n: 1 } });
  const idle = Array.from({ length: 11 }, (_, i) => `watched-idle-${i}`);
  for (const name of idle) await api("POST", `/streams/${name}/define`, { version: 1, fields: [] });
  const c = connect({ action: "subscribe", payload: "watched" }, { action: "describe", payload: "nothing" });
  const busy = connect(...idle.map((payload) => ({ action: "subscribe", payload })), { action: "subscribe", payload: "watched", groupId: "0a0e1b5c-7e52-4b7a-9a57-0d8f2f6f1a19", from: "earliest", ack: "explicit" });
  await Promise.all([c.ready, busy.ready]);
  const page = await enter(open, "#/connections?client=work", { expect: [/403/] });
  await page.getByRole("heading", { name: "No connection of a client “work”" }).waitFor();
  await page.route(/\/connections\?/, (route) => route.fulfill({ status: 403, json: { code: "forbidden", title: "Forbidden", detail: "not allowed to see connections" } }));
  await page.getByRole("searchbox").fill("works");
  await page.getByRole("alert").getByText("not allowed to see connections").waitFor(); // it is not lost
  await page.unroute(/\/connections\?/);
  await page.getByRole("searchbox").fill("");
  const row = page.locator("tr", { hasText: "Stream not found" });
  const lagging = page.locator("tr", { hasText: "watched-idle-0, watched-idle-1 and 10 more" });
  await lagging.waitFor();
  const cells = async () => (await lagging.locator("td").allTextContents()).slice(2, 4).join(); // a busy gateway does not know it at once
  await eventually("the last of 12 subscriptions counts", async () => (await cells()) === "1,Behind");
  busy.socket.close();
  await row.getByRole("button", { name: /^Details/ }).click();
  const dialog = page.getByRole("dialog", { name: "Connection" });
  await dialog.getByRole("rowheader", { name: "watched" }).waitFor();
  await dialog.getByText('there is no stream "nothing"').waitFor();
  await accessible(page, "a connection");
  await page.keyboard.press("Escape");
  await page.setViewportSize({ width: 360, height: 900 });
  const table = page.getByRole("region", { name: "Table: Connections" });
  await holds(page, () => document.activeElement.textContent === "Details"); // what opened the dialog
  await page.evaluate(() => document.activeElement.scrollIntoView({ inline: "end" }));
  const scrolled = await table.evaluate((e) => e.scrollLeft);
  assert.ok(scrolled > 0);
  const second = connect({ action: "subscribe", payload: "watched" });
  await second.ready;
  await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange"))); // it asks at once
  await eventually("the other connection", () => table.getByRole("row", { name: /\bwatched\b(?!-)/ }).count().then((n) => n >= 2));
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Details", "what has the focus keeps it");
  assert.equal(await table.evaluate((e) => e.scrollLeft), scrolled, "a table stays where it was scrolled to");
  second.socket.close();
  await row.getByRole("button", { name: /^End/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: "End", exact: true }).click();
  assert.equal(await c.closed, 4011);
});

browserTest("a service shows its procedures and its definition, though nobody serves it", async ({ open }) => {
  await api("PUT", "/services/quoting", { version: 1, procedures: [{ name: "quote", body: [{ name: "sku", type: "integer" }] }] });
  const page = await enter(open, "#/network?tab=Services");
  const service = page.getByRole("region", { name: "Service quoting" });
  await service.getByText("Nobody serves it now.").waitFor();
  await service.getByText("Definition", { exact: true }).click();
  await service.getByRole("rowheader", { name: "quote" }).waitFor();
  await service.getByText("sku integer").waitFor();
  await accessible(page, "a definition of a service");
  await service.evaluate((e) => e.setAttribute("title", "drawn before"));
  await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange"))); // it asks at once
  await eventually("a new look", () => service.evaluate((e) => !e.hasAttribute("title")));
  assert.equal(await service.getByRole("rowheader", { name: "quote" }).isVisible(), true, "what is open stays open");
  await api("PUT", "/services/quoting", { version: 2, procedures: [{ name: "quote" }, { name: "withdraw" }] });
  await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await service.getByRole("rowheader", { name: "withdraw" }).waitFor(); // the version that is in force

  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route(/\/services\?/, (route) => held.then(() => route.continue()).catch(() => {}));
  const late = page.waitForEvent("requestfailed", (r) => /\/services\?/.test(r.url()));
  await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await page.getByRole("tab", { name: "Streams" }).click();
  await late; // another tab waits for nothing of this one
  release();
  await page.unroute(/\/services\?/);
  await page.getByRole("heading", { name: /^(Picture|No streams)$/ }).waitFor();
  assert.equal(await service.count(), 0);
});

browserTest("the open menu of a narrow screen keeps the focus", async ({ open }) => {
  const page = await enter(open, "#/clients", { width: 360 });
  await page.getByRole("button", { name: "Menu" }).click();
  await accessible(page, "the open menu");
  assert.equal(await page.evaluate(() => [...document.querySelectorAll("#main, .top")].every((e) => e.closest("[inert]"))), true);
  await page.keyboard.press("Escape");
  await holds(page, () => document.activeElement.getAttribute("aria-label") === "Menu");
  assert.equal(await page.locator("[inert]").count(), 0);
});

browserTest("a client sees its own connections, and is not asked whose", async ({ open }) => {
  const { secret } = await api("POST", "/client", { clientId: "onlooker", description: "", rights: { subscribe: ["*"] } });
  const page = await enter(open, "#/connections", { id: "onlooker", secret });
  await page.getByText("This client has none.").waitFor();
  assert.equal(await page.getByLabel("Client id").count(), 0);
});

browserTest("a screen that asks again and again says what it is refused for", async ({ open }) => {
  const { newClientId, newClientSecret } = await api("POST", "/jails", { newJailId: "elsewhere", newJailName: "", newClientId: "guest" });
  const page = await enter(open, "#/connections?allJails=true", { id: newClientId, secret: newClientSecret, expect: [/403/] });
  await page.getByRole("alert").getByText("forbidden", { exact: true }).waitFor();
  assert.equal(await page.getByText("Loading…").count(), 0);
  await accessible(page, "a refused screen");
  await page.route("**/connections?*", (route) => route.fulfill({ json: { connections: [], next: null } }));
  await page.getByText("Nobody is connected now.").waitFor();
  assert.equal(await page.getByRole("alert").count(), 0);
});

browserTest("a tab says what it is refused for, and a screen without an answer comes back by itself", async ({ open }) => {
  const page = await enter(open, "#/", { own: true, expect: [/403|ERR_FAILED/] });
  await page.route(/\/clients\?/, (route) => route.fulfill({ status: 403, json: { code: "forbidden", title: "Forbidden", detail: "not allowed to list clients" } }));
  await page.getByRole("link", { name: "Clients" }).click();
  const panel = page.getByRole("tabpanel");
  await panel.getByText("not allowed to list clients").waitFor();
  await page.unroute(/\/clients\?/);
  await panel.getByRole("button", { name: "Try again" }).click();
  await panel.getByText("All rights").first().waitFor();

  await page.clock.install();
  await page.route("**", (route) => route.abort()); // the module of the screen, and what it asks for
  await page.evaluate(() => (location.hash = "#/config"));
  await page.getByRole("heading", { level: 1, name: "Configuration" }).waitFor();
  await page.getByText("The gateway does not answer.").waitFor();
  await page.getByRole("button", { name: "Try again" }).waitFor();
  await hide(page, true); // a hidden page does not try again, however long axe takes
  await accessible(page, "no answer");
  assert.ok((await page.locator(".offline").boundingBox()).height < 60, "the line about it is a line");
  await hide(page, false); // it tries again at once
  await page.getByRole("button", { name: "Try again" }).waitFor();
  await page.unroute("**");
  await page.clock.runFor(6000);
  await page.getByText("allowed_origins").first().waitFor();
  await page.evaluate(() => (location.hash = "#/"));
  await page.getByText("Healthy").waitFor();
  await page.route("**/api/v1**", (route) => route.abort());
  for (let i = 0; i < 5 && !(await page.getByText("Not known", { exact: true }).count()); i++) await page.clock.runFor(5100);
  await page.getByText("Not known", { exact: true }).waitFor();
  assert.equal(await page.getByText("Healthy").count(), 0);
  await page.unroute("**/api/v1**");
  for (let i = 0; i < 5 && !(await page.getByText("Healthy").count()); i++) await page.clock.runFor(5100);
  await page.getByText("Healthy").waitFor();
  assert.equal(await page.getByText("The gateway does not answer.").isVisible(), false);
});

// Requests that a screen makes in a minute in which nobody does anything, at most.
browserTest("a screen asks for little, and for nothing while it is hidden", async ({ open, t }) => {
  await api("POST", "/streams/asked/define", { version: 1, fields: [{ name: "n", type: "integer" }] });
  const page = await enter(open, "#/", { own: true });
  await page.clock.install();
  let asked = 0, underWay = 0;
  page.on("request", (r) => r.url().includes("/api/v1") && (asked++, underWay++));
  for (const event of ["requestfinished", "requestfailed"]) page.on(event, (r) => r.url().includes("/api/v1") && underWay--);
  const settled = async () => {
    do await new Promise((resolve) => setTimeout(resolve, 5)); // the page's clock is not the script's
    while (underWay > 0);
  };
  const minute = async () => {
    asked = 0;
    for (let i = 0; i < 24; i++) {
      await page.clock.runFor(2500);
      await settled();
    }
    return asked;
  };
  const late = 4; // requests of the first load that a busy machine makes within the minute
  const most = { "#/streams": 6, "#/": 36, "#/streams/asked/messages": 12, "#/streams/asked/groups": 24, "#/connections": 12, "#/network": 6, "#/clients": 0, "#/config": 0, "#/logs": 30, "#/playground": 0, "#/api": 0 };
  for (const [hash, bound] of Object.entries(most)) {
    asked = 0;
    await page.evaluate((to) => (location.hash = to), hash);
    if (bound > 0) await eventually("its first request", () => asked > 0);
    for (let quiet = 0; quiet < 40; quiet++) { // until it has asked for what it shows at first
      const before = asked;
      await settled();
      if (asked !== before) quiet = 0;
    }
    const seen = await minute();
    t.diagnostic(`${hash}: ${seen} requests a minute`);
    assert.ok(seen <= bound + late && seen >= bound / 2, `${hash} makes ${seen} requests a minute, and not ${bound}`);
  }
  await page.evaluate(() => (location.hash = "#/"));
  await settled();
  await hide(page, true);
  await settled();
  const hidden = await minute();
  assert.ok(hidden <= late, `${hidden} requests while it is hidden`);
});

browserTest("the API is described for people, with what goes in and what comes out", async ({ open }) => {
  const page = await enter(open, "#/api");
  for (const [tab, summary, inside] of [["HTTP", "Messages of the past", "Parameters"], ["WebSocket and lines", "Receive a stream, or several", "Replies"]]) {
    await page.getByRole("tab", { name: tab }).click();
    await page.getByText(summary).first().click();
    await page.getByRole("heading", { name: inside, exact: true }).waitFor();
    await accessible(page, `the API, ${tab}`);
    await page.evaluate(() => document.querySelectorAll("details").forEach((d) => (d.open = true)));
    await holds(page, () => [...document.querySelectorAll(".operation-body")].every((b) => b.firstChild));
    for (const width of [360, 1440]) {
      await page.setViewportSize({ width, height: 900 });
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width, `${tab} is wider than ${width} px`);
    }
    assert.doesNotMatch(await page.locator("main").innerText(), /undefined|\[object/);
  }
});

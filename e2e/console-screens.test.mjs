// The screens of the console, in both themes and at both ends of the widths.

import assert from "node:assert/strict";
import { accessible, api, browserTest, gateway, startGateway, useBrowser } from "./harness.mjs";
import { consoleURL, define, enter, fields, group, leaveGroupBehind, longName, publish } from "./console.mjs";

useBrowser();

browserTest("every screen is accessible in both themes and fits each width", async ({ open }) => {
  await define("seen");
  for (let i = 0; i < 5; i++) await publish("seen", { temperature: i, pressure: 3000 + i });
  await api("POST", "/streams/seen/define", { version: 2, fields: fields.slice(0, 2) });
  await define(longName);
  await leaveGroupBehind("seen");
  const page = await open(consoleURL(gateway));
  await accessible(page, "login");
  await page.getByLabel("Client id").fill(gateway.clientId);
  await page.getByRole("textbox", { name: "Client secret" }).fill(gateway.clientSecret);
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  for (const [hash, shown] of [
    ["#/", "In your program"], ["#/streams", "boiler"], ["#/streams/seen/messages", "#5"], ["#/streams/seen/publish", "Publish a message"],
    ["#/streams/seen/schema", "What changed from version 1 to 2"], ["#/streams/seen/groups", group], [`#/streams/${longName}`, "No messages here"], ["#/playground", "What the gateway says"], ["#/nowhere", "There is no such page"],
  ]) {
    await page.evaluate((to) => (location.hash = to), hash);
    await page.locator("main").getByText(shown === "boiler" ? longName : shown).first().waitFor();
    await accessible(page, hash);
    for (const width of [360, 768, 1440]) {
      await page.setViewportSize({ width, height: 900 });
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width, `${hash} is wider than ${width} px`);
    }
    await page.setViewportSize({ width: 1024, height: 900 });
    if (hash.endsWith("/publish")) {
      await page.getByRole("link", { name: "Streams" }).last().focus(); // the way back, in the head
      await publish("seen", { temperature: 5, pressure: 3005 });
      await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange"))); // it asks at once
      await page.getByText("#1 to #6").waitFor();
      assert.equal(await page.evaluate(() => document.activeElement.textContent), "‹ Streams", "the head is drawn again, and the focus stays");
    }
    if (hash.endsWith("/groups")) assert.equal(await page.evaluate(() => document.querySelector(".scroller").scrollWidth - document.querySelector(".scroller").clientWidth), 0, "a part of the groups is out of sight");
  }
});

browserTest("many streams are shown a page at a time, and found by name", async ({ open }) => {
  const g = await startGateway({ SEAGATE_CONSOLE_PUBLIC: "true" });
  const streams = Array.from({ length: 2000 }, (_, i) => ({ name: `s${String(i).padStart(5, "0")}`, definition: { version: 1, fields: [] } }));
  await api("POST", "/import", { jails: [{ id: "root", streams }] }, g);
  const page = await enter(open, "#/streams", { g, url: `${g.url}/console/` });
  await page.getByRole("link", { name: "s00049" }).waitFor();
  assert.equal(await page.locator("tbody tr").count(), 50);
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByRole("link", { name: "s00099" }).waitFor();
  await page.getByRole("button", { name: "Previous" }).click();
  await page.getByRole("link", { name: "s00000" }).waitFor();
  await page.evaluate(() => (location.hash = "#/network"));
  await page.getByRole("button", { name: "Next" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: "s00039" }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Next");
  const second = page.url();
  await page.evaluate(() => (location.hash = "#/streams"));
  await page.getByRole("link", { name: "s00049" }).waitFor();
  await page.evaluate((url) => (location.href = url), second);
  await page.getByRole("link", { name: "s00039" }).waitFor();
  await page.evaluate(() => (location.hash = "#/streams"));
  await page.getByLabel("Search streams by name").fill("1234");
  await page.getByRole("link", { name: "s01234" }).waitFor();
  assert.equal(await page.locator("tbody tr").count(), 1);
  await page.getByLabel("Search streams by name").fill("nothing");
  await page.getByText("No such stream").waitFor();
});

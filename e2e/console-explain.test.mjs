// Explaining a delivery in the console: who is asked about, and each step with its verdict.

import assert from "node:assert/strict";
import { accessible, api, browserTest, newSigner, useBrowser } from "./harness.mjs";
import { enter } from "./console.mjs";

useBrowser();

const stream = "explained_calls";

browserTest("a message that a filter hides is explained node by node", async ({ open }) => {
  await api("POST", `/streams/${stream}/define`, { version: 1, fields: [{ name: "to", type: "string" }, { name: "teu", type: "integer" }] });
  await api("POST", `/streams/${stream}/publish`, { payload: { to: "BEANR", teu: 2 } });
  const token = await newSigner("explained-viewer");
  const eq = (path, value) => ({ t: "eq", e: [{ t: "path", e: path }, value] });
  const filter = { t: "and", e: [eq("to", { t: "string", e: "NLRTM" }), eq("teu", { t: "number", e: 2 }), { t: "not", e: { t: "path", e: "eta.port" } }] };

  for (const [width, theme] of [[1440, "light"], [360, "dark"]]) {
    const page = await enter(open, `#/streams/${stream}/messages`, { width, theme });
    await page.locator(".message summary").first().click();
    await page.getByRole("button", { name: "Explain delivery of message 1" }).click();
    const dialog = page.getByRole("dialog", { name: `Message 1 of ${stream}` });
    await dialog.getByText("no connection of the client reads the stream").first().waitFor(); // about oneself, at once

    await dialog.getByLabel("Client", { exact: true }).fill("explained-viewer");
    await dialog.getByText("The bearer of a token").click();
    await dialog.getByLabel("Token").fill(token(60, { filter }));
    await dialog.getByRole("button", { name: "Explain", exact: true }).click();
    await dialog.getByRole("list", { name: "Nodes of the filter" }).waitFor();
    assert.match(await dialog.locator(".notice").first().textContent(), /Not delivered: the filter hides the message/);
    for (const text of ['"BEANR" is not "NLRTM"', 'the message has no $.eta']) await dialog.getByText(text).first().waitFor();
    const steps = await dialog.getByRole("list", { name: "Steps" }).locator("> li > .explain-head > strong").allTextContents();
    assert.deepEqual(steps, ["credentials", "rights", "stream", "accepted", "retention", "schema", "filter", "subscription"]);
    await accessible(page, `an explanation at ${width} pixels`);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `the page is wider than ${width} pixels`);
    if (process.env.SEAGATE_PICTURES) {
      await page.emulateMedia({ colorScheme: theme });
      await dialog.locator(".notice").first().scrollIntoViewIfNeeded();
      await page.screenshot({ path: `${process.env.SEAGATE_PICTURES}/explain-${width}-${theme}.png` });
    }
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
  }
});

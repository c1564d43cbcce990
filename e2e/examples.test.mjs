// The example pages do what they say.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { accessible, api, browserTest, eventually, gateway, newSigner, serveFiles, useBrowser } from "./harness.mjs";

useBrowser();
const files = await serveFiles();

async function connect(page, clientId, secret, button) {
  await page.getByLabel("Gateway").fill(gateway.url);
  await page.getByLabel("Client id").fill(clientId);
  await page.getByLabel(/Secret/).fill(secret);
  await page.getByRole("button", { name: button }).click();
}

// picture leaves a picture of the page in the folder that SEAGATE_PICTURES names, if it does.
async function picture(page, name) {
  if (!process.env.SEAGATE_PICTURES) return;
  mkdirSync(process.env.SEAGATE_PICTURES, { recursive: true });
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: join(process.env.SEAGATE_PICTURES, `${name}-${page.viewportSize().width}-${colorScheme}.png`) });
  }
}

browserTest("the chart shows what was published and what comes, with a token", async ({ open }) => {
  const fields = ["temperature", "pressure"].map((name) => ({ name, type: "float" }));
  await api("POST", "/streams/boiler_data/define", { version: 1, fields });
  const publish = (temperature) => api("POST", "/streams/boiler_data/publish", { payload: { temperature, pressure: 3000 - temperature } });
  for (let i = 0; i < 40; i++) await publish(90 + 3 * Math.sin(i / 4));
  const sign = await newSigner("chart");
  for (const width of [1440, 360]) {
    const page = await open(`${files}/examples/chart.html`, { allow: [gateway.url], width });
    await connect(page, "chart", sign(60), "Show");
    await page.getByText("Connected").waitFor();
    await publish(91.25);
    await page.getByRole("img", { name: /temperature, now 91.25; pressure, now 2,908.75/ }).waitFor();
    const drawn = () => page.evaluate(() => {
      const canvas = document.querySelector("canvas");
      return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((v) => v);
    });
    await eventually("the chart is drawn", drawn);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false, "it fits the window");
    await picture(page, "chart");
    await accessible(page, "the chart");
  }
});

browserTest("a page calls a service on another page", async ({ open }) => {
  const sign = await newSigner("caller");
  const caller = await open(`${files}/examples/caller.html`, { allow: [gateway.url], width: 800 });
  await connect(caller, "caller", sign(60, { fetch: [{ service: "pricing", procedures: ["quote"] }] }), "Connect");
  const ask = async (sku, expected) => {
    await caller.getByLabel("Article").fill(String(sku));
    await caller.getByLabel("How many").fill("3");
    await caller.getByRole("button", { name: "Ask for the price" }).click();
    await caller.getByText(expected).waitFor();
  };
  await ask(7, "Nobody serves pricing");
  const server = await open(`${files}/examples/service.html`, { allow: [gateway.url], width: 800 });
  await connect(server, gateway.clientId, gateway.clientSecret, "Serve");
  await server.getByText("Serving pricing").waitFor();
  await ask(7, "3 of 7: 12.60");
  await ask(13, "There is none left of 13.");
  assert.equal(await server.getByRole("log").getByText("caller asks for 3 of").count(), 2);
  for (const [page, name] of [[server, "service"], [caller, "caller"]]) {
    await picture(page, name);
    await accessible(page, `the page ${name}`);
  }
});

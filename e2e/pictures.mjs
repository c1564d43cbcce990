// Takes the pictures of README.md: a gateway that nobody has used yet, and the steps of the README
// with it. make pictures runs it. The first argument is the binary.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { executable } from "./chromium.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const data = mkdtempSync(join(tmpdir(), "seagate-pictures-"));
const gateway = spawn(process.argv[2], ["dev", "--json", "--data", data, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"], { stdio: ["ignore", "pipe", "ignore"] });

/** What the gateway says when it is ready. */
async function ready() {
  let text = "";
  for await (const chunk of gateway.stdout) {
    text += chunk;
    try {
      return JSON.parse(text);
    } catch {} // it is not all there yet
  }
  throw new Error(`the gateway does not start: ${text}`);
}

async function publish({ url, clientId, clientSecret }, payload) {
  const answer = await fetch(`${url}/api/v1/streams/boiler_data/publish`, {
    method: "POST", body: JSON.stringify({ payload }),
    headers: { "Content-Type": "application/json", Authorization: `Basic ${btoa(`${clientId}:${clientSecret}`)}` },
  });
  assert.equal(answer.status, 200);
}

const reading = (i) => ({ temperature: Math.round((91.5 + 3 * Math.sin(i / 3)) * 10) / 10, pressure: 3001 + ((i * 7) % 23) });
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let browser;
try {
  const g = await ready();
  browser = await chromium.launch({ executablePath: executable(), args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });
  const open = (height) => browser.newPage({ viewport: { width: 960, height }, colorScheme: "light", reducedMotion: "reduce", locale: "en-GB" });
  const shoot = async (page, name) => {
    await page.mouse.move(0, 0);
    await page.screenshot({ path: join(root, "docs/pictures", `${name}.png`) });
  };

  const page = await open(560);
  await page.goto(g.url);
  await page.getByLabel("Client id").fill(g.clientId);
  await page.getByRole("textbox", { name: "Client secret" }).fill(g.clientSecret);
  await shoot(page, "login");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Define a stream" }).click();
  await page.getByLabel("Name", { exact: true }).fill("boiler_data");
  await shoot(page, "define");
  await page.getByRole("dialog").getByRole("button", { name: "Define" }).click();
  await page.getByLabel(/temperature/).fill("91.5");
  await page.getByLabel(/pressure/).fill("3001");
  await page.getByRole("button", { name: "Publish", exact: true }).click();
  await page.getByText("Published as").waitFor();
  await page.getByRole("button", { name: "Dismiss" }).click();
  await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
  await shoot(page, "publish");
  await page.getByRole("link", { name: "Messages", exact: true }).click();
  await page.getByRole("button", { name: "Go live" }).click();
  await page.getByText("Live", { exact: true }).waitFor();

  const chart = await open(680);
  await chart.goto(pathToFileURL(join(root, "examples/chart.html")).href);
  await chart.getByLabel("Gateway").fill(g.url);
  await chart.getByLabel("Client id").fill(g.clientId);
  await chart.getByLabel(/Secret/).fill(g.clientSecret);
  await chart.getByRole("button", { name: "Show" }).click();
  await chart.getByText("Connected").waitFor();
  for (let i = 0; i < 60; i++) {
    await publish(g, reading(i));
    await pause(200);
  }
  await pause(500);
  await chart.getByLabel("Gateway").fill("http://127.0.0.1:3104"); // as the README has it
  await chart.evaluate(() => document.activeElement.blur());
  await shoot(chart, "chart");
  await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
  await shoot(page, "live");
} finally {
  await browser?.close();
  gateway.kill();
  await new Promise((resolve) => gateway.exitCode === null ? gateway.once("exit", resolve) : resolve());
  rmSync(data, { recursive: true, force: true });
}

// Takes the pictures of README.md: a gateway that nobody has used yet, and the steps of the README
// with it. make pictures runs it. The first argument is the binary.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { executable } from "./chromium.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const data = mkdtempSync(join(tmpdir(), "seagate-pictures-"));
const listen = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
const gateway = spawn(process.argv[2], ["dev", "--json", "--data", data, ...listen], { stdio: ["ignore", "pipe", "ignore"] });

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

/** A terminal of 96 columns with lines in it, as SVG: what was typed begins with "$ ". */
function terminal(text) {
  const lines = text.flatMap((line) => line.match(/.{1,96}/g) ?? [""]);
  const escaped = (text) => text.replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]);
  const width = 780, height = 44 + 20 * lines.length;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">
<rect width="${width}" height="${height}" rx="8" fill="#10181d"/>
<g fill="#3d4b53"><circle cx="18" cy="15" r="5"/><circle cx="34" cy="15" r="5"/><circle cx="50" cy="15" r="5"/></g>
<g font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="13" fill="#dfe7ea" style="white-space: pre">
${lines.map((line, i) => `<text x="16" y="${46 + 20 * i}" xml:space="preserve"${line.startsWith("$ ") ? ' fill="#63d3cf"' : ""}>${escaped(line)}</text>`).join("\n")}
</g>
</svg>
`;
}

/** Draws what a terminal shows of make dev, and of the commands of README.md beside it. */
async function terminals() {
  const folder = mkdtempSync(join(tmpdir(), "seagate-pictures-"));
  mkdirSync(join(folder, "bin"));
  symlinkSync(resolve(process.argv[2]), join(folder, "bin/seagate"));
  const dev = spawn("bin/seagate", ["dev", ...listen], { cwd: folder, stdio: ["ignore", "pipe", "ignore"] });
  const ended = new Promise((resolve) => dev.once("exit", resolve));
  try {
    let said = "";
    for await (const chunk of dev.stdout) if ((said += chunk).includes("Ctrl-C")) break;
    const ready = said.slice(0, said.indexOf("\n\nOpen the URL")).replace(/:\d+$/m, ":3104").replace(/(sea_.{6}).*/, "$1…"); // as the README has it
    assert.match(ready, /3104[^]*client secret/);
    writeFileSync(join(root, "docs/pictures/dev.svg"), terminal(["$ make dev", ...ready.split("\n")]));
    const [, commands] = /^All of this is there as commands, too:\n\n```sh\n([^]*?)^```/m.exec(readFileSync(join(root, "README.md"), "utf8"));
    const lines = commands.trim().split("\n").flatMap((command) =>
      [`$ ${command}`, ...execFileSync("sh", ["-c", `${command} 2>&1`], { cwd: folder, encoding: "utf8" }).trimEnd().split("\n")]);
    writeFileSync(join(root, "docs/pictures/commands.svg"), terminal(lines));
  } finally {
    dev.kill();
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
}

const reading = (i) => ({ temperature: Math.round((91.5 + 3 * Math.sin(i / 8)) * 10) / 10, pressure: Math.round(3001 + 20 * Math.cos(i / 5)) });
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let browser;
try {
  await terminals();
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

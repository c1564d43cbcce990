// What docs/javascript.md shows works as it is printed there.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { api, browserTest, gateway, newSigner, root, useBrowser } from "./harness.mjs";

useBrowser();
const text = readFileSync(join(root, "docs/javascript.md"), "utf8");

function folder(t) {
  const made = mkdtempSync(join(tmpdir(), "seagate-docs-"));
  t.after(() => rmSync(made, { recursive: true }));
  return made;
}

browserTest("the first page shows live data, also as a file", async ({ open, t }) => {
  const [, page] = /<<END\n(.*?)\nEND\n/s.exec(text);
  await api("POST", "/streams/boiler_data/define", { version: 1, fields: [{ name: "temperature", type: "float" }] });
  const sign = await newSigner("page");
  const file = join(folder(t), "page.html");
  writeFileSync(file, page.replaceAll("http://127.0.0.1:3104", gateway.url).replace("$(cat page.token)", sign(60)));
  const opened = await open(pathToFileURL(file).href, { allow: ["null", gateway.url] });
  await opened.getByText("nothing yet").waitFor();
  await api("POST", "/streams/boiler_data/publish", { payload: { temperature: 91.5 } });
  await opened.getByText("91.5").waitFor();
});

browserTest("an import map holds the module to its digest", async ({ open, t }) => {
  const { modules } = await (await fetch(`${gateway.url}/api/v1`)).json();
  const url = gateway.url + modules[0].path;
  const load = async (integrity, expect) => {
    const file = join(folder(t), "page.html");
    writeFileSync(file, `<!DOCTYPE html><script type="importmap">${JSON.stringify({ imports: { "seagate-client": url }, integrity: { [url]: integrity } })}</script>`);
    const page = await open(pathToFileURL(file).href, { allow: [gateway.url, "null"], expect });
    return page.evaluate(() => import("seagate-client").then((m) => Object.keys(m).sort().join(), () => "refused"));
  };
  assert.equal(await load(modules[0].integrity), "Client,SeagateError,connect");
  assert.equal(await load(modules[1].integrity, [/integrity/]), "refused");
});

test("the program prints what its comments say", (t) => {
  const blocks = [...text.matchAll(/^```js\n(.*?)^```$/gms)].map((m) => m[1]);
  const program = blocks.join("\n").replace('"seagate-client"', JSON.stringify(new URL("../clients/js/seagate.js", import.meta.url).href));
  const file = join(folder(t), "program.mjs");
  writeFileSync(file, program);
  const run = spawnSync(process.execPath, [...process.execArgv, file], { encoding: "utf8", env: process.env, timeout: 60e3 });
  assert.equal(run.stderr.replace(/^.*ExperimentalWarning.*\n.*\n/m, ""), "");
  assert.equal(run.status, 0);
  const said = [...program.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map((m) => m[1]);
  assert.ok(said.length >= 5);
  for (const line of said) assert.ok(run.stdout.includes(`${line}\n`), `no ${line} in\n${run.stdout}`);
});

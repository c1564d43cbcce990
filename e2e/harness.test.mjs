// The harness sees what it has to see.

import assert from "node:assert/strict";
import { accessible, browserTest, eventually, gateway, serveFiles, useBrowser } from "./harness.mjs";

useBrowser();
const files = await serveFiles();

browserTest("an error of a page is a problem", async ({ open }) => {
  const page = await open(files + "/", { expect: [/as expected/] });
  await page.evaluate(() => {
    console.error("as expected");
    console.error("something failed");
    setTimeout(() => {
      throw new Error("nobody caught this");
    });
  });
  await eventually("two problems", () => page.problems.length === 2);
  assert.match(page.problems.splice(0).join(), /something failed.*nobody caught this/s);
});

browserTest("a request to another origin is a problem", async ({ open }) => {
  const page = await open(files + "/", { allow: [gateway.url] });
  await page.evaluate((url) => fetch(`${url}/api/v1`), gateway.url);
  assert.deepEqual(page.problems, []);
  const other = files.replace("127.0.0.1", "localhost");
  await page.evaluate((url) => fetch(url, { mode: "no-cors" }).catch(() => {}), other);
  assert.match(page.problems.splice(0).join(), /asks another origin: http:..localhost/);
});

browserTest("axe sees what is wrong in one theme alone", async ({ open }) => {
  const page = await open(files + "/");
  await accessible(page);
  await page.addStyleTag({ content: "@media (prefers-color-scheme: dark) { h1 { color: #111; background: #222 } }" });
  await assert.rejects(accessible(page, "this page"), /axe in this page, dark:\ncolor-contrast/);
});

// The JavaScript client does the same in Node and in a page, which gets it from the gateway.

import { test } from "node:test";
import * as lib from "../clients/js/seagate.js";
import { browserTest, gateway, serveFiles, useBrowser } from "./harness.mjs";
import { names, run } from "./scenarios.mjs";

useBrowser();
const files = await serveFiles();

for (const name of names) {
  test(`${name} in Node`, () => run(name, lib, gateway, `node-${name}`));
}

browserTest("in a page", async ({ open, t }) => {
  const page = await open(files + "/", { allow: [gateway.url] });
  for (const name of names) {
    await t.test(name, () => page.evaluate(async ({ name, gateway }) => {
      const { run } = await import("/e2e/scenarios.mjs");
      await run(name, await import(`${gateway.url}/seagate.js`), gateway, `page-${name}`);
    }, { name, gateway }));
  }
});

// The declarations of the JavaScript client are right for TypeScript, and say what the modules
// export.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "./harness.mjs";

test("tsc accepts what the types allow and nothing else", () => {
  const tsc = spawnSync(process.execPath, [join(root, "e2e/node_modules/typescript/bin/tsc"), "--noEmit", "--strict", "--target", "es2022", "--module", "nodenext",
    "--moduleResolution", "nodenext", "--lib", "es2022,dom,dom.iterable,esnext.disposable", join(root, "e2e/types.mts")], { encoding: "utf8" });
  assert.equal(tsc.stdout, "");
  assert.equal(tsc.status, 0);
});

for (const module of ["seagate", "stream-sea"]) {
  test(`${module}.d.ts has what ${module}.js exports`, async () => {
    const declared = readFileSync(join(root, `clients/js/${module}.d.ts`), "utf8");
    for (const name of Object.keys(await import(`../clients/js/${module}.js`))) {
      assert.match(declared, new RegExp(`export (declare )?(class|const|function) ${name}\\b`));
    }
  });
}

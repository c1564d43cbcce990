// Where Chromium is.

import { existsSync } from "node:fs";
import { join } from "node:path";

/** The path of the browser: CHROMIUM, or one that is in PATH. */
export function executable() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  for (const folder of process.env.PATH.split(":")) {
    for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
      const path = join(folder, name);
      if (existsSync(path)) return path;
    }
  }
  throw new Error("there is no Chromium; run: make browser");
}

// Where Chromium is, and how it is started.

import { existsSync } from "node:fs";
import { join } from "node:path";

// The first cannot open windows. With it the tests take two thirds of the time.
const names = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];

/** The path of the browser: CHROMIUM, or one that is in PATH. */
export function executable() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  for (const name of names) {
    for (const folder of process.env.PATH.split(":")) {
      const path = join(folder, name);
      if (existsSync(path)) return path;
    }
  }
  throw new Error("there is no Chromium; run: make browser");
}

// Pages of one site run in one process, and nothing is drawn by a process of its own: to start
// one for each page took more than half of the time of the tests.
const flags = ["--process-per-site", "--disable-gpu", "--in-process-gpu", ...(process.getuid?.() === 0 ? ["--no-sandbox"] : [])];

/** Starts a browser. Scripts connect to its wsEndpoint(). */
export async function launch() {
  const { chromium } = await import("playwright-core");
  return chromium.launchServer({ executablePath: executable(), headless: true, args: flags });
}

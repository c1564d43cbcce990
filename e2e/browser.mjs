// The Chromium that the scripts share. TestBrowser runs this, and gives each script the address
// that it prints, as SEAGATE_BROWSER. It ends when its standard input does.

import { launch } from "./chromium.mjs";

const server = await launch();
console.log(server.wsEndpoint());
process.stdin.resume().on("end", () => server.close());

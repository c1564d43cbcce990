// Clients and jails in the console: secrets that are shown once, keys, and quotas.

import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { accessible, api, browserTest, gateway, holds, newSigner, useBrowser } from "./harness.mjs";
import { enter } from "./console.mjs";

useBrowser();

browserTest("a client is made, its secret is shown once, and it is rotated and deleted", async ({ open }) => {
  const page = await enter(open, "#/clients", { expect: [/400|ERR_FAILED/] });
  await page.getByRole("button", { name: "New client" }).click();
  const dialog = page.getByRole("dialog");
  await page.setViewportSize({ width: 360, height: 640 });
  await dialog.getByLabel("Client id").fill("pass ing");
  await dialog.getByRole("button", { name: "Create" }).click();
  await dialog.getByText("Invalid client id").waitFor();
  await holds(page, () => document.activeElement.getAttribute("aria-invalid") === "true");
  await page.route("**/api/v1/client", (route) => route.fulfill({ status: 400, json: { code: "invalid_request", detail: "no such client: see errors", errors: ["rights.publish[0]: no pattern", "rights.fetch[1]: no pattern either", "neither here nor there"] } }));
  await dialog.getByText("All rights").click();
  await dialog.getByRole("button", { name: "Create" }).click();
  await dialog.getByText("neither here nor there").waitFor();
  for (const [name, text] of [["Publish", "rights.publish[0]: no pattern"], ["Fetch", "rights.fetch[1]: no pattern either"]]) {
    assert.equal(await dialog.locator(".field", { has: page.getByLabel(name, { exact: true }) }).locator(".error").textContent(), text, "each error is at its field");
  }
  await page.unroute("**/api/v1/client");
  await dialog.getByText("All rights").click();
  const question = page.getByRole("dialog", { name: "Close it without saving?" });
  await dialog.getByRole("heading", { name: "New client" }).click(); // then nothing has the focus
  for (let i = 0; i < 2; i++) {
    await page.keyboard.press("Escape");
    await question.waitFor();
    await page.keyboard.press("Escape");
    await question.waitFor({ state: "detached" });
  }
  await page.setViewportSize({ width: 1440, height: 900 });
  await dialog.getByLabel("Client id").fill("passing");
  await dialog.getByText("All rights").click();
  await dialog.getByLabel("Subscribe", { exact: true }).fill(Array.from({ length: 8 }, (_, i) => `boiler.${i}.*`).join(", "));
  await dialog.getByRole("button", { name: "Create" }).click();
  const first = await dialog.locator("code").textContent();
  assert.match(first, /^sea_/);
  await accessible(page, "a secret");
  await page.keyboard.press("Escape");
  await page.getByText("boiler.4.* and 3 more").waitFor();
  await page.getByRole("button", { name: "Rotate the secret of passing" }).click();
  await dialog.getByLabel("Keep the old secret for").fill("31 d");
  await dialog.getByText("Enter 0, or a time of at most 30 d").waitFor();
  assert.equal(await dialog.getByRole("button", { name: "Rotate", exact: true }).isDisabled(), true);
  await dialog.getByLabel("Keep the old secret for").fill("0");
  await page.route(/\/clients\?/, (route) => route.abort());
  await dialog.getByRole("button", { name: "Rotate", exact: true }).click();
  await page.getByText("has a new secret").waitFor();
  const second = await dialog.locator("code").textContent();
  await page.getByText("Done, but this page is not up to date").waitFor(); // what was done is not said to have failed
  await page.unroute(/\/clients\?/);
  assert.notEqual(second, first);
  await api("GET", "/whoami", undefined, { ...gateway, clientId: "passing", clientSecret: second });
  await assert.rejects(api("GET", "/whoami", undefined, { ...gateway, clientId: "passing", clientSecret: first }));
  await page.keyboard.press("Escape");
  await holds(page, () => document.activeElement.getAttribute("aria-label") === "Rotate the secret of passing"); // the list was drawn again
  await page.getByRole("button", { name: "Delete passing" }).click();
  await dialog.getByLabel(/^Type/).fill("passing");
  await dialog.getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByText("Deleted client passing").waitFor();
  await page.getByText("boiler.4.*").waitFor({ state: "detached" });
});

browserTest("the keys of a client are added and ended one by one, and what its tokens must be is set", async ({ open }) => {
  await newSigner("keyed");
  const pem = () => generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ type: "spki", format: "pem" });
  const keys = async () => (await api("GET", "/client/keyed/keys")).keys.map((k) => k.kid ?? "none").sort();
  await api("PUT", "/client/keyed/keys/2026-11", { jwtPublicKey: pem() });
  const page = await enter(open, "#/clients", { expect: [/400/] });
  await page.getByRole("button", { name: "Keys of keyed" }).click();
  const all = page.getByRole("dialog", { name: "Keys of keyed" });
  await all.getByRole("rowheader", { name: "2026-11" }).waitFor();
  await accessible(page, "the keys of a client");

  await all.getByRole("button", { name: "Add a key" }).click();
  const adding = page.getByRole("dialog", { name: "Add a key" });
  assert.equal(await adding.getByText("fetches the keys of this client no more").count(), 0, "it fetches none");
  await adding.getByLabel("Key id (kid)").fill("2026-11");
  await adding.getByText("The client has a key of this id.").waitFor();
  await adding.getByLabel("Key id (kid)").fill("2026-12");
  await adding.getByLabel("Public key").fill("no key");
  await adding.getByRole("button", { name: "Add", exact: true }).click();
  await adding.getByText("not PEM").waitFor();
  assert.equal(await adding.getByLabel("Public key").getAttribute("aria-invalid"), "true");
  await adding.getByLabel("Public key").fill(pem());
  await adding.getByRole("button", { name: "Add", exact: true }).click();
  await all.getByRole("rowheader", { name: "2026-12" }).waitFor();
  assert.deepEqual(await keys(), ["2026-11", "2026-12", "none"]);

  await all.getByRole("button", { name: "End 2026-11" }).click();
  await page.getByRole("dialog", { name: "End the key" }).getByRole("button", { name: "End", exact: true }).click();
  await all.getByRole("rowheader", { name: "2026-11" }).waitFor({ state: "detached" });
  assert.deepEqual(await keys(), ["2026-12", "none"]);
  await holds(page, () => document.activeElement.closest("dialog")); // not what is behind it

  await all.getByRole("button", { name: "Change what tokens must be" }).click();
  const rules = page.getByRole("dialog", { name: "Tokens of keyed" });
  assert.equal(await rules.getByRole("button", { name: "Save" }).isDisabled(), true, "nothing is changed yet");
  await rules.getByLabel("Longest life").fill("3600");
  await rules.getByRole("button", { name: "Save" }).click();
  await all.getByText("They live at most 3,600 s").waitFor();

  await all.getByRole("button", { name: "Replace all keys" }).click();
  const replacing = page.getByRole("dialog", { name: "Replace all keys" });
  await replacing.getByText("This ends the 2 keys that the client has").waitFor();
  await accessible(page, "the replacement of keys");
  await page.keyboard.press("Escape");
  assert.deepEqual(await keys(), ["2026-12", "none"]);

  await page.keyboard.press("Escape");
  await page.route("**/client/keyed/keys", async (route) => route.fulfill({ json: { ...(await api("GET", "/client/keyed/keys")), jwks: { url: "https://login.example.com/jwks.json", failures: 0 } } }));
  await page.getByRole("button", { name: "Keys of keyed" }).click();
  await all.getByRole("button", { name: "Add a key" }).click();
  await adding.getByText("fetches the keys of this client no more").waitFor();
  await page.unroute("**/client/keyed/keys");
});

browserTest("the quotas of a jail take units, and have an address", async ({ open }) => {
  await api("POST", "/jails", { newJailId: "bounded", newJailName: "", newClientId: "x" });
  const page = await enter(open, "#/clients?tab=Jails");
  await page.getByRole("button", { name: "Quotas of bounded" }).click();
  await page.getByRole("heading", { name: "Quotas of bounded" }).waitFor();
  await holds(page, () => document.activeElement.textContent === "Quotas of bounded"); // the button is gone
  assert.match(page.url(), /tab=Jails&jail=bounded/);
  await page.evaluate(() => (location.hash = "#/clients?jail=bounded&tab=Jails"));
  await page.getByRole("button", { name: "Change" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Disk").fill("ten");
  await dialog.getByText("Enter a whole number of bytes, or one with a unit, such as 10 GiB.").waitFor();
  assert.equal(await dialog.getByRole("button", { name: "Save" }).isDisabled(), true);
  await dialog.getByLabel("Disk").fill("10GiB");
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByText("Changed the quotas of bounded").waitFor();
  assert.equal((await api("GET", "/jails/bounded/quotas")).set.disk, 10 * 2 ** 30);
});

browserTest("who rotates the secret of the own client sees the new one, and goes on", async ({ open }) => {
  const { secret } = await api("POST", "/client", { clientId: "turning", description: "", rights: null });
  const page = await enter(open, "#/clients", { id: "turning", secret });
  await page.getByRole("button", { name: "Rotate the secret of turning" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Rotate", exact: true }).click();
  await page.getByText("Client turning has a new secret").waitFor();
  const next = await page.getByRole("dialog").locator("code").textContent();
  await api("GET", "/whoami", undefined, { ...gateway, clientId: "turning", clientSecret: next });
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.getByRole("link", { name: "Configuration" }).click();
  await page.getByText("allowed_origins").first().waitFor();
});

// What the tests of the console share.

import { api, eventually, gateway, holds } from "./harness.mjs";

export const fields = [{ name: "temperature", type: "float" }, { name: "pressure", type: "integer" }, { name: "unit", type: "enum", enum: ["C", "F"], optional: true }];
export const group = "0a0e1b5c-7e52-4b7a-9a57-0d8f2f6f1a10";
export const longName = "orders.eu-west-1.production.warehouse-and-fulfilment.pick-pack-and-ship.status-changes-with-a-long-name.v2";

export const consoleURL = ({ adminURL }) => `${adminURL}/console/`;
export const publish = (stream, payload, g = gateway) => api("POST", `/streams/${stream}/publish`, { payload }, g);
export const define = (stream, g = gateway) => api("POST", `/streams/${stream}/define`, { version: 1, fields }, g);

/**
 * Logs in, and returns the page at a screen. Who enters as the gateway's client, and asks for no
 * page of its own, gets the page that is logged in already.
 */
export async function enter(open, hash = "#/", { g = gateway, id = g.clientId, secret = g.clientSecret, url = consoleURL(g), ...options } = {}) {
  const keep = url === consoleURL(gateway) && id === gateway.clientId && !options.own ? "console" : undefined;
  const page = await open(url + hash, { keep, ...options });
  if (page.url().endsWith("#/kept")) {
    await page.evaluate((to) => (location.hash = to), hash);
    await holds(page, () => !/There is no such page/.test(document.querySelector("main").textContent));
    return page;
  }
  await page.getByLabel("Client id").fill(id);
  await page.getByRole("textbox", { name: "Client secret" }).fill(secret);
  await page.keyboard.press("Enter");
  await page.locator("h1#title").waitFor();
  return page;
}

/** Tells a page that it is hidden, or that it is not, for each of the values, without a pause in between. */
export const hide = (page, ...hidden) => page.evaluate((all) => {
  for (const hidden of all) {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event("visibilitychange"));
  }
}, hidden);

export const heading = (page, name) => page.getByRole("heading", { level: 1, name, exact: true }).waitFor();

/** Joins a group and acknowledges nothing, so that it has a lag. */
export async function leaveGroupBehind(stream) {
  const socket = new WebSocket(`${gateway.url.replace("http", "ws")}/api/v1/streams`);
  let id = 0;
  const send = (request) => socket.send(JSON.stringify({ id: ++id, ...request }));
  socket.onopen = () => {
    send({ action: "authenticate", payload: { type: "basic", clientId: gateway.clientId, clientSecret: gateway.clientSecret } });
    send({ action: "subscribe", payload: stream, groupId: group, from: "earliest", ack: "explicit" });
  };
  await eventually("a member", async () => (await api("GET", `/streams/${stream}/groups`)).groups[0]?.members === 1);
  socket.close();
  await eventually("no member", async () => (await api("GET", `/streams/${stream}/groups`)).groups[0].members === 0);
}

// Home: how the gateway is, and how one begins.
import { h, fill } from "../dom.js";
import { icon } from "../icons.js";
import { link } from "../app.js";
import { get, probe, gatewayUrl } from "../api.js";
import { rights } from "../session.js";
import { count, rate, bytes, plural } from "../format.js";
import { badge, buttonLink, codeBlock, field, input, notice, redraw, select, sparkline, tabs, tiles } from "../ui.js";
import { newStream } from "./newstream.js";
import { exampleOf, snippets } from "./snippets.js";

/** What somebody has done in this session, beside what the gateway can tell. */
export const done = { copied: false, subscribed: false };

/** How many streams are sampled for the rate. More would be work for the gateway. */
const sampled = 100;

/** @param {import("../app.js").View} view */
export default function home(view) {
  const status = h("div", {});
  const steps = h("ol", { class: "steps" });
  const example = h("div", {});
  fill(view.root,
    view.head("Home", { lead: "How the gateway is, and the first steps with it." }),
    status,
    h("div", { class: "columns" },
      h("section", { class: "card", "aria-labelledby": "first-steps" }, h("h2", { id: "first-steps" }, "First steps"), steps),
      h("section", { class: "card", "aria-labelledby": "snippet-title" }, example)));
  if (!view.session.hasHttp) return forBearer(view, status, steps, example);
  if (!rights.some((right) => view.session.mayAny(right))) return withoutRights(view, status, steps, example);

  let last = null;
  const rates = [];
  let drawn = "";
  const look = () => Promise.all([probe(), get("/streams", { limit: sampled }, view.signal), get("/quotas", {}, view.signal)]).catch((error) => {
    if (error.code === "unreachable" && last) redraw(status, unknown(status));
    throw error;
  });
  view.every(5, async () => {
    const [about, streams, quotas] = await look();
    const now = performance.now();
    const total = new Map(streams.streams.map((s) => [s.name + " " + s.epoch, s.lastSeq]));
    let sum = null;
    if (last) {
      sum = 0;
      for (const [key, seq] of total) sum += Math.max(0, seq - (last.total.get(key) ?? seq));
      sum /= (now - last.now) / 1000;
      rates.push(sum);
      if (rates.length > 60) rates.shift();
    }
    last = { now, total };
    redraw(status, health(about, sum, rates, streams, quotas));
    const first = streams.streams.find((s) => !s.name.endsWith(".dead"));
    drawSteps(view, steps, streams.streams, first);
    const names = streams.streams.map((s) => s.name).join(" ");
    if (names !== drawn || !example.firstChild) drawExample(view, example, streams.streams, integrityOf(about));
    drawn = names;
  });
}

const integrityOf = (about) => about.modules?.find((m) => m.path === "/seagate.js")?.integrity;

const gatewayTile = (about) => ["Gateway", h("span", { class: "row" }, badge("Healthy", "good")), `version ${about.version}, answers in ${Math.max(1, Math.round(about.milliseconds))} ms`];

function health(about, sum, rates, streams, quotas) {
  const of = (limit, show) => (limit > 0 ? `of ${show(limit)}` : null);
  return tiles([
    gatewayTile(about),
    [streams.next === null ? "Messages" : `Messages, first ${sampled} streams`, sum === null ? h("span", { class: "muted" }, "measuring…") : rate(sum),
      rates.length > 1 ? sparkline(rates, `Messages per second in the last ${plural(rates.length * 5, "second")}, now ${rate(rates.at(-1))}`) : "per second"],
    ["Streams", count(quotas.used.streams), of(quotas.limits.streams, count)],
    ["Kept on disk", bytes(quotas.used.disk), of(quotas.limits.disk, bytes)],
    ["Groups", count(quotas.used.groups), of(quotas.limits.groups, count)],
  ]);
}

/** The tiles while the gateway does not answer: nothing is known of any. @param {Element} status what was shown before */
const unknown = (status) => tiles([...status.querySelectorAll("dt")].map((name, i) =>
  [name.textContent, i === 0 ? h("span", { class: "row" }, badge("Not known", "warning")) : "–", i === 0 && "it does not answer"]));

/** What a client finds that may do nothing: whether the gateway is there, and who gives it rights. */
function withoutRights(view, status, steps, example) {
  example.parentElement.remove();
  fill(steps, h("li", {}, notice("info", h("p", {}, h("strong", {}, `Client ${view.session.clientId} has no rights. `), "It can log in and nothing else. Whoever administers the jail gives it rights, under Clients or with ", h("code", {}, "seagate clients rights"), "."))));
  view.every(5, async () => {
    const about = await probe().catch((error) => {
      if (error.code === "unreachable" && status.firstChild) redraw(status, unknown(status));
      throw error;
    });
    redraw(status, tiles([gatewayTile(about)]));
  });
}

function drawSteps(view, list, streams, first) {
  const who = view.session;
  const published = streams.some((s) => s.lastSeq > 0);
  const subscribed = done.subscribed || streams.some((s) => s.subscribers > 0 || s.groups > 0);
  const steps = [];
  if (who.mayAny("define")) steps.push(["Define a stream", "Its name, and what its messages look like.", streams.length > 0,
    h("button", { class: "button button-small", type: "button", on: { click: () => newStream() } }, "Define a stream")]);
  if (who.mayAny("subscribe")) steps.push(["Subscribe to it", "Watch messages as they come.", subscribed,
    first && buttonLink("Open the live tail", link(["streams", first.name, "messages"], { from: "latest" }), { small: true })]);
  if (who.mayAny("publish")) steps.push(["Publish a message", "With a form that is made from the schema.", published,
    first && buttonLink("Publish", link(["streams", first.name, "publish"]), { small: true })]);
  steps.push(["Copy a snippet", "For your own program, with the URL of this gateway.", done.copied, null]);
  redraw(list, steps.map(([title, text, finished, action]) => h("li", { class: finished ? "step step-done" : "step" },
    h("span", { class: "step-mark", "aria-hidden": "true" }, finished && icon("check")),
    h("div", { class: "grow" }, h("h3", {}, title, finished && h("span", { class: "visually-hidden" }, " (done)")), h("p", { class: "muted small" }, text)), action)));
}

/** @param {import("../app.js").View} view */
function drawExample(view, root, streams, integrity) {
  const names = streams.filter((s) => !s.name.endsWith(".dead")).map((s) => s.name);
  const stream = select(names.length ? names : ["boiler_data"], { value: streams.find((s) => s.lastSeq > 0 && names.includes(s.name))?.name });
  const url = input({ class: "code", value: gatewayUrl, inputmode: "url" });
  const code = h("div", {});
  let language = "Web page";
  const messages = new Map(); // an example for each stream that was chosen
  const draw = () => {
    const text = snippets[language]({ url: url.value.replace(/\/+$/, ""), stream: stream.value, client: view.session.clientId, integrity, message: messages.get(stream.value) });
    fill(code, codeBlock(text, `the ${language} snippet`, { title: { "Command line": "Shell", "Web page": "HTML" }[language] ?? language, copied: () => (done.copied = true) }));
  };
  const choose = async () => {
    draw();
    const name = stream.value;
    if (!view.session.hasHttp || messages.has(name) || !streams.some((s) => s.name === name && s.version !== null)) return;
    const definition = await get(`/streams/${encodeURIComponent(name)}/schemas/current`, {}, view.signal).catch(() => null); // it may not be allowed to see it
    if (!definition) return;
    messages.set(name, exampleOf(definition.fields));
    if (name === stream.value) draw();
  };
  stream.addEventListener("change", choose);
  url.addEventListener("input", draw);
  fill(root, h("div", { class: "stack" }, h("h2", { id: "snippet-title" }, "In your program"),
    h("div", { class: "row-end" }, h("div", { class: "grow" }, field("Stream", stream)), h("div", { class: "grow" }, field("URL of the gateway", url))),
    tabs("Language", Object.keys(snippets), language, (next) => ((language = next), draw()), code)));
  choose();
}

/** What the bearer of a token finds: the WebSocket is all that it has. */
async function forBearer(view, status, steps, example) {
  const { claims } = view.session;
  const until = claims.exp ? new Date(claims.exp * 1000).toLocaleString("en-GB") : "unknown";
  fill(status, tiles([
    ["Logged in with", "a token", `of client ${view.session.clientId}`],
    ["Expires", h("span", { class: "small" }, until), "then the gateway ends what it opened"],
    ["Filter", claims.filter === undefined ? "none" : "yes", claims.filter === undefined ? "all messages are shown" : "the gateway keeps back what does not match"],
  ]));
  const name = input({ class: "code", placeholder: "boiler_data" });
  const open = (event) => {
    event.preventDefault();
    if (name.value) location.hash = link(["streams", name.value, "messages"]);
  };
  fill(steps, h("li", {}, h("form", { class: "row-end", on: { submit: open } }, h("div", { class: "grow" }, field("Open a stream by its name", name)),
    h("button", { class: "button button-primary", type: "submit" }, "Open")), h("p", { class: "muted small hint-below" }, "Bearers of tokens cannot list streams.")));
  const known = (claims.streams ?? []).filter((p) => !p.includes("*")).map((name) => ({ name }));
  const about = await probe().catch(() => ({})); // without it the snippet lacks the digest of the module
  drawExample(view, example, known, integrityOf(about));
}

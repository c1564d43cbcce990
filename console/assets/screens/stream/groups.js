// The groups of a stream: how far behind each is, moving one, and what they gave up.
import { h, fill } from "../../dom.js";
import { call, exchange, get, isAbort, streamPath, withTexts } from "../../api.js";
import { ago, count, duration, instant, json, plural, short, time } from "../../format.js";
import { afterwards, badge, button, confirmTyped, dialog, empty, field, iconButton, input, loading, notice, problemNotice, redraw, select, sparkline, table, toast } from "../../ui.js";
import { link } from "../../app.js";
import { asker, pager } from "../../paging.js";
import { noNumber, noTime } from "./where.js";

/** Groups on a page. */
const pageSize = 50;
/** Seconds between two looks at them. */
const interval = 5;
/** Seconds between two looks at the dead letters, however many there are meanwhile. */
const lettersInterval = 30;
/** Lags that are remembered for the trend while the page is open, if the gateway tells none. */
const remembered = 180;

const groupPath = (g, ...rest) => streamPath(g.streamName, "groups", g.clientId, g.groupId ?? "ungrouped", ...rest);
const nameOf = (g) => g.groupId ?? "ungrouped";
const keyOf = (g) => `${g.clientId} ${nameOf(g)}`;

/** @param {import("../stream.js").StreamView} view */
export default async function groups(view) {
  const mayMove = view.session.may("administer", view.name);
  const list = h("section", { class: "card card-flush", "aria-labelledby": "groups-title" }, heading(), loading());
  const letters = h("div", {});
  fill(view.root, list, letters);
  const lags = new Map();
  const dead = new Map(); // messages that each group had given up when it was seen last
  let begins, stale = false, read = -Infinity;
  const readLetters = async () => void (stale = !(await deadLetters(view, letters)));
  const load = async () => {
    const page = await ask(streamPath(view.name, "groups"), { limit: pageSize, after: pages.after });
    for (const g of page.groups) {
      const key = keyOf(g), seen = lags.get(key) ?? [];
      seen.push(g.lag);
      if (seen.length > remembered) seen.shift();
      lags.set(key, seen);
    }
    drawList(page);
    const turned = begins !== pages.after; // then a group that was not seen before is no new one
    begins = pages.after;
    for (const g of page.groups) {
      stale ||= g.deadLettered !== (dead.get(keyOf(g)) ?? (turned ? g.deadLettered : 0));
      dead.set(keyOf(g), g.deadLettered);
    }
    if (!stale || performance.now() - read < lettersInterval * 1000) return;
    read = performance.now();
    await readLetters();
  };
  const ask = asker(view);
  const pages = pager(view, "group", load);
  const drawList = (page) => {
    if (page.groups.length === 0 && !pages.after) return redraw(list, heading(), empty("clients", "No groups", ["A group begins with its first member, for example with ", h("code", {}, `seagate subscribe ${view.name} --group UUID`), "."]));
    redraw(list, heading(), table("Groups", [
      { heading: "Group", name: true, cell: (g) => h("div", {}, h("code", { class: "small" }, nameOf(g)), h("div", { class: "muted small" }, `client ${g.clientId}, active `, time(g.lastActive, ago), g.abandoned && [" ", badge("Abandoned", "warning")])) },
      { heading: "Members", numeric: true, cell: (g) => (g.members ? count(g.members) : badge("None", g.lag ? "warning" : "")) },
      { heading: "Lag", numeric: true, cell: (g) => [h("div", { class: "strong" }, short(g.lag)), h("div", { class: "muted small" }, g.lag ? duration(g.lagSeconds) : "up to date")] },
      { heading: "15 min trend", cell: (g) => trend(g, lags.get(keyOf(g))) },
      { heading: "In flight", numeric: true, cell: (g) => [h("div", {}, count(g.inFlight)), g.redelivered > 0 && h("div", { class: "muted small", title: "messages that were delivered again" }, `${short(g.redelivered)} again`)] },
      { heading: "Given up", numeric: true, cell: (g) => (g.deadLettered + g.lost === 0 ? "0" : [g.deadLettered > 0 && h("div", { class: "danger strong", title: "messages that became dead letters" }, `${short(g.deadLettered)} dead`), g.lost > 0 && h("div", { class: "danger strong", title: "messages that were removed before a member had them" }, `${short(g.lost)} lost`)]) },
      ...(mayMove ? [{ heading: "Actions", hidden: true, cell: (g) => h("div", { class: "row actions" }, button("Move", { small: true, label: `Move group ${nameOf(g)}`, click: () => move(g, load) }), iconButton("trash", `Forget group ${nameOf(g)}`, () => forget(g, load))) }] : []),
    ], page.groups, keyOf), pages.foot(page.groups.length, page.next));
  };
  view.every(interval, load);
  await readLetters();
}

const heading = () => h("div", { class: "card-head" }, h("h2", { id: "groups-title" }, "Groups"), h("span", { class: "muted small" }, "Members of a group share the messages."));

/** The lag of the last quarter of an hour up to now, if the gateway tells it, or of as long as this page is open. */
function trend(g, seen) {
  const values = g.trend?.length ? [...g.trend, g.lag] : seen ?? [];
  const what = g.trend?.length ? "in the last 15 minutes" : "since this page was opened";
  if (values.length < 2) return h("span", { class: "muted small" }, "–");
  const change = values.at(-1) - values[0];
  const text = change === 0 ? "steady" : `${change > 0 ? "+" : "−"}${short(Math.abs(change))}`;
  const grows = change > 0 && values.at(-1) >= values.at(-Math.max(2, Math.ceil(values.length / 4))); // lately, too
  return h("div", { class: "trend", title: what }, sparkline(values, `Lag ${what}: from ${count(values[0])} to ${count(values.at(-1))}`), h("span", { class: "small " + (grows ? "warning" : "muted") }, text));
}

function move(g, reload) {
  const to = select([["earliest", "The oldest message"], ["latest", "The end: skip everything"], ["number", "A message number"], ["time", "A time"]]);
  const value = input({ class: "code" });
  const valueField = h("div", { hidden: true });
  let place = null; // the field of the value
  const preview = h("div", { "aria-live": "polite" });
  const typed = input({ class: "code" });
  const confirmation = h("div", { hidden: true }, field(["Type ", h("code", {}, g.streamName), " to confirm"], typed));
  let previewed = null;
  const target = () => (to.value === "number" ? Number(value.value) : to.value === "time" ? instant(value.value) : to.value);
  const changed = () => {
    previewed = null;
    place?.setError("");
    confirmation.hidden = true;
    fill(preview);
  };
  to.addEventListener("change", () => {
    valueField.hidden = to.value !== "number" && to.value !== "time";
    value.placeholder = to.value === "time" ? new Date().toISOString().slice(0, 19) + "Z" : String(g.position);
    fill(valueField, (place = field(to.value === "time" ? "Time (RFC 3339)" : "Number", value)));
    changed();
  });
  value.addEventListener("input", changed);
  const look = async () => {
    changed();
    const at = target();
    try {
      const plan = await call("POST", groupPath(g, "move"), { body: { to: at, dryRun: true } });
      previewed = at;
      const again = plan.again ?? Math.max(0, plan.was - plan.position), skipped = plan.skipped ?? Math.max(0, plan.position - plan.was);
      fill(preview, notice(skipped > 0 ? "warning" : "info", h("p", {}, "From message ", h("strong", {}, count(plan.was)), " to ", h("strong", {}, count(plan.position)), `. The lag becomes ${plural(plan.lag, "message")}.`),
        again > 0 && h("p", {}, `${plural(again, "message")} will be delivered again.`), skipped > 0 && h("p", {}, `${plural(skipped, "message")} will never be delivered to this group.`)));
      confirmation.hidden = false;
      d.refresh();
      typed.focus();
    } catch (error) {
      if (isAbort(error)) throw error;
      if (valueField.hidden || !["invalid_request", "position_lost"].includes(error.code)) return fill(preview, problemNotice(error));
      place.setError(error.code === "position_lost" ? error.message : to.value === "time" ? `${noTime} What Messages shows will do, too.` : noNumber);
      value.focus();
    }
  };
  value.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    show.click();
  });
  const show = button("Preview", { click: look });
  const d = dialog("Move the group", {
    body: [h("p", { class: "muted" }, `Group ${nameOf(g)} of client ${g.clientId} goes on from another message. What is in flight is forgotten.`),
      field("Go on from", to), valueField, h("div", {}, show), preview, confirmation],
    action: "Move", kind: "danger", ready: () => previewed !== null && typed.value === g.streamName,
    submit: async () => {
      await call("POST", groupPath(g, "move"), { body: { to: previewed } });
      toast("Moved the group");
      await afterwards(reload);
    },
  });
}

const forget = (g, reload) => confirmTyped("Forget the group", `The gateway forgets where group ${nameOf(g)} of client ${g.clientId} is. Its members are told, and the next one begins a new group.`, g.streamName, "Forget", async () => {
  await call("DELETE", groupPath(g));
  toast("Forgot the group");
  await afterwards(reload);
});

/** Shows what groups of the stream gave up, and reports whether it could be read. @param {import("../stream.js").StreamView} view */
async function deadLetters(view, root) {
  const name = view.name + ".dead";
  if (view.name.endsWith(".dead") || !view.session.may("subscribe", name)) return true;
  let answer;
  try {
    // A search, since to ask for a stream that is not there is an error in the browser's own log.
    const { streams } = await get("/streams", { contains: name }, view.signal);
    const state = streams.find((s) => s.name === name);
    if (!state) return redraw(root), true;
    answer = await exchange("GET", streamPath(name, "messages"), { query: { from: Math.max(state.firstSeq, state.lastSeq - 49), limit: 50 }, signal: view.signal });
  } catch (error) {
    if (!isAbort(error)) fill(root, problemNotice(error));
    return false;
  }
  const texts = withTexts(answer.text, answer.value);
  const dead = answer.value.messages.map((m, i) => ({ ...m, text: texts[i].text })).filter((m) => m.payload?.streamName !== undefined).reverse();
  if (dead.length === 0) return redraw(root), true;
  const mayPublish = view.session.may("publish", view.name);
  redraw(root, h("section", { class: "card card-flush", "aria-labelledby": "dead-title" },
    h("div", { class: "card-head" }, h("div", {}, h("h2", { id: "dead-title" }, "Dead letters"), h("p", { class: "muted small" }, "Messages that a group gave up, the newest first.")),
      h("a", { class: "button button-small", href: link(["streams", name]) }, `Open ${name}`)),
    table("Dead letters", [
      { heading: "Message", cell: (m) => [h("a", { href: link(["streams", view.name, "messages"], { from: m.payload.seq }) }, `#${count(m.payload.seq)}`), h("div", { class: "muted small" }, time(m.time, ago))] },
      { heading: "Group", text: true, cell: (m) => h("div", { class: "small" }, h("code", {}, m.payload.groupId ?? "ungrouped"), h("div", { class: "muted" }, `client ${m.payload.clientId}`)) },
      { heading: "Why", name: true, cell: (m) => h("div", {}, m.payload.reason || h("span", { class: "muted" }, "no reason"), h("details", {}, h("summary", { class: "small" }, "Payload"), json(inner(m.text)))) },
      { heading: "Deliveries", numeric: true, cell: (m) => count(m.payload.deliveries) },
      ...(mayPublish ? [{ heading: "Actions", hidden: true, cell: (m) => button("Publish again", { small: true, label: `Publish again: message ${m.payload.seq} of group ${nameOf(m.payload)} of client ${m.payload.clientId}`, click: () => again(view, m) }) }] : []),
    ], dead, (m) => m.seq)));
  return true;
}

/** The payload within a dead letter, as it was published. @param {string} text */
const inner = (text) => {
  const at = text.lastIndexOf(',"payload":', text.indexOf('"payload":'));
  return at < 0 ? text : text.slice(at + 11, -1);
};

/** Publishes the message of a dead letter; once, though the button is pressed again soon. */
async function again(view, m) {
  const at = await call("POST", streamPath(view.name + ".dead", "messages", m.seq, "publish"), { headers: { "Idempotency-Key": `dead-letter-${m.seq}-${m.time}` } });
  toast(["Published again as ", h("a", { href: link(["streams", view.name, "messages"], { from: at.seq }) }, `message ${count(at.seq)}`)]);
}

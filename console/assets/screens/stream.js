// One stream: its state, and tabs for what is done with it.
import { h, fill } from "../dom.js";
import { link, go, toStreams } from "../app.js";
import { call, get, streamPath } from "../api.js";
import { amountOf, count, bytes, plural, short } from "../format.js";
import { afterwards, button, confirmTyped, dialog, field, input, loading, notice, redraw, tileValue, tiles, toast } from "../ui.js";
import { streamBadges } from "./streams.js";

const tabs = [
  { name: "messages", label: "Messages", may: (who, stream) => who.may("subscribe", stream), load: () => import("./stream/messages.js") },
  { name: "publish", label: "Publish", may: (who, stream) => who.may("publish", stream), load: () => import("./stream/publish.js") },
  { name: "schema", label: "Schema", may: (who) => who.hasHttp, load: () => import("./stream/schema.js") },
  { name: "groups", label: "Groups", may: (who) => who.hasHttp, load: () => import("./stream/groups.js") },
];

/**
 * What a tab gets: a View whose root is its part of the page, and the stream.
 * A tab may set changed, which is called when the state was read again.
 * saw takes the number of a message that has come, so that the counts do not lag behind a live list.
 * @typedef {import("../app.js").View & {name: string, state: any, refresh: () => Promise<void>, changed: () => void, saw: (seq: number) => void}} StreamView
 */

/** @param {import("../app.js").View} view */
export default async function stream(view) {
  const who = view.session, name = view.params.stream;
  const offered = tabs.filter((t) => t.may(who, name));
  const tab = offered.find((t) => t.name === (view.params.tab ?? "messages")) ?? offered[0];
  if (!tab || !["subscribe", "publish", "define", "administer"].some((right) => who.may(right, name))) return fill(view.root, title(view), noRight(who));
  const head = h("div", {}), panel = h("div", { class: "stack-l" });
  const part = { ...view, root: panel, name, state: null, refresh: async () => {}, changed() {}, saw() {} };
  fill(view.root, head,
    h("nav", { class: "tabs", "aria-label": "Parts of the stream" }, offered.map((t) => h("a", { href: link(["streams", name, t.name]), "aria-current": t === tab ? "page" : null }, t.label))), panel);
  fill(head, title(view, { part: tab.label }));
  fill(panel, loading());
  if (who.hasHttp) {
    part.refresh = async () => {
      part.state = await get(streamPath(name), {}, view.signal);
      part.changed();
      drawHead(view, head, part, tab.label);
    };
    part.saw = (seq) => {
      if (seq <= part.state.lastSeq) return;
      part.state.lastSeq = seq;
      fill(head.querySelector(".tile dd"), tileValue(...messages(part.state))); // the buttons stay where they are
    };
    await part.refresh();
    view.every(5, part.refresh, true);
  }
  const module = await tab.load();
  if (!view.signal.aborted) await module.default(part);
}

/** What somebody is told who may neither read nor publish a stream, if it is there at all. @param {any} who */
const noRight = (who) => notice("warning", h("p", {}, h("strong", {}, who.kind === "token" ? "This token is not for this stream." : `Client ${who.clientId} has no right for this stream.`)),
  h("p", {}, who.kind === "token" ? "Its claims streams and publish say for which it is. Check the name, or log in with another token." : "Check the name, or ask whoever manages the clients of the jail for the right."));

/** The head of the page, with the way back for those who can list streams. @param {import("../app.js").View} view @param {Object<string, any>} [options] */
const title = (view, options) => view.head(view.params.stream, { crumbs: view.session.hasHttp ? toStreams() : null, ...options });

/** @param {import("../app.js").View} view @param {any} head @param {StreamView} part @param {string} tab what it is called */
function drawHead(view, head, part, tab) {
  const s = part.state;
  const actions = view.session.may("administer", part.name) ? [
    s.held ? button("Resume", { icon: "play", small: true, click: () => pause(part, false) }) : button("Hold", { icon: "pause", small: true, title: "Refuse messages until it is resumed", click: () => pause(part, true) }),
    button("Retention", { icon: "settings", small: true, click: () => retention(part) }),
    button("Delete", { icon: "trash", small: true, kind: "danger", click: () => remove(part) }),
  ] : null;
  redraw(head, h("div", { class: "stack" }, title(view, { part: tab, lead: streamBadges(s), actions }),
    tiles([
      ["Messages", ...messages(s)],
      ["Size", bytes(s.bytes), `on ${s.durability}`],
      ["Subscribers", count(s.subscribers)],
      ["Groups", count(s.groups)],
      ["Schema", s.version === null ? "none" : `version ${s.version}`],
    ], true)));
}

/** How many messages there are, and which. */
const messages = (s) => [short(Math.max(0, s.lastSeq - s.firstSeq + 1)), s.lastSeq ? `#${count(s.firstSeq)} to #${count(s.lastSeq)}` : "none so far"];

async function pause(part, on) {
  await call("POST", streamPath(part.name, on ? "pause" : "resume"));
  toast(on ? `${part.name} refuses messages until it is resumed` : `${part.name} accepts messages again`);
  await afterwards(part.refresh);
}

function remove(part) {
  confirmTyped("Delete the stream", `This ends the subscriptions of ${part.name}, and forgets its ${plural(Math.max(0, part.state.lastSeq - part.state.firstSeq + 1), "message")}, its groups and all versions of its schema. It cannot be undone.`,
    part.name, "Delete", async () => {
      await call("DELETE", streamPath(part.name));
      toast(`Deleted ${part.name}`);
      go(["streams"]);
    });
}

/** An age without the parts that are 0. @param {string} age */
const shortAge = (age) => age.replace(/(?<=[hm])0[ms]/g, "");

async function retention(part) {
  const settings = await get(streamPath(part.name, "settings"));
  const { retention: own } = settings.set, { retention: effective } = settings.effective;
  const fields = [
    ["age", "Age", "Such as 90m, 36h or 7d. 0 is no bound.", "This is no age. Write it as 90m, 36h or 7d.", shortAge, "seconds"],
    ["bytes", "Bytes", "Such as 1000000, 500MiB or 10GiB. 0 is no bound.", "This is no size. Write it as 1000000, 500MiB or 10GiB.", bytes, "bytes"],
    ["messages", "Messages", "0 is no bound.", "This is no number of messages.", count, ""],
  ].map(([key, label, hint, wrong, show, unit]) => {
    const bound = Number(effective[key]) === 0 || effective[key] === "0s" ? "no bound" : show(effective[key]);
    const control = input({ class: "code", value: key === "age" ? shortAge(own[key] ?? "") : own[key] ?? "", placeholder: `in force: ${bound}` });
    return { key, control, unit, wrong, element: field(label, control, { hint }) };
  });
  dialog("What the stream keeps", {
    body: [h("p", { class: "muted" }, "The oldest messages are dropped when one of these is exceeded. What is empty follows the gateway's setting."), fields.map((f) => f.element)],
    action: "Save",
    submit: async () => {
      const values = fields.map((f) => [f.key, f.control.value.trim() === "" ? null : amountOf(f.control.value, f.unit)]);
      fields.forEach((f, i) => f.element.setError(Number.isNaN(values[i][1]) ? f.wrong : ""));
      const wrong = fields.find((f, i) => Number.isNaN(values[i][1]));
      if (wrong) {
        wrong.control.focus();
        return false;
      }
      const body = { durability: settings.set.durability, retention: Object.fromEntries(values) };
      await call("PUT", streamPath(part.name, "settings"), { body });
      toast("Saved");
      await afterwards(part.refresh);
    },
  });
}

// Who is connected, what each connection reads and how far behind it is; and ending one.
import { h, fill } from "../dom.js";
import { link } from "../app.js";
import { titles } from "../advice.js";
import { call, get, isAbort } from "../api.js";
import { ago, bytes, count, short, time } from "../format.js";
import { afterwards, badge, button, checkbox, dialog, empty, input, into, loading, notice, problemNotice, redraw, some, table, toast } from "../ui.js";
import { asker, pager, whenTyped } from "../paging.js";

const kinds = { websocket: "WebSocket", lines: "Lines", link: "In the process", http: "Request" };
const ways = { secret: "its secret", token: "a token", listener: "the listener, which is for this client" };
const readKinds = { own: "Alone", group: "In a group", merged: "With other streams", waiting: "Waits for the definition" };
/** Streams that a row of the list names. */
const named = 2;

/** How far a connection is behind. null if the gateway does not know it of all of its subscriptions. */
function behindText(c) {
  if (c.subscriptionCount === 0) return h("span", { class: "muted" }, "–");
  return c.behind === null ? h("span", { title: "The gateway does not know it of each subscription now" }, "–") : short(c.behind);
}

function stateBadge(c) {
  if (c.slow) return badge("Slow", "warning");
  if (c.subscriptionCount === 0) return null;
  return c.behind === null ? badge("Not known") : c.behind > 0 ? badge("Behind") : badge("Keeps up", "good");
}

/** What a connection reads, and that it provides and serves something, so that one knows it from others of its client. */
function usesText(c) {
  const streams = [...new Set(c.subscriptions.map((s) => s.streamName))].slice(0, named), more = c.subscriptionCount - c.subscriptions.filter((s) => streams.includes(s.streamName)).length;
  return [c.subscriptionCount === 0 ? h("span", { class: "muted" }, "nothing") : h("div", {}, streams.join(", "), more > 0 && ` and ${count(more)} more`),
    c.provides.length > 0 && h("div", { class: "muted small" }, "provides ", some(c.provides.map((p) => p.streamName), named)),
    c.serves.length > 0 && h("div", { class: "muted small" }, "serves ", some(c.serves, named))];
}

/** @param {import("../app.js").View} view */
export default function connections(view) {
  const { query, session } = view;
  const mayEnd = session.may("administer");
  const search = input({ type: "search", class: "code", value: query.get("client") ?? "", placeholder: "Client id", "aria-label": "Client id" });
  const all = session.root && mayEnd && checkbox("All jails", { checked: query.get("allJails") === "true" });
  const list = h("div", { class: "card card-flush" }, loading());
  const load = async () => draw(await ask("/connections", { limit: 50, after: pages.after, client: query.get("client"), allJails: query.get("allJails") }));
  const ask = asker(view), pages = pager(view, "connection", load);
  const draw = (page) => {
    const wide = query.get("allJails") === "true", client = query.get("client");
    if (page.connections.length === 0 && !pages.after) return fill(list, client
      ? empty("connections", `No connection of a client “${client}”`, "The search takes the whole id of a client, as it is under Clients.")
      : empty("connections", "No connections", mayEnd ? "Nobody is connected now." : "This client has none."));
    redraw(list, table("Connections", [
      { heading: "Client", name: true, cell: (c) => h("div", {}, h("span", { class: "strong" }, c.clientId), h("div", { class: "muted small" }, wide && `jail ${c.jailId} · `, c.address ?? "no address")) },
      { heading: "Kind", cell: (c) => h("span", { class: "badges" }, badge(kinds[c.kind] ?? c.kind), c.authenticated !== "secret" && badge(c.authenticated === "token" ? "Token" : "Listener", "info"), h("span", { class: "muted small" }, time(c.since, ago))) },
      { heading: "Reads", text: true, cell: usesText },
      { heading: "Behind", numeric: true, cell: (c) => [h("div", {}, behindText(c)), c.queuedBytes > 0 && h("div", { class: "muted small" }, `${bytes(c.queuedBytes)} queued`)] },
      { heading: "State", cell: (c) => h("span", { class: "badges" }, stateBadge(c), c.lastError && h("span", { title: `The latest refusal: ${c.lastError.code}` }, badge(titles[c.lastError.code] ?? c.lastError.code, "danger")), c.expires && expiry(c.expires)) },
      { heading: "Actions", hidden: true, cell: (c) => h("div", { class: "row actions" }, button("Details", { small: true, label: `Details of the connection of ${c.clientId}`, click: () => details(c.id) }),
        mayEnd && button("End", { small: true, kind: "quiet danger", label: `End the connection of ${c.clientId}`, click: () => end(c, load) })) },
    ], page.connections, (c) => c.id), pages.foot(page.connections.length, page.next));
  };
  const find = () => {
    pages.reset();
    view.setQuery({ client: search.value.trim(), allJails: all && all.box.checked ? "true" : null });
    return load().catch((error) => !isAbort(error) && fill(list, problemNotice(error)));
  };
  whenTyped(view, search, find);
  all && all.box.addEventListener("change", find);
  fill(view.root,
    view.head("Connections", { lead: mayEnd ? "Who is connected, what each connection reads, and how far behind it is." : "The connections of this client. Those of others need the right to administer the jail." }),
    mayEnd && h("div", { class: "row-l" }, h("div", { class: "narrow-search" }, search), all), list);
  view.every(5, load);
}

/** How long a token is still valid. */
function expiry(at) {
  const left = (Date.parse(at) - Date.now()) / 1000;
  return badge(left > 0 ? `Expires ${new Date(at).toLocaleTimeString("en-GB")}` : "Expired", left < 300 ? "warning" : "");
}

function end(c, reload) {
  dialog("End the connection", {
    body: [h("p", {}, "The connection of ", h("strong", {}, c.clientId), " ends, and its client is told so. Most clients connect again by themselves."),
      notice("info", h("p", {}, "To keep a client out, rotate its secret or delete it."))],
    action: "End", kind: "danger",
    submit: async () => {
      await call("DELETE", `/connections/${c.id}`);
      toast(`Ended the connection of ${c.clientId}`);
      await afterwards(reload);
    },
  });
}

function details(id) {
  const body = h("div", { class: "stack" });
  dialog("Connection", { body }).element.classList.add("dialog-wide");
  return into(body, async () => {
    const c = await get(`/connections/${id}`);
    return [
      h("dl", { class: "facts" }, fact("Client", c.clientId), fact("Jail", c.jailId), fact("Address", c.address ?? "–"), fact("Kind", kinds[c.kind] ?? c.kind), fact("Since", time(c.since)),
        fact("Authenticated by", ways[c.authenticated] ?? c.authenticated), c.expires && fact("Token expires", time(c.expires)), fact("Waits to be read", bytes(c.queuedBytes)), fact("Id", h("code", {}, c.id))),
      c.lastError && notice("warning", h("p", {}, h("strong", {}, `Latest refusal: ${titles[c.lastError.code] ?? ""} `), h("code", { class: "small" }, c.lastError.code)), h("p", {}, c.lastError.message), h("p", { class: "small" }, time(c.lastError.at))),
      h("h3", {}, `Reads (${count(c.subscriptionCount)})`),
      c.subscriptions.length === 0 ? h("p", { class: "muted" }, "Nothing.") : table("Subscriptions", [
        { heading: "Stream", name: true, cell: (s) => h("a", { href: link(["streams", s.streamName]) }, s.streamName) },
        { heading: "Kind", text: true, cell: (s) => h("div", {}, readKinds[s.kind] ?? s.kind, s.groupId && h("div", { class: "muted small" }, h("code", {}, s.groupId))) },
        { heading: "Position", numeric: true, cell: (s) => (s.position === null ? "–" : count(s.position)) },
        { heading: "Behind", numeric: true, cell: (s) => (s.behind === null ? "–" : count(s.behind)) },
        { heading: "In flight", numeric: true, cell: (s) => count(s.inFlight) },
      ], c.subscriptions),
      c.provides.length > 0 && [h("h3", {}, "Provides"), h("div", { class: "badges" }, c.provides.map((p) => badge(p.paused ? `${p.streamName} (paused)` : p.streamName, p.paused ? "info" : "good")))],
      c.serves.length > 0 && [h("h3", {}, "Serves"), h("div", { class: "badges" }, c.serves.map((s) => badge(s)))],
    ];
  });
}

const fact = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));

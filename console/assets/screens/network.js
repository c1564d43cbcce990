// The topic network: who provides and reads each stream, as a picture and as a table; and the
// services with their servers.
import { h, fill, svg } from "../dom.js";
import { link } from "../app.js";
import { get } from "../api.js";
import { ago, count, duration, plural, time } from "../format.js";
import { badge, empty, into, loading, redraw, some, table, tabs } from "../ui.js";
import { asker, pager } from "../paging.js";
import { streamBadges } from "./streams.js";

/** @param {import("../app.js").View} view */
export default function network(view) {
  const panel = h("div", { class: "stack" }), ask = asker(view); // the tabs share it, as they share the panel
  let load = () => {}, begun = false;
  const show = (name) => {
    view.setQuery({ tab: name === "Streams" ? null : name, ...(begun && { after: null }) });
    fill(panel, loading());
    load = name === "Services" ? services(view, panel, ask) : streams(view, panel, ask);
    return begun && load(); // view.every makes the first look
  };
  const names = ["Streams", "Services"];
  const chosen = view.query.get("tab");
  fill(view.root, view.head("Network", { lead: "Who provides and reads each stream, and who serves which service, as far as this client may see it." }),
    tabs("Part of the network", names, names.includes(chosen) ? chosen : "Streams", show, panel));
  begun = true;
  view.every(10, () => load());
}

/** Streams of a page; more would not fit into a picture. */
const pageSize = 20;

function streams(view, panel, ask) {
  const load = async () => {
    const page = await ask("/network", { limit: pageSize, after: pages.after });
    if (page.streams.length === 0 && !pages.after) return fill(panel, h("div", { class: "card" }, empty("network", "No streams", "Nobody has defined a stream that you may see.")));
    const used = page.streams.filter((s) => s.providers.length + s.subscribers.length > 0), idle = page.streams.length - used.length;
    const first = !panel.querySelector(".graph-box");
    redraw(panel,
      h("div", { class: "card card-flush" }, h("div", { class: "card-head" }, h("h2", {}, "Picture"), h("span", { class: "muted small" }, "Providers on the left, readers on the right. The table has the same in words.")),
        used.length === 0 ? h("p", { class: "muted toolbar" }, "Nobody is connected to the streams of this page.")
          : [h("div", { class: "scroller graph-box", tabindex: "0", role: "region", "aria-label": "Picture of the network" }, graph(used)), legend(idle)]),
      h("div", { class: "card card-flush" }, table("Streams with those who provide and read them", [
        { heading: "Stream", name: true, cell: (s) => h("a", { href: link(["streams", s.name]) }, s.name) },
        { heading: "State", cell: (s) => streamBadges(s, s.requested && badge("Requested", "info")) },
        { heading: "Provided by", text: true, cell: (s) => names(s.providers.map((p) => times(p.clientId, p.connections) + (p.paused ? " (pauses)" : ""))) },
        { heading: "Read by", text: true, cell: (s) => names(s.subscribers.map((p) => times(p.clientId, p.connections) + readsHow(p))) },
        { heading: "Groups", numeric: true, cell: (s) => count(s.groups) },
      ], page.streams, (s) => s.name), pages.foot(page.streams.length, page.next)));
    const picture = panel.querySelector(".graph-box");
    if (first && picture) picture.scrollLeft = (picture.scrollWidth - picture.clientWidth) / 2; // the streams are in the middle
  };
  const pages = pager(view, "stream", load);
  return load;
}

/** What the lines of the picture mean, and how many streams it leaves out. @param {number} idle */
const legend = (idle) => h("div", { class: "legend muted small" },
  [["provides", "provides"], ["paused", "provides, and pauses"], ["reads", "reads"], ["group", "reads in a group"]].map(([kind, text]) =>
    h("span", {}, svg("svg", { viewBox: "0 0 28 8", width: 28, height: 8, "aria-hidden": "true" }, svg("path", { class: `edge edge-${kind}`, d: "M0 4H28" })), text)),
  idle > 0 && h("span", {}, `${plural(idle, "stream")} without anybody ${idle === 1 ? "is" : "are"} in the table alone.`));

/** How a client reads a stream, unless it does so alone. */
const readsHow = (p) => ({ own: "", group: ` (group ${p.groupId?.slice(0, 8) ?? "ungrouped"})`, merged: " (with other streams)", waiting: " (waits for the definition)" })[p.kind] ?? ` (${p.kind})`;

const times = (name, n) => (n > 1 ? `${name} ×${n}` : name);
const names = (all) => (all.length ? some(all, 20) : h("span", { class: "muted" }, "nobody"));

const rowHeight = 40, columnWidth = 190, gap = 110;

/** The picture: clients, streams, clients. */
function graph(all) {
  const left = unique(all.flatMap((s) => s.providers.map((p) => p.clientId)));
  const right = unique(all.flatMap((s) => s.subscribers.map((p) => p.clientId)));
  const height = Math.max(left.length, all.length, right.length, 1) * rowHeight + 16;
  const middle = columnWidth + gap, last = 2 * (columnWidth + gap);
  const y = (i, n) => (height - n * rowHeight) / 2 + i * rowHeight + rowHeight / 2;
  const edges = [], nodes = [];
  const edge = (x1, y1, x2, y2, kind) => edges.push(svg("path", { class: `edge ${kind}`, d: `M${x1} ${y1} C${x1 + gap / 2} ${y1} ${x2 - gap / 2} ${y2} ${x2} ${y2}` }));
  const node = (x, at, text, kind) => {
    const label = svg("text", { x: x + columnWidth / 2, y: at + 5, "text-anchor": "middle" });
    label.append(text.length > 22 ? text.slice(0, 21) + "…" : text);
    const title = svg("title", {});
    title.append(text);
    nodes.push(svg("g", { class: `graph-node graph-${kind}` }, title, svg("rect", { x, y: at - 14, width: columnWidth, height: 28, rx: kind === "stream" ? 4 : 14 }), label));
  };
  all.forEach((s, i) => {
    const at = y(i, all.length);
    for (const p of s.providers) edge(columnWidth, y(left.indexOf(p.clientId), left.length), middle, at, p.paused ? "edge-paused" : "edge-provides");
    for (const p of s.subscribers) edge(middle + columnWidth, at, last, y(right.indexOf(p.clientId), right.length), p.kind === "group" ? "edge-group" : "edge-reads");
  });
  left.forEach((name, i) => node(0, y(i, left.length), name, "client"));
  all.forEach((s, i) => node(middle, y(i, all.length), s.name, "stream"));
  right.forEach((name, i) => node(last, y(i, right.length), name, "client"));
  const text = `${plural(all.length, "stream")}, provided by ${left.length ? left.join(", ") : "nobody"}, read by ${right.length ? right.join(", ") : "nobody"}`;
  return svg("svg", { class: "graph", viewBox: `-1 0 ${last + columnWidth + 2} ${height}`, width: last + columnWidth + 2, height, role: "img", "aria-label": text }, ...edges, ...nodes);
}

const unique = (list) => [...new Set(list)].sort();

function services(view, panel, ask) {
  const load = async () => {
    const page = await ask("/services", { limit: 50, after: pages.after });
    if (page.services.length === 0 && !pages.after) return fill(panel, h("div", { class: "card" }, empty("services", "No services", ["A service is there while it is defined or somebody serves it, for example with ", h("code", {}, "seagate service serve"), "."])));
    redraw(panel, page.services.map((s) => service(view, s)), pages.foot(page.services.length, page.next));
    for (const details of panel.querySelectorAll("details[data-service]")) showDefinition(view, details);
  };
  const pages = pager(view, "service", load);
  return load;
}

function service(view, s) {
  const defined = s.version !== undefined && s.version !== null, procedures = s.procedures ?? [];
  return h("section", { class: "card card-flush", "aria-label": `Service ${s.name}`, data: { key: s.name } },
    h("div", { class: "card-head" }, h("h2", {}, s.name), h("span", { class: "badges" }, defined ? badge(`Version ${s.version}`) : badge("Not defined"))),
    procedures.length > 0 && h("p", { class: "toolbar" }, h("span", { class: "muted small" }, "Procedures served now: "), some(procedures.map((p) => h("code", {}, p)), shownProcedures)),
    s.servers.length === 0 ? h("p", { class: "muted toolbar" }, "Nobody serves it now.") : table(`Servers of ${s.name}`, [
      { heading: "Client", name: true, cell: (x) => h("div", {}, x.clientId, x.sole && [" ", badge("Sole")]) },
      { heading: "Since", cell: (x) => h("span", { class: "muted small" }, time(x.since, ago)) },
      { heading: "Calls", numeric: true, cell: (x) => count(x.calls) },
      { heading: "Failed", numeric: true, cell: (x) => (x.failed ? h("span", { class: "danger strong" }, count(x.failed)) : "0") },
      { heading: "Under way", numeric: true, cell: (x) => count(x.underWay) },
      { heading: "Median", numeric: true, cell: (x) => took(x.medianSeconds) },
      { heading: "Longest", numeric: true, cell: (x) => took(x.longestSeconds) },
      { heading: "Last error", text: true, cell: (x) => x.lastError ?? "–" },
    ], s.servers, (x) => `${x.clientId} ${x.address}`),
    defined && definition(view, s));
}

/** How long calls took; nothing is known before one was answered. @param {number} seconds */
const took = (seconds) => (seconds > 0 ? duration(seconds) : "–");

/** Procedures that are named before "and 3 more". */
const shownProcedures = 12;

/** The procedures of a definition, which the gateway is asked for when somebody wants to see them. */
const definition = (view, s) => h("details", { class: "inset definition-of", data: { service: s.name, version: s.version }, on: { toggle: (event) => showDefinition(view, event.currentTarget) } },
  h("summary", {}, "Definition"), h("div", { class: "definition", "data-stays": true }));

/** Fills the details of a definition if they are open, and have not the version that is in force. */
function showDefinition(view, details) {
  const { service, version } = details.dataset, body = details.querySelector(".definition");
  if (!details.open || body.dataset.version === version) return;
  body.dataset.version = version;
  return into(body, async () => {
    const { definition } = await get(`/services/${encodeURIComponent(service)}`, {}, view.signal);
    return body.dataset.version === version ? procedureTable(service, definition.procedures) : undefined;
  }, body.childElementCount > 0);
}

const procedureTable = (name, procedures) => table(`Procedures of ${name}`, [
  { heading: "Procedure", name: true, cell: (p) => h("code", {}, p.name) },
  { heading: "Body", text: true, cell: (p) => fieldsText(p.body) },
  { heading: "Result", text: true, cell: (p) => fieldsText(p.result) },
], procedures);

/** Fields as names with their types. Without them any JSON is accepted. */
const fieldsText = (fields) => (fields === undefined || fields === null ? h("span", { class: "muted" }, "any JSON") : fields.length === 0 ? "no fields"
  : h("ul", {}, fields.map((f) => h("li", {}, h("code", {}, f.name), " ", h("span", { class: "kind" }, f.type === "enum" ? f.enum.join(" | ") : f.type), f.optional && " optional"))));

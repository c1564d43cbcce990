// The list of streams: a page at a time, with a search that the gateway makes.
import { h, fill } from "../dom.js";
import { icon } from "../icons.js";
import { link } from "../app.js";
import { isAbort } from "../api.js";
import { count, bytes, short } from "../format.js";
import { badge, button, buttonLink, empty, field, input, loading, problemNotice, redraw, table } from "../ui.js";
import { asker, pager, whenTyped } from "../paging.js";
import { newStream } from "./newstream.js";

const pageSize = 50;

/** What is special about a stream. @param {any} s @param {...any} more badges */
export const streamBadges = (s, ...more) => h("span", { class: "badges" },
  s.held ? badge("Held", "warning") : s.paused ? badge("Providers pause", "info") : s.registered ? badge("Provided", "good") : badge("Open"),
  s.durability === "memory" && badge("Memory"), more);

const columns = [
  { heading: "Name", name: true, cell: (s) => h("a", { href: link(["streams", s.name]) }, s.name) },
  { heading: "State", cell: (s) => streamBadges(s) },
  { heading: "Version", numeric: true, cell: (s) => (s.version === null ? "–" : String(s.version)) },
  { heading: "Kept", numeric: true, cell: (s) => short(Math.max(0, s.lastSeq - s.firstSeq + 1)) },
  { heading: "Newest", numeric: true, cell: (s) => (s.lastSeq ? count(s.lastSeq) : "–") },
  { heading: "Size", numeric: true, cell: (s) => bytes(s.bytes) },
  { heading: "Subscribers", numeric: true, cell: (s) => count(s.subscribers) },
  { heading: "Groups", numeric: true, cell: (s) => (s.groups ? h("a", { href: link(["streams", s.name, "groups"]) }, count(s.groups)) : "0") },
];

/** @param {import("../app.js").View} view */
export default function streams(view) {
  const { query } = view;
  const mayDefine = view.session.mayAny("define");
  const define = () => button("Define a stream", { kind: "primary", icon: "plus", click: () => newStream() });
  if (!view.session.hasHttp) return byName(view);
  const defining = h("div", {}, define());
  const search = input({ type: "search", value: query.get("contains") ?? "", placeholder: "Part of a name", "aria-label": "Search streams by name" });
  const list = h("div", { class: "card card-flush" }, loading());
  fill(view.root,
    view.head("Streams", { lead: "What this client may see of its jail.", actions: mayDefine ? [defining] : null }),
    h("div", { class: "search" }, icon("search"), search), list);

  const load = async () => {
    const contains = query.get("contains") ?? "";
    try {
      const page = await ask("/streams", { limit: pageSize, after: pages.after, contains });
      draw(page, contains);
    } catch (error) {
      if (isAbort(error)) throw error;
      fill(list, problemNotice(error));
    }
  };
  const ask = asker(view), pages = pager(view, "stream", load);
  const draw = (page, contains) => {
    const none = page.streams.length === 0 && !pages.after;
    defining.hidden = none && !contains; // then the button is in the middle
    if (none) return redraw(list, contains
      ? empty("search", "No such stream", `No stream that you may see has “${contains}” in its name.`, button("Show all streams", { click: () => ((search.value = ""), find()) }))
      : empty("inbox", "No streams yet", mayDefine ? "A stream has a name, and a schema that every message is checked against." : "Nobody has defined a stream that you may see.", mayDefine && define()));
    redraw(list, table("Streams", columns, page.streams, (s) => s.name), pages.foot(page.streams.length, page.next));
  };
  const find = () => {
    pages.reset();
    view.setQuery({ contains: search.value.trim() });
    return load();
  };
  whenTyped(view, search, () => find().catch(() => {})); // load shows what is wrong
  view.every(10, load);
}

/** Bearers of tokens know the names of their streams. @param {import("../app.js").View} view */
function byName(view) {
  const name = input({ class: "code" });
  const open = (event) => {
    event.preventDefault();
    if (name.value) location.hash = link(["streams", name.value]);
  };
  const known = (view.session.claims.streams ?? []).filter((p) => !p.includes("*"));
  fill(view.root, view.head("Streams", { lead: "The bearer of a token cannot list streams, and opens one by its name." }),
    h("form", { class: "card", on: { submit: open } }, h("div", { class: "row-end" }, h("div", { class: "grow" }, field("Name of the stream", name)), button("Open", { kind: "primary", type: "submit" })),
      known.length > 0 && h("div", { class: "row" }, h("span", { class: "muted small" }, "Your token names"), known.map((n) => buttonLink(n, link(["streams", n]), { small: true })))));
}

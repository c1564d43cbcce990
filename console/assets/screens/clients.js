// Clients of the jail with their keys and rights, and jails with their quotas.
import { h, fill } from "../dom.js";
import { call, clientPath } from "../api.js";
import { ago, amountOf, bytes, count, time } from "../format.js";
import { afterwards, badge, button, codeBlock, confirmTyped, dialog, empty, field, input, loading, notice, redraw, some, table, tabs, toast } from "../ui.js";
import { asker, pager } from "../paging.js";
import { rights } from "../session.js";
import { keepField, keysOf } from "./keys.js";

/** @param {import("../app.js").View} screen */
export default function clients(screen) {
  const panel = h("div", { class: "stack" });
  const view = { ...screen, ask: asker(screen) }; // the tabs share it, as they share the panel
  let begun = false;
  const show = (name) => {
    view.setQuery({ tab: name === "Clients" ? null : name, ...(begun && { after: null, jail: null }) });
    begun = true;
    fill(panel, loading());
    if (name === "Quotas") return quotas(view, panel, null);
    if (name === "Clients") return clientList(view, panel);
    return view.query.get("jail") ? quotas(view, panel, view.query.get("jail")) : jails(view, panel);
  };
  const names = view.session.root ? ["Clients", "Jails", "Quotas"] : ["Clients", "Quotas"];
  const chosen = view.query.get("tab");
  fill(view.root, view.head("Clients", { lead: "Who may use the gateway, and what each may do. A secret is shown once, when it is made." }),
    tabs("What to manage", names, names.includes(chosen) ? chosen : "Clients", show, panel));
}

function clientList(view, panel) {
  const load = async () => {
    const page = await view.ask("/clients", { limit: 50, after: pages.after });
    redraw(panel, h("section", { class: "card card-flush", "aria-labelledby": "clients-title" },
      h("div", { class: "card-head" }, h("h2", { id: "clients-title" }, "Clients of the jail"), button("New client", { kind: "primary", icon: "plus", small: true, click: () => create(load) })),
      table("All clients", [
        { heading: "Client", name: true, cell: (c) => h("div", {}, h("span", { class: "strong" }, c.id), c.id === view.session.clientId && [" ", badge("You", "info")], c.description && h("div", { class: "muted small" }, clipped(c.description))) },
        { heading: "Rights", cell: (c) => rightsText(c.rights) },
        { heading: "Key", cell: (c) => (c.jwtPublicKey ? badge("Signs tokens", "good") : h("span", { class: "muted" }, "none")) },
        { heading: "Made", cell: (c) => h("div", { class: "muted small" }, time(c.createdAt, ago), c.oldSecretUntil && h("div", {}, "old secret until ", time(c.oldSecretUntil))) },
        { heading: "Actions", hidden: true, cell: (c) => h("div", { class: "row actions" },
          button("Rights", { small: true, label: `Rights of ${c.id}`, click: () => setRights(c, load) }), button("Keys", { small: true, label: `Keys of ${c.id}`, click: () => keysOf(c, load) }),
          button("Rotate", { small: true, label: `Rotate the secret of ${c.id}`, click: () => rotate(view, c, load) }),
          button("Delete", { small: true, kind: "quiet danger", label: `Delete ${c.id}`, click: () => remove(c, load) })) },
      ], page.clients, (c) => c.id), pages.foot(page.clients.length, page.next)));
  };
  const pages = pager(view, "client", load);
  return load();
}

/** Patterns of a right, and characters of a description, that the list shows. */
const shownPatterns = 5, shownText = 160;
const clipped = (text) => (text.length > shownText ? h("span", { title: text }, `${text.slice(0, shownText)}…`) : text);

function rightsText(r) {
  if (r === null) return badge("All rights");
  const given = rights.filter((name) => r[name]?.length);
  if (given.length === 0) return h("span", { class: "muted" }, "none");
  return h("div", { class: "small" }, given.map((name) => h("div", {}, h("span", { class: "strong" }, capital(name)), " ", h("code", {}, some(r[name], shownPatterns)))));
}

const capital = (text) => text[0].toUpperCase() + text.slice(1);

/** Fields for the rights; read returns null for all. */
function rightsFields(now) {
  const all = h("input", { type: "checkbox", checked: now === null });
  const fields = rights.map((name) => input({ class: "code", value: (now?.[name] ?? []).join(", "), placeholder: "none" }));
  const elements = rights.map((name, i) => field(capital(name), fields[i]));
  const box = h("div", { class: "stack-s", hidden: now === null }, elements, h("p", { class: "muted small" }, "Names or patterns with one *, with commas between them. * alone is everything."));
  all.addEventListener("change", () => void (box.hidden = all.checked));
  return {
    element: h("div", { class: "stack-s" }, h("label", { class: "check" }, all, "All rights"), box),
    places: rights.map((name, i) => [elements[i], new RegExp(`\\b${name}\\[`)]),
    read: () => (all.checked ? null : Object.fromEntries(rights.map((name, i) => [name, fields[i].value.split(",").map((s) => s.trim()).filter(Boolean)]).filter(([, list]) => list.length))),
  };
}

function create(reload) {
  const id = input({ class: "code" }), description = input();
  const may = rightsFields(null);
  const idField = field("Client id", id);
  dialog("New client", {
    places: [[idField, /client id|client_exists/], ...may.places],
    body: [idField, field("Description", description, { hint: "Optional, for people." }), may.element],
    action: "Create", ready: () => id.value.trim() !== "",
    submit: async () => {
      const made = await call("POST", "/client", { body: { clientId: id.value.trim(), description: description.value, rights: may.read() } });
      showSecret(`Client ${made.givenId} is made`, made.secret);
      await afterwards(reload);
    },
  });
}

/** Shows a secret, once. */
function showSecret(title, secret) {
  dialog(title, { body: [notice("warning", h("p", {}, "This is its secret. Copy it now: it is not shown again.")), codeBlock(secret, "secret", { title: "Secret", wrap: true })] });
}

/** @param {import("../app.js").View} view @param {any} c a client of the jail of the session */
function rotate(view, c, reload) {
  const keep = keepField("Keep the old secret for", "0 ends it at once.");
  dialog("Rotate the secret", {
    body: [h("p", {}, "Client ", h("strong", {}, c.id), " gets a new secret. Connections that use the old one end when that does."), keep.element],
    action: "Rotate", kind: "danger", ready: keep.ready,
    submit: async () => {
      const made = await call("PUT", clientPath(c.id), { query: keep.query() });
      if (c.id === view.session.clientId) view.session.secret = made.secret; // the session goes on with it
      showSecret(`Client ${c.id} has a new secret`, made.secret);
      await afterwards(reload);
    },
  });
}

const remove = (c, reload) => confirmTyped("Delete the client", `Client ${c.id} can no longer authenticate, and its connections end.`, c.id, "Delete", async () => {
  await call("DELETE", clientPath(c.id));
  toast(`Deleted client ${c.id}`);
  await afterwards(reload);
});

function setRights(c, reload) {
  const may = rightsFields(c.rights), before = JSON.stringify(may.read());
  dialog(`Rights of ${c.id}`, {
    places: may.places, ready: () => JSON.stringify(may.read()) !== before,
    body: [may.element, notice("info", h("p", {}, "If the client may do less than before, its connections end."))], action: "Save",
    submit: async () => {
      await call("PUT", clientPath(c.id, "rights"), { body: { rights: may.read() } });
      toast(`Changed the rights of ${c.id}`);
      await afterwards(reload);
    },
  });
}

function jails(view, panel) {
  const load = async () => {
    const page = await view.ask("/jails", { limit: 50, after: pages.after, quotas: "true" });
    const head = h("div", { class: "card-head" }, h("h2", { id: "jails-title" }, "Jails"), button("New jail", { kind: "primary", icon: "plus", small: true, click: () => createJail(load) }));
    redraw(panel, h("section", { class: "card card-flush", "aria-labelledby": "jails-title" }, head,
      page.jails.length === 0 && !pages.after ? empty("inbox", "No jails", "A jail is a tenant with clients and streams of its own.") : table("All jails", [
        { heading: "Jail", name: true, cell: (j) => h("div", {}, h("span", { class: "strong" }, j.id), j.name && h("div", { class: "muted small" }, j.name)) },
        { heading: "Made", cell: (j) => h("span", { class: "muted small" }, time(j.createdAt, ago)) },
        { heading: "Disk", numeric: true, cell: (j) => use(j.quotas, "disk", bytes) },
        { heading: "Memory", numeric: true, cell: (j) => use(j.quotas, "memory", bytes) },
        { heading: "Streams", numeric: true, cell: (j) => use(j.quotas, "streams", count) },
        { heading: "Clients", numeric: true, cell: (j) => use(j.quotas, "clients", count) },
        { heading: "Actions", hidden: true, cell: (j) => h("div", { class: "row actions" }, button("Quotas", { small: true, label: `Quotas of ${j.id}`, click: () => quotas(view, panel, j.id) }), j.id !== view.session.jailId && button("Delete", { small: true, kind: "quiet danger", label: `Delete jail ${j.id}`, click: () => removeJail(j, load) })) },
      ], page.jails, (j) => j.id), pages.foot(page.jails.length, page.next)));
  };
  const pages = pager(view, "jail", load);
  return load();
}

function use(q, name, show) {
  const limit = q?.limits[name] ?? 0;
  return h("div", {}, show(q?.used[name] ?? 0), limit > 0 && h("div", { class: "muted small" }, `of ${show(limit)}`));
}

function createJail(reload) {
  const id = input({ class: "code" }), name = input(), client = input({ class: "code", value: "admin" });
  const idField = field("Jail id", id), clientField = field("First client", client);
  dialog("New jail", {
    places: [[idField, /jail id|jail_exists/], [clientField, /client id/]],
    body: [idField, field("Name", name, { hint: "Optional, for people." }), clientField], action: "Create", ready: () => id.value.trim() !== "" && client.value.trim() !== "",
    submit: async () => {
      const made = await call("POST", "/jails", { body: { newJailId: id.value.trim(), newJailName: name.value, newClientId: client.value.trim() } });
      showSecret(`Jail ${made.newJailId} and its client ${made.newClientId} are made`, made.newClientSecret);
      await afterwards(reload);
    },
  });
}

const removeJail = (j, reload) => confirmTyped("Delete the jail", `Jail ${j.id} goes with all of its clients and streams.`, j.id, "Delete", async () => {
  await call("DELETE", `/jails/${encodeURIComponent(j.id)}`);
  toast(`Deleted jail ${j.id}`);
  await afterwards(reload);
});

const resources = [
  ["disk", "Disk", "bytes"], ["memory", "Memory", "bytes"], ["streams", "Streams"], ["definitions", "Definitions", "bytes"], ["records", "Groups and clients, stored", "bytes"], ["groups", "Groups"], ["clients", "Clients"], ["messageIds", "Message ids"],
  ["retentionAge", "Longest retention", "seconds"], ["retentionBytes", "Most that a stream keeps", "bytes"], ["messageBytes", "Largest message", "bytes"],
];
const amount = (n, unit) => (unit === "bytes" ? bytes(n) : unit === "seconds" ? `${count(n)} s` : count(n));

/** The quotas of a jail, or of the client's own. */
async function quotas(view, panel, jail) {
  const path = jail === null ? "/quotas" : `/jails/${encodeURIComponent(jail)}/quotas`;
  const q = await view.ask(path);
  view.setQuery({ jail });
  const focused = panel.contains(document.activeElement), title = h("h2", { id: "quotas-title", tabindex: "-1" }, jail === null ? "Quotas of this jail" : `Quotas of ${jail}`);
  fill(panel, h("section", { class: "card card-flush", "aria-labelledby": "quotas-title" },
    h("div", { class: "card-head" }, title,
      jail !== null && h("div", { class: "row" }, button("Change", { small: true, kind: "primary", click: () => setQuotas(view, panel, jail, q) }), button("All jails", { small: true, click: () => (view.setQuery({ jail: null }), jails(view, panel)) }))),
    table("Resources", [
      { heading: "Resource", name: true, cell: ([, name]) => name },
      { heading: "Used", numeric: true, cell: ([key, , unit]) => (q.used[key] === undefined ? "–" : amount(q.used[key], unit)) },
      { heading: "Limit", numeric: true, cell: ([key, , unit]) => (q.limits[key] ? amount(q.limits[key], unit) : "none") },
      { heading: "Full", cell: ([key, name]) => (q.limits[key] && q.used[key] !== undefined ? meter(name, q.used[key] / q.limits[key]) : "") },
      { heading: "Set for", cell: ([key]) => (q.set[key] === undefined ? h("span", { class: "muted" }, "all jails") : badge("this jail", "info")) },
    ], resources)));
  if (focused) title.focus(); // the button that was pressed is gone
}

const meter = (name, part) => h("meter", { min: "0", max: "1", high: "0.9", value: String(Math.min(1, part)), "aria-label": `${name}: ${Math.round(part * 100)}% used`, title: `${Math.round(part * 100)}%` });

const examples = { bytes: "a whole number of bytes, or one with a unit, such as 10 GiB", seconds: "a whole number of seconds, or one with a unit, such as 90 min, 12 h or 7 d", "": "a whole number" };

function setQuotas(view, panel, jail, q) {
  const fields = resources.map(([key, name, unit]) => {
    const control = input({ class: "code", value: q.set[key] === undefined ? "" : String(q.set[key]), placeholder: q.limits[key] ? `${amount(q.limits[key], unit)} for all jails` : "no bound for all jails" });
    const element = field(name, control, { kind: unit });
    const wrong = () => control.value.trim() !== "" && Number.isNaN(amountOf(control.value, unit));
    control.addEventListener("input", () => element.setError(wrong() ? `Enter ${examples[unit ?? ""]}.` : ""));
    return { key, element, wrong, value: () => (control.value.trim() === "" ? undefined : amountOf(control.value, unit)) };
  });
  const read = () => Object.fromEntries(fields.map((f) => [f.key, f.value()]));
  const before = JSON.stringify(read());
  dialog(`Quotas of ${jail}`, {
    body: [h("p", { class: "muted" }, "Empty follows the operator's setting for all jails, and 0 is no bound. Units such as 10 GiB or 7 d are understood."), h("div", { class: "stack-s" }, fields.map((f) => f.element))],
    action: "Save", ready: () => !fields.some((f) => f.wrong()) && JSON.stringify(read()) !== before,
    places: fields.map((f) => [f.element, new RegExp(`(^|\\n)${f.key}:`)]),
    submit: async () => {
      await call("PUT", `/jails/${encodeURIComponent(jail)}/quotas`, { body: read() });
      toast(`Changed the quotas of ${jail}`);
      await afterwards(() => quotas(view, panel, jail));
    },
  });
}

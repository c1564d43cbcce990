// The descriptions of the API that the gateway gives to programs, for people to read.
import { h, fill } from "../dom.js";
import { base, get } from "../api.js";
import { badge, codeBlock, into, spans, table, tabs } from "../ui.js";

/** @param {import("../app.js").View} view */
export default function api(view) {
  const panel = h("div", { class: "stack" });
  const parts = { HTTP: http, "WebSocket and lines": messages };
  const names = Object.keys(parts);
  const chosen = view.query.get("tab");
  const show = (name) => {
    view.setQuery({ tab: name === names[0] ? null : name });
    const part = h("div", { class: "stack" });
    fill(panel, part);
    return into(part, () => parts[name](view));
  };
  const file = (name) => h("a", { href: `${base}/${name}`, target: "_blank", rel: "noopener" }, h("code", {}, name));
  fill(view.root, view.head("API", { lead: ["What this gateway understands. For programs: ", file("openapi.json"), " and ", file("asyncapi.json"), "."] }),
    tabs("Part of the API", names, names.includes(chosen) ? chosen : names[0], show, panel));
}

/** Follows a reference within a description. @param {any} doc @param {any} value */
const follow = (doc, value) => {
  while (value?.$ref) value = value.$ref.slice(2).split("/").reduce((at, key) => at[key.replaceAll("~1", "/").replaceAll("~0", "~")], doc);
  return value;
};

const text = (value) => value && h("p", {}, spans(value));
const methods = ["get", "post", "put", "patch", "delete"];

async function http(view) {
  const doc = await get("/openapi.json", {}, view.signal);
  const all = Object.entries(doc.paths).flatMap(([path, item]) => methods.filter((m) => item[m])
    .map((m) => ({ method: m.toUpperCase(), path, ...item[m], parameters: [...(item.parameters ?? []), ...(item[m].parameters ?? [])].map((p) => follow(doc, p)) })));
  return [text(doc.info.description), doc.tags.map((tag) => section(tag.name[0].toUpperCase() + tag.name.slice(1), tag.description, all.filter((o) => o.tags?.includes(tag.name)).map((o) =>
    operation([badge(o.method, o.method === "GET" ? "info" : ""), h("code", {}, o.path)], o.summary, () => [
      text(o.description), o.security?.length === 0 && h("p", {}, "It needs no credentials."),
      o.parameters.length > 0 && [h("h3", {}, "Parameters"), table(`Parameters of ${o.method} ${o.path}`, [
        { heading: "Name", name: true, cell: (p) => [h("code", {}, p.name), p.required && p.in !== "path" && [" ", badge("required")]] },
        { heading: "In", cell: (p) => p.in },
        { heading: "Type", cell: (p) => typeOf(doc, p.schema) },
        { heading: "What it is", cell: (p) => spans(p.description ?? follow(doc, p.schema)?.description ?? "") },
      ], o.parameters)],
      o.requestBody && content(doc, "Body", follow(doc, o.requestBody)),
      Object.entries(o.responses).filter(([status]) => status !== "default").map(([status, r]) => content(doc, `Answer ${status}`, follow(doc, r))),
      o.responses.default && h("p", { class: "muted" }, "A refusal is a problem document."),
    ]))))];
}

async function messages(view) {
  const doc = await get("/asyncapi.json", {}, view.signal);
  const all = Object.values(doc.operations);
  const each = (title, list) => list?.length > 0 && [h("h3", {}, title), list.map((m) => follow(doc, m)).map((m) => [h("h4", {}, spans(m.summary ?? "")), shape(doc, m.payload), m.examples?.slice(0, 1).map((e) => example(e.payload, m.summary))])];
  return [text(doc.info.description), Object.values(doc.channels).map((channel) => section(channel.title ?? channel.address ?? "Lines over TCP", channel.description,
    all.filter((o) => follow(doc, o.channel) === channel).map((o) => operation([badge(o.action === "receive" ? "You send" : "The gateway sends", o.action === "receive" ? "" : "info")], o.summary, () => [
      text(o.description), each("Messages", o.messages), each("Replies", o.reply?.messages),
    ]))))];
}

const section = (title, description, operations) => h("section", { class: "card card-flush", "aria-label": title },
  h("div", { class: "card-head" }, h("h2", {}, title), h("span", { class: "muted small" }, spans(description ?? ""))), operations);

/** An operation, whose details are drawn when they are opened. */
function operation(marks, summary, details) {
  const body = h("div", { class: "stack-s operation-body" });
  const open = (event) => event.currentTarget.open && !body.firstChild && fill(body, details());
  return h("details", { class: "operation", on: { toggle: open } }, h("summary", {}, h("span", { class: "row" }, marks, h("span", { class: "muted" }, spans(summary ?? "")))), body);
}

function content(doc, title, body) {
  return [h("h3", {}, title), text(body.description), Object.entries(body.content ?? {}).map(([type, c]) => [
    h("p", { class: "muted small" }, h("code", {}, type)), shape(doc, c.schema), c.example !== undefined && example(c.example, title)])];
}

const example = (value, what) => codeBlock(typeof value === "string" ? value : JSON.stringify(value, null, 2), `an example of: ${what}`, { title: "Example" });

/** The type of a schema in words. */
function typeOf(doc, schema) {
  if (!schema || schema === true) return "any value";
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((v) => JSON.stringify(v)).join(" or ");
  if (schema.anyOf) return schema.anyOf.map((s) => typeOf(doc, s)).join(" or ");
  if (schema.$ref) {
    const meant = follow(doc, schema);
    return meant.properties || meant.items ? schema.$ref.split("/").at(-1) : typeOf(doc, meant);
  }
  if (schema.items) return [schema.type].flat().map((t) => (t === "array" ? `list of ${typeOf(doc, schema.items)}` : t)).join(" or ");
  const bounds = [schema.format, schema.minimum !== undefined && `at least ${schema.minimum}`, schema.maximum !== undefined && `at most ${schema.maximum}`,
    schema.maxLength !== undefined && `at most ${schema.maxLength} characters`].filter(Boolean).join(", ");
  return [schema.type ?? "any value"].flat().join(" or ") + (bounds && ` (${bounds})`);
}

/** What a value looks like: its type, and its members if it is an object. above are the schemas around it. */
function shape(doc, schema, above = []) {
  return h("div", { class: "shape" }, above.length === 0 && h("p", {}, typeOf(doc, schema)), members(doc, schema, above));
}

function members(doc, schema, above) {
  const meant = follow(doc, schema);
  if (!meant || meant === true || above.includes(meant)) return null;
  const inside = [...above, meant];
  const own = Object.entries(meant.properties ?? {});
  if (typeof meant.additionalProperties === "object") own.push(["…", meant.additionalProperties]);
  return [
    own.length > 0 && h("ul", {}, own.map(([name, s]) => h("li", {}, h("code", { class: "strong" }, name), " ", h("span", { class: "muted" }, typeOf(doc, s)), meant.required?.includes(name) && [" ", badge("required")],
      (s.description ?? follow(doc, s)?.description) && h("div", { class: "small" }, spans(s.description ?? follow(doc, s).description)), members(doc, s, inside)))),
    meant.items && members(doc, meant.items, inside),
    meant.anyOf?.map((s) => members(doc, s, inside)),
  ];
}

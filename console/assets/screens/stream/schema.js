// The versions of a schema, what differs between two, and the editor of a new one: what the gateway
// says would change, whether that is compatible, and how recent messages would fare.
import { h, fill } from "../../dom.js";
import { call, get, isAbort, streamPath } from "../../api.js";
import { count, plural } from "../../format.js";
import { badge, button, codeBlock, empty, field, notice, problemNotice, select, table, toast } from "../../ui.js";
import { definitionEditor } from "../definition.js";
import { link } from "../../app.js";

/** Messages of the stream that a trial looks at. */
const trialMessages = 200;

/** The fields of a definition as rows, those within others behind them. */
function rows(fields, prefix = "") {
  return (fields ?? []).flatMap((f) => {
    const path = prefix + f.name + (f.type === "array<object>" ? "[]" : "");
    return [{ path, type: f.type, optional: f.optional === true, values: f.enum }, ...rows(f.fields, path + ".")];
  });
}

/** What differs between two definitions. Whether that breaks something is for the gateway to say. */
function compare(older, newer) {
  const byPath = (definition) => new Map(rows(definition.fields).map((r) => [r.path.replaceAll("[]", ""), describe(r)]));
  const before = byPath(older), after = byPath(newer);
  return [...new Set([...before.keys(), ...after.keys()])].map((path) => ({ path, was: before.get(path), now: after.get(path) })).filter((d) => d.was !== d.now);
}

const describe = (r) => r.type + (r.values ? ` (${r.values.join(", ")})` : "") + (r.optional ? ", optional" : "");

const differenceTable = (differences) => table("What differs", [
  { heading: "Field", name: true, cell: (d) => h("code", {}, d.path) },
  { heading: "Older", cell: (d) => (d.was ? h("code", {}, d.was) : h("span", { class: "muted" }, "not there")) },
  { heading: "Newer", cell: (d) => (d.now ? h("code", {}, d.now) : h("span", { class: "muted" }, "not there")) },
], differences);

/** What the gateway says a definition would change. @param {any} plan */
function planned(plan) {
  const breaking = new Set(plan.breaking);
  const verdict = breaking.size > 0
    ? notice("warning", h("p", {}, h("strong", {}, "Not compatible. "), "Messages that fit the version in force may be refused, for what is marked."))
    : notice("good", h("p", {}, h("strong", {}, "Compatible. "), "Whoever publishes can go on as before."));
  return [verdict, plan.differences.length > 0 && h("div", { class: "card card-flush" }, table("What would change", [
    { heading: "Field", name: true, cell: (d) => h("code", {}, d.slice(0, d.indexOf(": "))) },
    { heading: "Change", cell: (d) => d.slice(d.indexOf(": ") + 2) },
    { heading: "For publishers", cell: (d) => (breaking.has(d) ? badge("Breaks", "danger") : badge("Compatible", "good")) },
  ], plan.differences))];
}

/** @param {import("../stream.js").StreamView} view */
export default async function schema(view) {
  const { schemas } = view.state.version === null ? { schemas: [] } : await get(streamPath(view.name, "schemas"), {}, view.signal);
  const mayDefine = view.session.may("define", view.name);
  const workshop = h("div", {});
  const edit = () => {
    fill(workshop, editor(view, schemas));
    workshop.querySelector("h2").focus();
  };
  if (schemas.length === 0) {
    fill(view.root, h("div", { class: "card" }, empty("inbox", "Nobody has defined this stream", "Any JSON value is a message of it.", mayDefine && button("Define it", { kind: "primary", click: edit }))), workshop);
    return;
  }
  const current = schemas.at(-1);
  const shown = select(schemas.map((s) => String(s.version)).reverse(), { value: String(current.version) });
  const other = select([["", "nothing"], ...schemas.map((s) => String(s.version)).reverse().map((v) => [v, `version ${v}`])], { value: schemas.length > 1 ? String(schemas.at(-2).version) : "" });
  const content = h("div", { class: "stack" });
  const draw = () => {
    const definition = schemas.find((s) => String(s.version) === shown.value);
    const against = schemas.find((s) => String(s.version) === other.value);
    const differences = against && against !== definition && (schemas.indexOf(against) < schemas.indexOf(definition) ? compare(against, definition) : compare(definition, against));
    fill(content,
      table(`Fields of version ${definition.version}`, [
        { heading: "Field", name: true, cell: (r) => h("code", {}, r.path) },
        { heading: "Type", cell: (r) => h("code", {}, r.type) },
        { heading: "Required", cell: (r) => (r.optional ? h("span", { class: "muted" }, "optional") : "required") },
        { heading: "Values", cell: (r) => (r.values ? r.values.join(", ") : h("span", { class: "muted" }, "–")) },
      ], rows(definition.fields)),
      definition.unknownFields && h("p", { class: "muted small inset" }, `Fields that are not defined: ${definition.unknownFields}.`),
      differences && h("div", { class: "stack inset" }, h("h3", {}, `Compared with version ${against.version}`), differences.length > 0 ? differenceTable(differences) : h("p", { class: "muted" }, "Both have the same fields.")),
      h("details", { class: "inset" }, h("summary", {}, "As JSON"), codeBlock(JSON.stringify(definition, null, 2), `version ${definition.version}`)));
  };
  shown.addEventListener("change", draw);
  other.addEventListener("change", draw);
  draw();
  fill(view.root,
    h("section", { class: "card card-flush", "aria-labelledby": "schema-title" },
      h("div", { class: "card-head" }, h("div", {}, h("h2", { id: "schema-title" }, "Schema"), h("p", { class: "muted small" }, plural(schemas.length, "version"))),
        h("div", { class: "row-end" }, field("Version", shown), schemas.length > 1 && field("Compare with", other), mayDefine && button("New version", { kind: "primary", icon: "plus", click: edit }))),
      content),
    workshop);
}

/** The version after another: its last part counted up. */
const nextVersion = (v) => (typeof v === "number" && Number.isInteger(v) ? v + 1 : String(v).replace(/\d+$/, (n) => String(Number(n) + 1)));

/** @param {import("../stream.js").StreamView} view */
function editor(view, schemas) {
  const current = schemas.at(-1);
  const { name, ...given } = current ?? { version: 1, fields: [] };
  const form = definitionEditor({ ...given, version: current ? nextVersion(current.version) : 1 });
  const result = h("div", { class: "stack", "aria-live": "polite" });
  const attempt = (work) => async () => {
    fill(result);
    try {
      await work(form.text());
    } catch (error) {
      if (isAbort(error)) throw error;
      fill(result, problemNotice(error));
    }
  };
  const tryIt = attempt(async (raw) => {
    const plan = await call("POST", streamPath(view.name, "define"), { raw, query: { dryRun: true } });
    fill(result, notice("info", h("p", {}, h("strong", {}, { created: "It would be the first version.", replaced: "It would replace the version in force.", unchanged: "It would change nothing." }[plan.change] ?? plan.change))),
      plan.change === "replaced" && planned(plan),
      await trial(view, raw),
      plan.change === "replaced" && affected(view));
  });
  const define = attempt(async (raw) => {
    const made = await call("POST", streamPath(view.name, "define"), { raw });
    toast(`Version ${made.version} is in force`);
    await view.refresh();
    await schema(view);
  });
  return h("section", { class: "card", "aria-labelledby": "editor-title" },
    h("h2", { id: "editor-title", tabindex: "-1" }, current ? "A new version" : "The first version"), form.element, result,
    h("div", { class: "row" }, button("Try it", { click: tryIt, title: "What would change, and how recent messages would fare. Nothing is changed." }), button("Define", { kind: "primary", click: define })));
}

/** How recent messages fare with a definition. */
async function trial(view, raw) {
  if (!view.session.may("subscribe", view.name)) return null;
  let t;
  try {
    t = await call("POST", streamPath(view.name, "schemas", "trial"), { raw, query: { last: trialMessages } });
  } catch (error) {
    if (isAbort(error)) throw error;
    return problemNotice(error);
  }
  if (t.messages === 0) return notice("info", h("p", {}, "The stream keeps no messages to try it on."));
  const range = `${plural(t.messages, "message")}, ${count(t.firstSeq)} to ${count(t.lastSeq)}`;
  if (t.refused === 0) return notice("good", h("p", {}, h("strong", {}, "Each recent message fits. "), `Tried on ${range}.`));
  return h("div", { class: "stack" }, notice("warning", h("p", {}, h("strong", {}, `${count(t.refused)} of ${range} would be refused. `), "Those that are there stay; the same again would not be accepted.")),
    h("div", { class: "card card-flush" }, table("Messages that do not fit", [
      { heading: "Message", cell: (p) => h("a", { href: link(["streams", view.name, "messages"], { from: p.seq }) }, `#${count(p.seq)}`) },
      { heading: "What is wrong", cell: (p) => h("ul", { class: "mono small" }, (p.errors ?? [p.message]).map((e) => h("li", {}, e))) },
    ], t.problems)));
}

const affected = (view) => {
  const { providers, subscribers, groups } = view.state;
  return notice("info", h("p", {}, `From then on it holds for everybody: ${plural(providers, "provider")}, ${plural(subscribers, "subscriber")} and ${plural(groups, "group")} now. Whoever publishes is checked against it.`));
};

// The versions of a schema, what changed between two and what of it breaks, and the editor of a new one: what the gateway
// says would change, whether that is compatible, and how recent messages would fare.
import { h, fill } from "../../dom.js";
import { call, exchange, get, isAbort, streamPath } from "../../api.js";
import { count, plural } from "../../format.js";
import { badge, button, codeBlock, dialog, empty, field, into, notice, problemNotice, select, table, toast } from "../../ui.js";
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

/** Differences, with what the gateway says of each. @param {string} caption @param {string[]} differences @param {string[]} breaking */
function changeTable(caption, differences, breaking) {
  const breaks = new Set(breaking);
  return h("div", { class: "card card-flush" }, table(caption, [
    { heading: "Field", name: true, cell: (d) => h("code", { class: "schema-field" }, d.slice(0, d.indexOf(": "))) },
    { heading: "Change", text: true, cell: (d) => d.slice(d.indexOf(": ") + 2) },
    { heading: "For publishers", cell: (d) => (breaks.has(d) ? badge("Breaks", "danger") : badge("Compatible", "good")) },
  ], differences));
}

/** What the gateway says a definition would change. @param {any} plan */
function planned(plan) {
  const verdict = plan.breaking.length > 0
    ? notice("warning", h("p", {}, h("strong", {}, "Not compatible. "), "Messages that fit the version in force may be refused, for what is marked."))
    : notice("good", h("p", {}, h("strong", {}, "Compatible. "), "Whoever publishes can go on as before."));
  return [verdict, plan.differences.length > 0 && changeTable("What would change", plan.differences, plan.breaking)];
}

/** What the gateway says about two versions that the stream has had. */
async function compared(view, older, newer) {
  const { differences, breaking, compatible } = await get(streamPath(view.name, "schemas", newer, "changes"), { since: older }, view.signal);
  if (differences.length === 0) return h("p", { class: "muted" }, "Both have the same fields.");
  return h("div", { class: "stack" }, compatible
    ? notice("good", h("p", {}, h("strong", {}, "Compatible. "), `Messages that fit version ${older} fit version ${newer} too.`))
    : notice("warning", h("p", {}, h("strong", {}, "Not compatible. "), `Messages that fit version ${older} may not fit version ${newer}, for what is marked.`)),
  changeTable(`What changed from version ${older} to ${newer}`, differences, breaking));
}

/** All versions, the lowest first, each with its version as text too: JSON has 1.10, and JavaScript makes it 1.1. */
async function versionsOf(view) {
  if (view.state.version === null) return [];
  const { text, value } = await exchange("GET", streamPath(view.name, "schemas"), { signal: view.signal });
  const texts = [...text.matchAll(/"version":"?([\d.]+)/g)].map((m) => m[1]);
  return value.schemas.map((definition, i) => ({ definition, text: texts[i] ?? String(definition.version) }));
}

/** @param {import("../stream.js").StreamView} view */
export default async function schema(view) {
  const schemas = await versionsOf(view);
  const mayDefine = view.session.may("define", view.name);
  const workshop = h("div", {});
  const edit = () => {
    fill(workshop, editor(view, schemas, () => {
      fill(workshop);
      [...view.root.querySelectorAll("button")].find((b) => ["New version", "Define it"].includes(b.textContent))?.focus();
    }));
    workshop.querySelector("h2").focus();
  };
  if (schemas.length === 0) {
    fill(view.root, h("div", { class: "card" }, empty("inbox", "Nobody has defined this stream", "Any JSON value is a message of it.", mayDefine && button("Define it", { kind: "primary", click: edit }))), workshop);
    return;
  }
  const current = schemas.at(-1);
  const texts = schemas.map((s) => s.text).reverse();
  const shown = select(texts, { value: current.text });
  const other = select([["", "nothing"], ...texts.map((v) => [v, `version ${v}`])], { value: schemas.length > 1 ? schemas.at(-2).text : "" });
  const content = h("div", { class: "stack" });
  const draw = () => {
    const at = schemas.findIndex((s) => s.text === shown.value), against = schemas.findIndex((s) => s.text === other.value);
    const { definition, text } = schemas[at];
    const [older, newer] = at < against ? [text, other.value] : [other.value, text];
    const comparison = h("div", { "aria-live": "polite" });
    const compares = against >= 0 && against !== at;
    fill(content,
      table(`Fields of version ${text}`, [
        { heading: "Field", name: true, cell: (r) => h("code", { class: "schema-field" }, r.path) },
        { heading: "Type", cell: (r) => h("code", {}, r.type) },
        { heading: "Required", cell: (r) => (r.optional ? h("span", { class: "muted" }, "optional") : "required") },
        { heading: "Values", text: true, cell: (r) => (r.values ? r.values.join(", ") : h("span", { class: "muted" }, "–")) },
      ], rows(definition.fields)),
      definition.unknownFields && h("p", { class: "muted small inset" }, `Fields that are not defined: ${definition.unknownFields}.`),
      compares && h("div", { class: "stack inset" }, h("h3", {}, `What changed from version ${older} to ${newer}`), comparison),
      h("details", { class: "inset" }, h("summary", {}, "As JSON"), codeBlock(JSON.stringify(definition, null, 2), `version ${text}`)));
    if (compares) into(comparison, () => compared(view, older, newer));
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

/** The version after another: its last part counted up. @param {string} text */
const nextVersion = (text) => text.replace(/\d+$/, (n) => String(Number(n) + 1));

/** @param {import("../stream.js").StreamView} view @param {any[]} schemas @param {() => void} cancel */
function editor(view, schemas, cancel) {
  const current = schemas.at(-1);
  const { name, ...given } = current?.definition ?? { version: 1, fields: [] };
  const form = definitionEditor({ ...given, version: current ? nextVersion(current.text) : 1 }, !current);
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
    const said = notice("info", h("p", {}, h("strong", {}, { created: "It would be the first version.", replaced: "It would replace the version in force.", unchanged: "It would change nothing." }[plan.change] ?? plan.change)));
    fill(result, said, plan.change === "replaced" && planned(plan), tried(view, await trial(view, raw)), plan.change === "replaced" && affected(view));
  });
  const put = async (raw) => {
    const made = await call("POST", streamPath(view.name, "define"), { raw });
    toast(`Version ${made.version} is in force`);
    await view.refresh();
    await schema(view);
  };
  const define = attempt(async (raw) => {
    const plan = await call("POST", streamPath(view.name, "define"), { raw, query: { dryRun: true } });
    const t = await trial(view, raw);
    if (plan.breaking.length === 0 && !t?.refused && !t?.error) return put(raw);
    dialog("Put it into force?", { body: h("div", { class: "stack" }, plan.change === "replaced" && planned(plan), tried(view, t)), action: "Define all the same", kind: "danger", submit: () => put(raw) })
      .element.classList.add("dialog-wide");
  });
  return h("section", { class: "card", "aria-labelledby": "editor-title" },
    h("h2", { id: "editor-title", tabindex: "-1" }, current ? "A new version" : "The first version"), form.element, result,
    h("div", { class: "row" }, button("Try it", { click: tryIt, title: "What would change, and how recent messages would fare. Nothing is changed." }), button("Define", { kind: "primary", click: define }), button("Cancel", { click: cancel })));
}

/** How recent messages fare with a definition, or why that is not known, or null for who may not read them. */
async function trial(view, raw) {
  if (!view.session.may("subscribe", view.name)) return null;
  try {
    return await call("POST", streamPath(view.name, "schemas", "trial"), { raw, query: { last: trialMessages } });
  } catch (error) {
    if (isAbort(error)) throw error;
    return { error };
  }
}

/** What is said of a trial. */
function tried(view, t) {
  if (!t) return null;
  if (t.error) return problemNotice(t.error);
  if (t.messages === 0) return notice("info", h("p", {}, "The stream keeps no messages to try it on."));
  const range = `${plural(t.messages, "message")}, ${count(t.firstSeq)} to ${count(t.lastSeq)}`;
  if (t.refused === 0) return notice("good", h("p", {}, h("strong", {}, "Each recent message fits. "), `Tried on ${range}.`));
  return h("div", { class: "stack" }, notice("warning", h("p", {}, h("strong", {}, `${count(t.refused)} of ${range} would be refused. `), "Those that are there stay; the same again would not be accepted."),
    t.problems.length < t.refused && h("p", {}, `The first ${count(t.problems.length)} of them are listed.`)),
    h("div", { class: "card card-flush" }, table("Messages that do not fit", [
      { heading: "Message", cell: (p) => h("a", { href: link(["streams", view.name, "messages"], { from: p.seq }) }, `#${count(p.seq)}`) },
      { heading: "What is wrong", text: true, cell: (p) => h("ul", { class: "mono small" }, (p.errors ?? [p.message]).map((e) => h("li", {}, e))) },
    ], t.problems)));
}

const affected = (view) => {
  const { providers, subscribers, groups } = view.state;
  return notice("info", h("p", {}, `From then on it holds for everybody: ${plural(providers, "provider")}, ${plural(subscribers, "subscriber")} and ${plural(groups, "group")} now. Whoever publishes is checked against it.`));
};

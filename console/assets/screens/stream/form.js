// A form that is made from the fields of a definition. It makes JSON text: numbers go into it
// as they were typed, so that no digit is lost. What does not fit goes into it too, and the
// gateway says what is wrong: it has the only validator.
import { h, fill } from "../../dom.js";
import { button, field, iconButton, input, select } from "../../ui.js";
import { uniqueId } from "../../dom.js";
import { Digits, exact, lost } from "./exact.js";

const isNumber = (text) => /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text);
const numeric = (type) => type === "float" || type === "integer";
const scalar = (type, text) => (numeric(type) && isNumber(text.trim()) ? text.trim() : JSON.stringify(text));

/**
 * A part of the form: text() is its JSON, or null for a field that is left out, which only some may be;
 * fill takes a value; find returns the part at a path of names and indexes.
 * @typedef {{element: any, text: () => string | null, set: (value: any) => void, find: (path: (string | number)[]) => any}} Part
 */

/** @returns {Part} */
function leaf(f, type, label) {
  let control;
  if (type === "enum") control = select([...(f.optional ? [["", "(left out)"]] : []), ...f.enum], {});
  else control = input({ class: numeric(type) || type === "date" ? "code" : null, inputmode: type === "integer" ? "numeric" : type === "float" ? "decimal" : null, placeholder: type === "date" ? "2026-01-31T12:00:00Z" : f.optional ? "left out" : null });
  const element = field(label, control, { kind: type + (f.optional ? ", optional" : "") });
  if (type === "date") {
    const now = button("Now", { label: `Set ${f.name ?? "the date"} to now`, click: () => (control.value = new Date().toISOString().slice(0, 19) + "Z") });
    const place = h("div", { class: "with-button" });
    control.replaceWith(place);
    place.append(control, now);
  }
  return {
    element,
    text: () => (control.value === "" && (f.optional || numeric(type) || type === "date") ? null : scalar(type, control.value)),
    set: (value) => void (control.value = value === undefined || value === null ? "" : typeof value === "string" ? value : value instanceof Digits ? value.text : JSON.stringify(value)),
    find: () => element,
  };
}

/** @returns {Part} */
function group(fields) {
  const parts = fields.map((f) => ({ name: f.name, part: partOf(f) }));
  const element = h("div", { class: "stack" }, parts.map((p) => p.part.element));
  return {
    element,
    text: () => "{" + parts.map((p) => [p.name, p.part.text()]).filter(([, t]) => t !== null).map(([n, t]) => `${JSON.stringify(n)}:${t}`).join(",") + "}",
    set: (value) => parts.forEach((p) => p.part.set(Object.hasOwn(value ?? {}, p.name) ? value[p.name] : undefined)),
    find: (path) => parts.find((p) => p.name === path[0])?.part.find(path.slice(1)),
  };
}

/** A fieldset whose error is shown below its legend. */
function box(f, kind, ...children) {
  const error = h("p", { class: "error", id: uniqueId("error"), hidden: true });
  const element = h("fieldset", { class: "field box" }, h("legend", {}, f.name, " ", h("span", { class: "kind" }, kind)), error, children);
  element.setError = (text) => {
    fill(error, text ?? "");
    error.hidden = !text;
    if (text) element.setAttribute("aria-describedby", error.id);
    else element.removeAttribute("aria-describedby");
  };
  return element;
}

/** @returns {Part} */
function object(f) {
  const inner = group(f.fields);
  const use = f.optional && h("label", { class: "check" }, h("input", { type: "checkbox" }), "include it");
  const element = box(f, "object" + (f.optional ? ", optional" : ""), use, inner.element);
  const included = () => !use || use.firstChild.checked;
  const draw = () => void (inner.element.hidden = !included());
  use && use.addEventListener("change", draw);
  draw();
  return {
    element,
    text: () => (included() ? inner.text() : null),
    set: (value) => {
      if (use) use.firstChild.checked = value !== undefined && value !== null;
      inner.set(value);
      draw();
    },
    find: (path) => (path.length ? inner.find(path) ?? element : element),
  };
}

/** @returns {Part} */
function list(f, type) {
  let items = [];
  const rows = h("ol", { class: "stack-s" });
  const add = (value) => {
    const part = type === "object" ? group(f.fields) : leaf({ ...f, optional: false }, type, `Item ${items.length + 1}`);
    const item = { part, element: h("li", { class: "list-item" }, h("div", { class: "grow" }, part.element), iconButton("trash", `Remove this item of ${f.name}`, () => {
      items = items.filter((i) => i !== item);
      item.element.remove();
      plus.focus();
    })) };
    if (value !== undefined) part.set(value);
    items.push(item);
    rows.append(item.element);
  };
  const plus = button("Add an item", { small: true, icon: "plus", label: `Add an item to ${f.name}`, click: () => (add(), items.at(-1).element.querySelector("input, select, button").focus()) });
  const element = box(f, f.type + (f.optional ? ", optional" : ""), rows, h("div", {}, plus));
  return {
    element,
    text: () => (f.optional && items.length === 0 ? null : "[" + items.map((i) => i.part.text() ?? "null").join(",") + "]"),
    set: (value) => {
      items = [];
      rows.replaceChildren();
      if (Array.isArray(value)) value.forEach(add);
    },
    find: (path) => (path.length ? items[path[0]]?.part.find(path.slice(1)) ?? element : element),
  };
}

/** @returns {Part} */
function partOf(f) {
  if (f.type === "object") return object(f);
  const array = /^array<(.+)>$/.exec(f.type);
  return array ? list(f, array[1]) : leaf(f, f.type, f.name);
}

/** The names and indexes of a place in a message, as problems have it: moves[1].load, ['due-date']. @param {string} text */
export function pathOf(text) {
  return [...text.matchAll(/\['((?:[^'\\]|\\.)*)'\]|\[(\d+)\]|([^.[\]]+)/g)].map((m) => (m[1] !== undefined ? m[1].replace(/\\(.)/g, "$1") : m[2] !== undefined ? Number(m[2]) : m[3]));
}

/** Splits a problem into its place and what is wrong there. @param {string} problem */
export function splitProblem(problem) {
  const at = problem.indexOf(": ");
  return at < 0 ? { path: [], text: problem } : { path: pathOf(problem.slice(0, at)), text: problem.slice(at + 2) };
}

/** A form for the fields of a definition. @param {any[]} fields */
export function messageForm(fields) {
  const root = group(fields);
  return {
    element: root.element,
    text: () => root.text(),
    /** Takes a message as JSON, and returns the place of what the form would lose or change of it, or null. @param {string} text */
    set(text) {
      const value = exact(text);
      root.set(value);
      return lost(value, exact(root.text()));
    },
    /** Shows problems at their fields, and returns those that have none. @param {string[]} problems */
    show(problems) {
      root.element.querySelectorAll(".field").forEach((f) => f.setError?.(""));
      const texts = new Map(), left = [];
      for (const problem of problems) {
        const { path, text } = splitProblem(problem);
        const place = path.length ? root.find(path) : null;
        if (place?.setError) texts.set(place, [...(texts.get(place) ?? []), text]);
        else left.push(problem);
      }
      for (const [place, list] of texts) place.setError(list.join("; "));
      root.element.querySelector("[aria-invalid=true]")?.focus();
      return left;
    },
  };
}

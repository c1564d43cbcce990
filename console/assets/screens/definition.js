// The editor of a definition: rows of fields, or JSON.
import { h, fill } from "../dom.js";
import { button, checkbox, field, holdsJSON, iconButton, input, segments, select } from "../ui.js";

export const types = ["string", "float", "integer", "date", "enum", "object", "array<string>", "array<float>", "array<integer>", "array<date>", "array<object>"];
const nested = (type) => type === "object" || type === "array<object>";

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const areFields = (list) => Array.isArray(list) && list.every((f) => isObject(f) && Array.isArray(f.enum ?? []) && areFields(f.fields ?? []));

/** One field of a definition. @param {any} given @param {(row: any) => void} remove */
function fieldRow(given, remove) {
  const name = input({ value: given.name ?? "", "aria-label": "Name of the field", class: "code", placeholder: "name" });
  const type = select(types, { value: given.type ?? "string", "aria-label": "Type of the field" });
  const optional = checkbox("optional", { checked: given.optional === true });
  const values = input({ value: (given.enum ?? []).join(", "), "aria-label": "Values of the enum, with commas between them", placeholder: "values, with commas", class: "code" });
  const children = fieldList(given.fields ?? []);
  const detail = h("div", { class: "definition-nested" });
  const draw = () => fill(detail, type.value === "enum" && values, nested(type.value) && children.element);
  type.addEventListener("change", draw);
  draw();
  const row = {
    element: h("li", { class: "definition-field" },
      h("div", { class: "definition-row" }, name, type, optional, iconButton("trash", "Remove the field", () => remove(row))), detail),
    name,
    value: () => ({
      ...given, name: name.value, type: type.value,
      enum: type.value === "enum" ? values.value.split(",").map((v) => v.trim()).filter(Boolean) : undefined,
      fields: nested(type.value) ? children.value() : undefined,
      optional: optional.box.checked || undefined,
    }),
  };
  return row;
}

function fieldList(fields) {
  let rows = [];
  const list = h("ul", { class: "stack-s" });
  const add = (given, focus) => {
    const row = fieldRow(given, (gone) => {
      rows = rows.filter((r) => r !== gone);
      gone.element.remove();
      plus.focus();
      plus.dispatchEvent(new Event("input", { bubbles: true }));
    });
    rows.push(row);
    list.append(row.element);
    if (focus) row.name.focus();
  };
  const plus = button("Add a field", { small: true, icon: "plus", click: () => add({}, true) });
  fields.forEach((f) => add(f, false));
  return { element: h("div", { class: "stack-s" }, list, h("div", {}, plus)), value: () => rows.map((r) => r.value()) };
}

/**
 * An editor. text() returns the definition as JSON text, which is for the gateway to check.
 * @param {any} given a definition
 * @param {boolean} [first] there is none before it
 */
export function definitionEditor(given, first = false) {
  let form, mode = "fields", current = given;
  const version = input({ value: String(given.version ?? ""), class: "code narrow" });
  const textArea = h("textarea", { class: "code", rows: 14, spellcheck: "false" });
  const textField = field("Definition", textArea);
  const body = h("div", { class: "stack" });
  // A version that was a number stays one: "1" and 1 are the same to the gateway, but it returns what it was given.
  // 1.10 is a text: the number would become 1.1, which is lower than 1.9.
  const versionValue = () => (/^\d+(\.\d+)?$/.test(version.value) && String(Number(version.value)) === version.value ? Number(version.value) : version.value);
  const asObject = () => ({ ...current, version: versionValue(), fields: form.value() });
  /** The JSON that is typed, if it can be shown as fields. What is wrong is said at it, and it stays. */
  const typed = () => {
    if (!holdsJSON(textField, textArea)) return null;
    const definition = JSON.parse(textArea.value), fields = definition?.fields ?? [];
    if (isObject(definition) && areFields(fields)) return definition;
    textField.setError("Only an object whose fields are a list of objects can be shown as fields.");
    textArea.focus();
    return null;
  };
  const draw = (definition) => {
    current = definition;
    if (mode === "json") {
      textArea.value = JSON.stringify(definition, null, 2);
      return fill(body, textField);
    }
    version.value = String(definition.version ?? "");
    form = fieldList(definition.fields ?? []);
    fill(body, field("Version", version, { hint: first ? "Digits with points between them, such as 1 or 1.0.0." : "Higher than the one in force. Versions are compared part by part: 1.10 is higher than 1.9." }), h("div", { class: "stack-s" }, h("div", { class: "label" }, "Fields"), form.element));
  };
  const editor = {
    /** The definition as JSON text. */
    text: () => (mode === "json" ? textArea.value : JSON.stringify(asObject())),
    element: h("div", { class: "stack" }),
  };
  const choice = segments("Edit as", [["fields", "Fields"], ["json", "JSON"]], mode, (next) => {
    if (next === mode) return true;
    const definition = mode === "json" ? typed() : asObject();
    if (!definition) return false;
    mode = next;
    draw(definition);
    return true;
  });
  fill(editor.element, h("div", {}, choice), body);
  draw(given);
  return editor;
}

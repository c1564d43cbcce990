// The configuration in force, with where each setting comes from.
import { h, fill } from "../dom.js";
import { icon } from "../icons.js";
import { get } from "../api.js";
import { badge, checkbox, empty, input, table } from "../ui.js";
import { plural } from "../format.js";

const shown = (value) => (value === null ? "not set" : Array.isArray(value) ? value.join(", ") || "none" : value === "" ? "empty" : String(value));

/** @param {import("../app.js").View} view */
export default async function config(view) {
  const { settings } = await get("/config", {}, view.signal);
  const about = await get("", {}, view.signal);
  const search = input({ type: "search", value: view.query.get("contains") ?? "", placeholder: "Part of a key, value or origin", "aria-label": "Search the settings" });
  const changed = checkbox("Only what is not a default", { checked: view.query.get("changed") === "true" });
  const list = h("div", { class: "card card-flush" });
  const draw = () => {
    const part = search.value.trim().toLowerCase();
    view.setQuery({ contains: part, changed: changed.box.checked ? "true" : null });
    const found = settings.filter((s) => (!changed.box.checked || s.origin !== "default") && `${s.key} ${shown(s.value)} ${s.origin}`.toLowerCase().includes(part));
    fill(list, h("div", { class: "card-head" }, h("h2", {}, plural(found.length, "setting")), h("span", { class: "muted small" }, "Secrets are hidden. What is read again on SIGHUP is marked.")),
      found.length === 0 ? empty("search", "No such setting", "No key, value or origin has this text.") : table("Settings", [
        { heading: "Key", name: true, cell: (s) => [h("code", {}, s.key), s.live && [" ", badge("Live", "info")]] },
        { heading: "Value", cell: (s) => h("code", { class: "setting-value" + (s.value === null || s.value === "" ? " muted" : "") }, shown(s.value)) },
        { heading: "From", cell: (s) => (s.origin === "default" ? h("span", { class: "muted" }, "default") : badge(s.origin, "good")) },
      ], found));
  };
  search.addEventListener("input", draw);
  changed.box.addEventListener("change", draw);
  fill(view.root, view.head("Configuration", { lead: `Every setting of this gateway, version ${about.version}, with where it comes from.` }),
    h("div", { class: "row-l" }, h("div", { class: "search" }, icon("search"), search), changed), list);
  draw();
}

// What screens are made of. Each function returns an element, or an object with one.
import { h, append, fill, patchChildren, uniqueId, svg } from "./dom.js";
import { count } from "./format.js";
import { icon } from "./icons.js";
import { isAbort, Problem } from "./api.js";

/**
 * A button. kind is "primary", "danger", "quiet", both of them, or nothing. While what click returns is not
 * settled, the button is busy. What it throws is shown as a toast.
 * @param {string} text
 * @param {{kind?: string, icon?: any, small?: boolean, click?: (event: Event) => any, type?: string, disabled?: boolean, label?: string, title?: string}} options
 */
export function button(text, options = {}) {
  const classes = ["button", ...(options.kind ?? "").split(" ").filter(Boolean).map((k) => `button-${k}`), options.small && "button-small"].filter(Boolean).join(" ");
  return h("button", {
    class: classes, type: options.type ?? "button", disabled: options.disabled ?? false, "aria-label": options.label, title: options.title,
    on: { click: options.click && ((event) => busy(event.currentTarget, () => options.click(event))) },
  }, options.icon && icon(options.icon), text);
}

/** Changes what a button with an icon does. @param {any} element @param {any} name of the icon @param {string} text */
export function relabel(element, name, text) {
  if (element.lastChild.textContent === text) return;
  fill(element, icon(name), text);
}

/** Runs f and makes a button busy meanwhile. @param {any} control @param {() => any} f */
export async function busy(control, f) {
  if (control.getAttribute("aria-busy") === "true") return;
  control.setAttribute("aria-busy", "true");
  try {
    await f();
  } catch (error) {
    if (!isAbort(error)) toastProblem(error);
  } finally {
    control.removeAttribute("aria-busy");
  }
}

/** A link that looks like a button. @param {string} text @param {string} href @param {{kind?: string, icon?: any, small?: boolean}} [options] */
export const buttonLink = (text, href, options = {}) =>
  h("a", { class: ["button", options.kind && `button-${options.kind}`, options.small && "button-small"].filter(Boolean).join(" "), href }, options.icon && icon(options.icon), text);

/** A square button with an icon and a name that is read out. @param {any} name @param {string} label @param {(event: Event) => any} click */
export const iconButton = (name, label, click) =>
  h("button", { class: "icon-button", type: "button", "aria-label": label, title: label, on: { click } }, icon(name));

/**
 * A field with its label, hint and error. The control gets an id and is described by both.
 * @param {string} label @param {any} control
 * @param {{hint?: any, kind?: string}} [options]
 * @returns {any} the element, with a method setError(text)
 */
export function field(label, control, options = {}) {
  const id = (control.id ||= uniqueId("field"));
  const hint = options.hint && h("span", { class: "hint", id: id + "-hint" }, options.hint);
  const error = h("span", { class: "error", id: id + "-error", hidden: true });
  const element = h("div", { class: "field" }, h("label", { for: id }, label, options.kind && [" ", h("span", { class: "kind" }, options.kind)]), control, hint, error);
  const describe = (wrong) => {
    const ids = [hint && id + "-hint", wrong && id + "-error"].filter(Boolean).join(" ");
    if (ids) control.setAttribute("aria-describedby", ids);
    else control.removeAttribute("aria-describedby");
  };
  element.setError = (text) => {
    fill(error, text ?? "");
    error.hidden = !text;
    if (text) control.setAttribute("aria-invalid", "true");
    else control.removeAttribute("aria-invalid");
    describe(Boolean(text));
  };
  describe(false);
  return element;
}

/** @param {Object<string, any>} [props] */
export const input = (props) => h("input", { type: "text", autocomplete: "off", autocapitalize: "off", spellcheck: "false", ...props });

/** @param {(string | [string, string])[]} choices values, or pairs of value and text @param {Object<string, any>} [props] */
export const select = (choices, props) => {
  const { value, ...rest } = props ?? {};
  const element = h("select", rest, choices.map((c) => (Array.isArray(c) ? h("option", { value: c[0] }, c[1]) : h("option", { value: c }, c))));
  if (value !== undefined) element.value = value;
  return element;
};

/** Reports whether the text of a control is JSON. What is wrong is shown at its field. @param {any} element of field @param {any} control */
export function holdsJSON(element, control) {
  element.setError("");
  try {
    JSON.parse(control.value);
    return true;
  } catch (error) {
    element.setError(`This is no JSON: ${error.message}`);
    control.focus();
    return false;
  }
}

/** A checkbox with its text. @param {string} text @param {Object<string, any>} [props] */
export function checkbox(text, props) {
  const box = h("input", { type: "checkbox", ...props });
  return Object.assign(h("label", { class: "check" }, box, text), { box });
}

/**
 * Tabs within a screen, with arrow keys. panel is what they change. What change is refused for is shown in it.
 * @param {string} label @param {string[]} names @param {string} value @param {(name: string) => any} change @param {any} panel
 */
export function tabs(label, names, value, change, panel) {
  const id = uniqueId("tab");
  const buttons = names.map((name) => h("button", { type: "button", role: "tab", id: `${id}-${name.replaceAll(" ", "-")}`, on: { click: () => pick(name) } }, name));
  const pick = (name, focus) => {
    buttons.forEach((b, i) => {
      const on = names[i] === name;
      b.setAttribute("aria-selected", String(on));
      b.tabIndex = on ? 0 : -1;
      if (on) panel.setAttribute("aria-labelledby", b.id);
      if (on && focus) b.focus();
    });
    return attempt(name);
  };
  let current = value;
  const attempt = async (name) => {
    current = name;
    try {
      await change(name);
    } catch (error) {
      if (isAbort(error) || current !== name) return;
      fill(panel, problemNotice(error, h("div", {}, button("Try again", { icon: "refresh", small: true, click: () => attempt(name) }))));
    }
  };
  const keys = (event) => {
    const at = buttons.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: names.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    pick(names[(to + names.length) % names.length], true);
  };
  panel.setAttribute("role", "tabpanel");
  const list = h("div", { class: "segments", role: "tablist", "aria-label": label, on: { keydown: keys } }, buttons);
  pick(value);
  return h("div", { class: "stack" }, h("div", { class: "segments-line" }, list), panel);
}

/**
 * Buttons of which one is pressed. What change returns false for is not chosen.
 * @param {string} label @param {[string, string][]} choices pairs of value and text @param {string} value @param {(value: string) => any} change
 */
export function segments(label, choices, value, change) {
  const buttons = choices.map(([v, text]) => h("button", { type: "button", "aria-pressed": String(v === value), on: { click: () => pick(v) } }, text));
  const pick = (v) => {
    if (change(v) !== false) buttons.forEach((b, i) => b.setAttribute("aria-pressed", String(choices[i][0] === v)));
  };
  return Object.assign(h("div", { class: "segments", role: "group", "aria-label": label }, buttons), { pick });
}

/** @param {string} text @param {"good" | "warning" | "danger" | "info" | ""} [kind] */
export const badge = (text, kind = "") => h("span", { class: "badge" + (kind && ` badge-${kind}`) }, kind && h("span", { class: "dot", "aria-hidden": "true" }), text);

/**
 * A notice. @param {"info" | "danger" | "warning" | "good"} kind @param {...any} children
 */
export const notice = (kind, ...children) =>
  h("div", { class: `notice notice-${kind}`, role: kind === "danger" ? "alert" : null },
    icon(kind === "danger" ? "error" : kind === "good" ? "check" : kind), h("div", { class: "stack-s" }, children));

/** The first of several with commas between them, and how many more there are. @param {any[]} all @param {number} most */
export const some = (all, most) => [all.slice(0, most).map((one, i) => [i > 0 && ", ", one]), all.length > most && ` and ${count(all.length - most)} more`];

/** A text in which `backticks` mark code. @param {string} text */
export const spans = (text) => text.split("`").map((part, i) => (i % 2 ? h("code", {}, part) : part));

/** What is wrong, each part of it, and what to do next. @param {any} error @param {any[]} [more] */
export function problemNotice(error, ...more) {
  if (!(error instanceof Problem)) return notice("danger", h("strong", {}, "The console failed"), h("p", {}, String(error?.message ?? error)), more);
  return notice("danger",
    h("div", { class: "row" }, h("strong", {}, error.title), h("code", { class: "small" }, error.code)),
    h("p", {}, error.message),
    error.errors.length > 0 && h("ul", {}, error.errors.slice(0, 100).map((e) => h("li", {}, e))),
    error.advice && adviceOf(error), more);
}

const adviceOf = (error) => h("p", {}, h("strong", {}, "What to do: "), spans(error.advice));

/**
 * Draws again what is in an element. What stays the same is not touched, and what has the focus keeps it; if that is
 * gone, its neighbour in the pager gets the focus, or the table.
 * @param {any} element @param {...any} children
 */
export function redraw(element, ...children) {
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  const beside = [...(focused?.closest(".pager")?.querySelectorAll("button") ?? [])];
  patchChildren(element, [...append(document.createDocumentFragment(), children).childNodes]);
  if (!focused || (focused.isConnected && !focused.disabled)) return focused && document.activeElement !== focused && focused.focus({ preventScroll: true });
  (beside.find((b) => b.isConnected && !b.disabled) ?? element.querySelector(".scroller"))?.focus({ preventScroll: true });
}

/** Nothing is here, and why. @param {any} name of the icon @param {string} title @param {any} text @param {...any} actions */
export const empty = (name, title, text, ...actions) =>
  h("div", { class: "empty" }, icon(name), h("h2", {}, title), h("p", {}, text), actions.length > 0 && h("div", { class: "row" }, actions));

export const loading = (text = "Loading…") => h("p", { class: "loading", role: "status" }, text);

/**
 * A table. Each column has a heading, cell(row), and maybe numeric, text, which is words that may take several
 * lines, or name, which is the heading of the row.
 * @param {string} caption read out, not shown
 * @param {{heading: string, cell: (row: any) => any, numeric?: boolean, text?: boolean, name?: boolean, hidden?: boolean}[]} columns
 * @param {any[]} rows
 * @param {(row: any) => string} [key] what a row is known by when it is drawn again
 */
export function table(caption, columns, rows, key) {
  const css = (c) => [c.numeric && "numeric", c.text && "text", c.name && "name"].filter(Boolean).join(" ") || null;
  return h("div", { class: "scroller", tabindex: "0", role: "region", "aria-label": `Table: ${caption}` },
    h("table", {},
      h("caption", { class: "visually-hidden" }, caption),
      h("thead", {}, h("tr", {}, columns.map((c) => h("th", { scope: "col", class: c.numeric ? "numeric" : null }, c.hidden ? h("span", { class: "visually-hidden" }, c.heading) : c.heading)))),
      h("tbody", {}, rows.map((row) => h("tr", { data: key && { key: key(row) } }, columns.map((c) => h(c.name ? "th" : "td", { scope: c.name ? "row" : null, class: css(c) }, c.cell(row))))))));
}

/** Numbers with their names. @param {[string, any, any?][]} items name, value and note */
export const tiles = (items, small = false) =>
  h("dl", { class: "tiles" + (small ? " tiles-small" : "") }, items.map(([name, value, note]) => h("div", { class: "tile" }, h("dt", {}, name), h("dd", {}, tileValue(value, note)))));

/** What the dd of a tile holds. @param {any} value @param {any} [note] */
export const tileValue = (value, note) => [value, note && h("div", { class: "note" }, note)];

/** A small line of numbers; its text says what it shows. @param {number[]} values @param {string} text */
export function sparkline(values, text) {
  const most = Math.max(1, ...values);
  const points = values.map((v, i) => `${((i / Math.max(1, values.length - 1)) * 120).toFixed(1)},${(26 - (v / most) * 24).toFixed(1)}`);
  return svg("svg", { class: "spark", viewBox: "0 0 120 28", preserveAspectRatio: "none", role: "img", "aria-label": text },
    svg("polygon", { points: `0,28 ${points.join(" ")} 120,28` }), svg("polyline", { points: points.join(" ") }));
}

/** Code with a button that copies it. @param {string | (() => string)} text @param {string} what @param {{title?: string, copied?: () => void, wrap?: boolean}} [options] */
export function codeBlock(text, what, options = {}) {
  const now = () => (typeof text === "function" ? text() : text);
  return h("div", { class: "code-block" }, h("div", { class: "code-head" }, h("span", {}, options.title ?? ""),
    button("Copy", { small: true, icon: "copy", label: `Copy ${what}`, kind: "quiet", click: async () => (await copy(now()), options.copied?.()) })),
    h("pre", { class: options.wrap ? "wrap" : null, tabindex: "0", role: "region", "aria-label": what }, h("code", {}, now())));
}

/** Copies a text and says so. @param {string} text */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // a page that was not loaded over TLS or from this machine has no clipboard
    const area = h("textarea", { class: "visually-hidden", "aria-hidden": "true" });
    area.value = text;
    (document.querySelector("dialog[open]") ?? document.body).append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (!done) throw new Problem({ code: "no_clipboard", title: "Not copied", detail: "The browser does not let this page copy. Select the text and copy it yourself." });
  }
  toast("Copied");
}

/** Says something at the edge of the page, aloud too. @param {any} content @param {"good" | "danger"} [kind] */
export function toast(content, kind = "good") {
  const area = document.getElementById("toasts");
  const item = h("div", { class: `toast toast-${kind}` }, h("div", {}, content), iconButton("close", "Dismiss", () => item.remove()));
  area.replaceChildren(item); // several would cover the screen
  if (kind === "good") setTimeout(() => item.remove(), 5000);
  else addEventListener("hashchange", () => item.remove(), { once: true }); // it is about the screen
}

/** @param {any} error */
export function toastProblem(error) {
  const problem = error instanceof Problem ? error : { title: "The console failed", message: String(error?.message ?? error), errors: [], advice: "" };
  toast([h("strong", {}, problem.title), h("p", { class: "small" }, problem.message), problem.errors.slice(0, 3).map((e) => h("p", { class: "small mono" }, e)),
    problem.advice && h("p", { class: "small muted" }, spans(problem.advice))], "danger");
}

/** Says something aloud without showing it. @param {string} text */
export const announce = (text) => void (document.getElementById("announcer").textContent = text);

const nameOf = (element) => element.getAttribute("aria-label") ?? element.textContent;

/**
 * Gives the focus back after a dialog: to what opened it, or to what has its name since the screen was drawn again. Of a
 * dialog within another one, opener is what opened that, and inner what was pressed in it.
 */
function refocus(opener, inner) {
  if (document.activeElement !== document.body) return;
  const outer = [...document.querySelectorAll("dialog[open]")].at(-1);
  const from = outer ? (inner === document.body ? outer.querySelector("button") : inner) : opener, place = outer ?? document.querySelector("main");
  const again = [...place.querySelectorAll("button")].find((b) => nameOf(b) === nameOf(from));
  (from.isConnected ? from : again ?? (outer ? outer.querySelector("button") : place)).focus({ preventScroll: true });
}

/**
 * Which errors of a problem belong to which place, in the order of the places; and a problem with the rest of them.
 * @param {any} error @param {[any, RegExp][]} places
 */
function placed(error, places) {
  const found = new Map(places.map(([place]) => [place, []])), rest = [];
  const of = (text) => places.find(([, pattern]) => pattern.test(text))?.[0];
  const whole = error instanceof Problem ? of(`${error.code}\n${error.message}`) : undefined;
  const texts = error.errors?.length ? error.errors : [error.message];
  for (const text of texts) {
    const place = error instanceof Problem ? of(text) ?? whole : undefined;
    (found.get(place) ?? rest).push(text);
  }
  for (const [place, all] of found) if (all.length === 0) found.delete(place);
  if (rest.length === 0) return { found, rest: null };
  if (found.size === 0) return { found, rest: error };
  return { found, rest: new Problem({ code: error.code, title: error.title, detail: error.message, status: error.status, errors: rest }) };
}

/** Reads again what the screen shows, after something was done. That this fails does not mean that nothing was done. @param {() => any} load */
export async function afterwards(load) {
  try {
    await load();
  } catch (error) {
    if (!isAbort(error)) toast([h("strong", {}, "Done, but this page is not up to date"), h("p", { class: "small" }, `It could not be read again: ${error.message}`)], "danger");
  }
}

/**
 * Shows a dialog with a form, and closes it when submit has succeeded. What submit throws is
 * shown in the dialog: each error at the first field of places whose pattern fits it, or the code and the text of the
 * problem; what fits none below all fields.
 * The focus goes to its first field, and afterwards to where it was. Before the key Escape closes a dialog in which
 * something was typed, it asks; asks says that it need not.
 * @param {string} title
 * @param {{body: any, submit?: () => any, action?: string, kind?: string, ready?: () => boolean, places?: [any, RegExp][], asks?: boolean}} options
 */
export function dialog(title, options) {
  const id = uniqueId("dialog");
  const wrong = h("div", {});
  const confirm = options.submit && button(options.action ?? "OK", { kind: options.kind ?? "primary", type: "submit" });
  const close = () => element.close();
  let typed = false;
  const places = options.places ?? [];
  const refused = (error) => {
    const { found, rest } = placed(error, places);
    for (const [place, texts] of found) place.setError(texts.join("; "));
    fill(wrong, rest ? problemNotice(rest) : error.advice && notice("info", adviceOf(error)));
    const [first] = found.keys();
    first?.querySelector("input, select, textarea").focus();
    (first ?? wrong).scrollIntoView({ block: "center" });
  };
  const asking = (event) => {
    if (!typed || !options.submit || options.asks === false) return;
    event.preventDefault();
    dialog("Close it without saving?", { body: h("p", {}, "What you have typed is lost then."), action: "Close without saving", kind: "danger", submit: () => void close() });
  };
  const form = h("form", {
    method: "dialog", novalidate: true,
    on: {
      submit: (event) => {
        event.preventDefault();
        if (confirm && !confirm.disabled) busy(confirm, async () => {
          fill(wrong);
          for (const [place] of places) place.setError("");
          try {
            if ((await options.submit()) !== false) close();
          } catch (error) {
            if (!isAbort(error)) refused(error);
          }
        });
      },
      input: () => {
        typed = true;
        refresh();
      },
      keydown: (event) => event.key === "Escape" && asking(event),
    },
  },
  h("div", { class: "dialog-head" }, h("h2", { id }, title), iconButton("close", "Close", close)),
  options.body, wrong,
  h("div", { class: "dialog-foot" }, button(options.submit ? "Cancel" : "Close", { click: close }), confirm));
  const inner = document.activeElement;
  const opener = inner.closest("dialog")?.opener ?? inner;
  const cancel = (event) => event.target === element && asking(event); // Escape, with the focus on nothing in the form
  const element = h("dialog", { "aria-labelledby": id, on: { cancel, close: () => (element.remove(), refocus(opener, inner)) } }, form);
  element.opener = opener;
  const refresh = () => {
    if (confirm && options.ready) confirm.disabled = !options.ready();
  };
  refresh();
  document.body.append(element);
  element.showModal();
  element.querySelector("input, select, textarea")?.focus();
  return { element, close, refresh };
}

/** Asks for a name to be typed before something is done that cannot be undone. */
export function confirmTyped(title, text, name, action, submit) {
  const typed = input({ class: "code" });
  return dialog(title, {
    body: [h("p", {}, text), field(["Type ", h("code", {}, name), " to confirm"], typed)],
    action, kind: "danger", asks: false, ready: () => typed.value === name, submit,
  });
}

/** Shows what load returns; meanwhile that it loads, and what went wrong. @param {any} element @param {() => Promise<any>} load */
export async function into(element, load, keep = false) {
  if (!keep) fill(element, loading());
  try {
    const content = await load();
    if (content !== undefined) fill(element, content);
  } catch (error) {
    if (isAbort(error)) return;
    fill(element, problemNotice(error, h("div", {}, button("Try again", { icon: "refresh", small: true, click: () => into(element, load) }))));
  }
}


// The frame of the console: login, navigation, and which screen the URL means.
//
// How a screen is added:
//
//   1. Write screens/x.js. Its default export is a function that gets a View and fills
//      view.root. It may be async; what it throws is shown. It must stop with view.signal:
//      pass that to calls, and use view.every for what it asks for again and again, which
//      pauses while the page is hidden.
//   2. Add one line to screens.js: path, label, icon, and "may", the right that it needs.
//      Who may not use it is not offered it.
//
// The state of a screen, such as a filter or a position in a list, belongs into the URL:
// view.query has it, and view.setQuery changes it. Parts of screens are in ui.js, calls in
// api.js, and rights in session.js. Styles of a screen of its own go into css/screens.css.
import { h, fill } from "./dom.js";
import { icon } from "./icons.js";
import { screens } from "./screens.js";
import { session, setSession, onSession } from "./session.js";
import { isAbort, onReachable, reportReachable, unreachable } from "./api.js";
import { announce, button, empty, iconButton, loading, problemNotice, buttonLink, toastProblem } from "./ui.js";
import { login } from "./login.js";

/**
 * What a screen gets.
 * @typedef {object} View
 * @property {any} root where the screen is shown
 * @property {Object<string, string>} params from the path
 * @property {URLSearchParams} query of the URL
 * @property {AbortSignal} signal ends with the screen
 * @property {import("./session.js").Session} session
 * @property {(seconds: number, f: () => any, later?: boolean) => void} every calls f now, or later for the first time, and every so many seconds after it has finished, while the page is visible
 * @property {(changes: Object<string, any>) => void} setQuery changes the query of the URL without loading the screen again
 * @property {(title: string, options?: {part?: string, lead?: any, crumbs?: any[], actions?: any[]}) => any} head sets the title, with the part of the screen before it, and returns the head of the page
 */

const app = document.getElementById("app");

/** The hash of a screen. @param {string[]} segments @param {Object<string, any>} [query] */
export function link(segments, query) {
  const text = new URLSearchParams(Object.entries(query ?? {}).filter(([, v]) => v !== undefined && v !== null && v !== "").map(([k, v]) => [k, String(v)])).toString();
  return "#/" + segments.map(encodeURIComponent).join("/") + (text && "?" + text);
}

/** The way back from a stream. */
export const toStreams = () => [h("a", { href: "#/streams" }, h("span", { "aria-hidden": "true" }, "‹ "), "Streams")];

/** @param {string[]} segments @param {Object<string, any>} [query] */
export const go = (segments, query) => void (location.hash = link(segments, query));

/** Where the hash leads: a screen with its parameters, or none. */
function route() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  let segments;
  try {
    segments = path.split("/").map(decodeURIComponent);
  } catch {
    return { params: {}, query: new URLSearchParams() }; // a percent sign that encodes nothing
  }
  if (segments.length > 1 && segments.at(-1) === "") segments.pop();
  for (const screen of screens) {
    const pattern = screen.path.split("/");
    const params = {};
    const fits = pattern.length === segments.length && pattern.every((p, i) => (p.startsWith(":") ? ((params[p.slice(1)] = segments[i]), segments[i] !== "") : p === segments[i]));
    if (fits) return { screen, params, query: new URLSearchParams(query) };
  }
  return { params: {}, query: new URLSearchParams(query) };
}

const mayUse = (screen) => screen.may?.(session()) ?? true;

/**
 * Calls f again and again until the signal ends, and not while the page is hidden. Until f succeeds, the page says
 * what is wrong; later failures are said once.
 */
function repeat(page, signal, seconds, f, later) {
  let timer = 0, running = false, succeeded = Boolean(later), said = "";
  const wrong = h("div", {});
  const failed = (error) => {
    const text = `${error.code} ${error.message}`;
    if (!succeeded) {
      page.querySelectorAll(".loading").forEach((e) => e.remove());
      if (!wrong.isConnected) page.firstElementChild ? page.firstElementChild.after(wrong) : page.append(wrong);
      if (text !== said) fill(wrong, problemNotice(error)); // an alert is read out each time that it is drawn
    } else if (!said && error.code !== "unreachable") toastProblem(error); // the head of the page says when there is no answer
    said = text;
  };
  const run = async () => {
    clearTimeout(timer);
    if (signal.aborted || running || document.hidden) return;
    running = true;
    try {
      await f();
      wrong.remove();
      [succeeded, said] = [true, ""];
    } catch (error) {
      if (!signal.aborted && !isAbort(error)) failed(error);
    }
    running = false;
    if (!signal.aborted) timer = setTimeout(run, seconds * 1000);
  };
  document.addEventListener("visibilitychange", run, { signal });
  signal.addEventListener("abort", () => clearTimeout(timer));
  if (later) timer = setTimeout(run, seconds * 1000);
  else run();
}

/** Calls f once after so many seconds, or when the page is shown again, unless the signal ends before. */
function later(signal, seconds, f) {
  const run = () => !signal.aborted && !document.hidden && f();
  const timer = setTimeout(run, seconds * 1000);
  signal.addEventListener("abort", () => clearTimeout(timer));
  document.addEventListener("visibilitychange", run, { signal });
}

let leave = new AbortController();
let main = null;

/** Shows the screen that the hash means. */
async function show() {
  leave.abort();
  leave = new AbortController();
  const { signal } = leave;
  const { screen, params, query } = route();
  closeNavigation();
  drawNavigation(screen);
  const page = h("div", { class: "page" }, loading());
  fill(main, page);
  main.scrollTop = 0;
  window.scrollTo(0, 0);
  const view = {
    root: page, params, query, signal, session: session(),
    every: (seconds, f, later) => repeat(page, signal, seconds, f, later),
    setQuery: (changes) => {
      for (const [name, value] of Object.entries(changes)) {
        if (value === undefined || value === null || value === "") query.delete(name);
        else query.set(name, String(value));
      }
      const text = query.toString();
      history.replaceState(null, "", "#" + location.hash.slice(1).split("?")[0] + (text && "?" + text));
    },
    head: (title, options = {}) => {
      document.title = [options.part, title, "Seagate"].filter(Boolean).join(" · ");
      return h("header", { class: "page-head" },
        h("div", {}, options.crumbs && h("nav", { class: "crumbs", "aria-label": "Breadcrumbs" }, options.crumbs), h("h1", { id: "title", tabindex: "-1" }, title), options.lead && h("p", { class: "lead" }, options.lead)),
        options.actions && h("div", { class: "row" }, options.actions));
    },
  };
  if (!screen) return fill(page, view.head("Not found"), empty("search", "There is no such page", "The address leads nowhere in this console.", buttonLink("Go home", "#/")));
  if (!mayUse(screen)) return fill(page, view.head(screen.label ?? "Not allowed"), empty("warning", "Not for this client", "Your client lacks the right that this screen needs. Whoever manages the clients of the jail can give it.", buttonLink("Go home", "#/")));
  try {
    const module = await screen.load().catch(() => {
      reportReachable(false);
      throw unreachable();
    });
    if (!signal.aborted) await module.default(view);
  } catch (error) {
    if (!signal.aborted && !isAbort(error)) {
      fill(page, view.head(screen.label ?? params.stream ?? "Something went wrong", { crumbs: params.stream && view.session.hasHttp ? toStreams() : null }), problemNotice(error, h("div", {}, button("Try again", { icon: "refresh", small: true, click: show }))));
      if (error.code === "unreachable") later(signal, 5, show);
    }
  }
  if (!signal.aborted) announce(document.title);
}

let navigation, side, scrim, menuButton;

function drawNavigation(current) {
  const path = current?.under ?? current?.path;
  let heading;
  fill(navigation, screens.filter((s) => s.label && mayUse(s)).map((s) => {
    const first = s.heading && s.heading !== heading;
    heading = s.heading ?? heading;
    return [first && h("div", { class: "nav-heading" }, s.heading), h("a", { href: "#/" + s.path, "aria-current": s.path === path ? "page" : null }, icon(s.icon), s.label)];
  }));
}

/** What the open menu covers can be neither seen nor reached. @param {boolean} on */
function cover(on) {
  for (const element of document.querySelectorAll(".skip, .top, .content")) element.toggleAttribute("inert", on);
}

function closeNavigation() {
  side?.classList.remove("open");
  scrim?.remove();
  cover(false);
  menuButton?.setAttribute("aria-expanded", "false");
}

function openNavigation() {
  side.classList.add("open");
  menuButton.setAttribute("aria-expanded", "true");
  scrim = h("button", { class: "scrim", type: "button", "aria-label": "Close the menu", on: { click: () => (closeNavigation(), menuButton.focus()) } });
  side.after(scrim);
  cover(true);
  side.querySelector("a")?.focus();
}

/** The button that switches between dark and light. */
export function themeButton() {
  const dark = () => (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const draw = () => {
    fill(element, icon(dark() ? "sun" : "moon"));
    const label = dark() ? "Use the light theme" : "Use the dark theme";
    element.setAttribute("aria-label", label);
    element.title = label;
  };
  const element = iconButton("sun", "", () => {
    const next = dark() ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    try {
      localStorage.setItem("theme", next);
    } catch {
      // Then the choice holds until the page is loaded again.
    }
    draw();
  });
  draw();
  return element;
}

const brand = () => h("a", { class: "brand", href: "#/" }, h("img", { src: "icon.svg", alt: "" }), "Seagate");

/** Draws the frame for somebody who is logged in. */
function drawShell() {
  const who = session();
  navigation = h("nav", { class: "nav", id: "navigation", "aria-label": "Screens" });
  side = h("aside", { class: "side", "aria-label": "Menu" }, brand(), navigation,
    h("div", { class: "who" }, h("div", {}, h("div", { class: "who-name", title: who.clientId }, who.clientId), h("div", { class: "muted" }, who.kind === "token" ? "token" : `jail ${who.jailId}`)),
      h("div", { class: "row" }, h("button", { class: "button button-small grow", type: "button", on: { click: () => setSession(null) } }, icon("logout"), "Sign out"), themeButton())));
  menuButton = iconButton("menu", "Menu", openNavigation); // the open menu covers it
  menuButton.setAttribute("aria-expanded", "false");
  menuButton.setAttribute("aria-controls", "navigation");
  main = h("main", { id: "main", tabindex: "-1" });
  const offline = h("div", { class: "offline", role: "status", hidden: true }, icon("warning"), "The gateway does not answer. The console tries again by itself.");
  onReachable((reachable) => void (offline.hidden = reachable));
  fill(app,
    h("a", { class: "skip", href: "#main", on: { click: (event) => (event.preventDefault(), main.focus()) } }, "Skip to the content"),
    h("div", { class: "shell" }, h("header", { class: "top" }, brand(), themeButton(), menuButton), side, h("div", { class: "content" }, offline, main)));
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && side?.classList.contains("open")) {
    closeNavigation();
    menuButton.focus();
  }
});

matchMedia("(min-width: 56.01rem)").addEventListener("change", closeNavigation); // then the menu is always there

onSession((now, why) => {
  leave.abort();
  document.querySelectorAll("dialog").forEach((d) => d.remove());
  if (now) {
    drawShell();
    show();
    main.focus();
  } else login(app, themeButton(), why);
});

addEventListener("hashchange", () => {
  if (!session()) return;
  document.querySelectorAll("dialog").forEach((d) => d.close()); // they belong to the screen before
  show();
  main.focus({ preventScroll: true });
});
login(app, themeButton());

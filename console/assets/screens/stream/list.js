// A list of messages with a bound: the oldest give way, and what comes faster than anybody can
// read is left out and counted.
import { h, fill } from "../../dom.js";
import { count, json, plural, time } from "../../format.js";
import { announce, button, copy, empty } from "../../ui.js";
import { link } from "../../app.js";

/** Messages that the list shows at most. */
export const most = 500;
/** Messages that are added at a time, and the time between two such times in milliseconds. */
const perTick = 40, tick = 250;
/** Time between two announcements, in milliseconds. */
const quiet = 10_000;
/** Characters of a message that its row shows, and that it shows when it is opened. */
const shortened = 240, opened = 100_000;

export class MessageList {
  /** @param {import("../stream.js").StreamView} view */
  constructor(view) {
    this.view = view;
    this.rows = h("ol", { class: "messages" });
    this.nothing = h("div", {});
    this.element = h("div", { class: "log", role: "log", "aria-live": "off", "aria-label": `Messages of ${view.name}`, tabindex: "0" }, this.rows, this.nothing);
    this.counter = h("span", { class: "muted small number" });
    this.paused = false;
    this.clear();
    view.signal.addEventListener("abort", () => clearTimeout(this.timer));
  }

  get size() {
    return this.rows.querySelectorAll(".message").length;
  }

  /** Sets what an empty list says. @param {[string, string]} words */
  says([title, text]) {
    fill(this.nothing, empty("inbox", title, text));
  }

  clear() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.pending = [];
    this.dropped = 0;
    this.arrived = 0;
    this.announced = Date.now();
    this.rows.replaceChildren();
    this.draw();
  }

  /** Adds messages of the past. @param {{seq: number, time: string, text: string}[]} list */
  add(list) {
    this.rows.append(...list.map((m) => this.row(m)));
    this.trim();
    this.draw();
  }

  /** Says how many there are, and shows the newest of them. @param {string} text */
  settle(text) {
    announce(text);
    if (!this.view.query.get("from")) this.element.scrollTop = this.element.scrollHeight;
  }

  /** Takes a message that has just come. */
  live(message) {
    this.arrived++;
    this.pending.push(message);
    const bound = this.paused ? most : perTick;
    while (this.pending.length > bound) {
      this.pending.shift();
      this.dropped++;
    }
    this.timer ||= setTimeout(() => this.onTick(), tick);
  }

  onTick() {
    this.timer = 0;
    if (!this.paused) this.flush();
    this.draw();
    if (Date.now() - this.announced > quiet && this.arrived) {
      announce(`${plural(this.arrived, "new message")}.`);
      this.announced = Date.now();
      this.arrived = 0;
    }
  }

  flush() {
    const log = this.element, atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
    this.rows.append(...this.pending.map((m) => this.row(m)));
    if (this.pending.length) this.view.saw(this.pending.at(-1).seq);
    this.pending = [];
    this.trim();
    this.draw();
    if (atEnd) log.scrollTop = log.scrollHeight;
  }

  setPaused(paused) {
    this.paused = paused;
    if (!paused) this.flush();
  }

  /** A line that is no message. @param {string} text */
  mark(text) {
    this.flush();
    this.rows.append(h("li", { class: "message-mark" }, text));
  }

  trim() {
    while (this.rows.children.length > most) {
      const oldest = this.rows.firstElementChild;
      if (oldest.contains(document.activeElement)) this.element.focus({ preventScroll: true });
      oldest.remove();
    }
  }

  draw() {
    this.nothing.hidden = this.rows.children.length > 0;
    const parts = [`${count(this.rows.children.length)} of at most ${most} shown`];
    if (this.paused && this.pending.length) parts.push(`${count(this.pending.length)} waiting`);
    if (this.dropped) parts.push(`dropped by this view: ${count(this.dropped)}`);
    this.counter.textContent = parts.join(" · ");
  }

  row(message) {
    const line = message.text.length > shortened ? message.text.slice(0, shortened) + "…" : message.text;
    const body = h("div", { class: "message-body" });
    const details = h("details", { class: "message-details" },
      h("summary", {}, h("span", { class: "message-seq number" }, `#${message.seq}`), time(message.time), h("code", { class: "message-line" }, line)), body);
    details.addEventListener("toggle", () => {
      if (!details.open) return;
      if (!body.firstChild) this.open(body, message);
      details.scrollIntoView({ block: "nearest" });
    });
    return h("li", { class: "message" }, details);
  }

  open(body, message) {
    const { view } = this;
    const cut = message.text.length > opened;
    fill(body, cut ? h("pre", { class: "wrap" }, message.text.slice(0, opened)) : json(message.text),
      cut && h("p", { class: "muted small" }, `The first ${count(opened)} of ${count(message.text.length)} characters.`),
      h("div", { class: "row" },
        button("Copy", { small: true, icon: "copy", label: `Copy message ${message.seq}`, click: () => copy(message.text) }),
        view.session.hasHttp && button("Explain delivery", { small: true, icon: "search", label: `Explain the delivery of message ${message.seq}`, click: async () => (await import("./explain.js")).explainMessage(view, message.seq) }),
        view.session.may("publish", view.name) && h("a", { class: "button button-small", href: link(["streams", view.name, "publish"], { like: message.seq }) }, "Publish one like it")));
  }
}

// A list of messages with a bound: the oldest give way, and what comes faster than anybody can
// read is left out and counted.
import { h, fill } from "../../dom.js";
import { count, indented, json, jsonLine, plural, time, visible } from "../../format.js";
import { announce, button, copy, empty } from "../../ui.js";
import { link } from "../../app.js";

/** Messages that the list shows at most. */
export const most = 500;
/** Messages that are added at a time, and the time between two such times in milliseconds. */
const perTick = 40, tick = 250;
/** Time between two announcements, in milliseconds. */
const quiet = 10_000;
/** Characters of a message that its row shows, that it shows when it is opened, and that it shows in colours. */
const shortened = 240, opened = 10_000, coloured = 100_000;

/** What is said of messages that are not in the list. @param {number} from @param {number} to */
export const notShown = (from, to) => (from === to ? `Message ${count(from)} is not shown` : `Messages ${count(from)} to ${count(to)} are not shown`);

export class MessageList {
  /** @param {import("../stream.js").StreamView} view @param {() => void} cut is called when the oldest have given way */
  constructor(view, cut) {
    this.view = view;
    this.cut = cut;
    this.rows = h("ol", { class: "messages" });
    this.lead = h("div", { class: "message-mark message-before", hidden: true });
    this.nothing = h("div", {});
    this.element = h("div", { class: "log", role: "log", "aria-live": "off", "aria-label": `Messages of ${view.name}`, tabindex: "0" }, this.lead, this.rows, this.nothing);
    this.counter = h("span", { class: "muted small number" });
    this.paused = false;
    this.clear();
    view.signal.addEventListener("abort", () => clearTimeout(this.timer));
  }

  get size() {
    return this.rows.querySelectorAll(".message").length;
  }

  /** The numbers of the first and the last message, undefined if there is none. */
  get range() {
    const all = this.rows.querySelectorAll(".message");
    return [all[0], all[all.length - 1]].map((row) => row && Number(row.dataset.seq));
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
    this.keepPlace(() => {
      this.rows.append(...list.map((m) => this.row(m)));
      this.trim();
    });
    this.draw();
  }

  /**
   * Adds messages of the past before the others. The newest give way to them; it reports whether some have.
   * @param {{seq: number, time: string, text: string}[]} list @param {string} [mark] a line behind them
   */
  addBefore(list, mark) {
    this.keepPlace(() => {
      this.rows.prepend(...list.map((m) => this.row(m)), ...(mark ? [this.line(mark)] : []));
    });
    const cut = this.rows.children.length > most;
    while (this.rows.children.length > most) this.remove(this.rows.lastElementChild);
    this.draw();
    return cut;
  }

  /** Changes rows. What the reader sees stays where it is, unless it goes. @param {() => void} change */
  keepPlace(change) {
    const log = this.element, top = log.getBoundingClientRect().top;
    const seen = [...this.rows.children].filter((row) => row.getBoundingClientRect().bottom > top);
    const places = seen.map((row) => row.getBoundingClientRect().top);
    change();
    const i = seen.findIndex((row) => row.isConnected);
    if (i >= 0) log.scrollTop += seen[i].getBoundingClientRect().top - places[i];
  }

  /** Says how many there are, and shows the newest of them. @param {string} text */
  settle(text) {
    announce(text);
    if (!this.view.query.get("from")) this.toEnd();
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
    if (this.pending.length === 0) return this.draw();
    const atEnd = this.atEnd();
    const rows = this.pending.map((m) => this.row(m));
    this.view.saw(this.pending.at(-1).seq);
    this.pending = [];
    this.keepPlace(() => {
      this.rows.append(...rows);
      this.trim();
    });
    this.draw();
    if (atEnd) this.toEnd();
  }

  /** Whether the end is in view. */
  atEnd() {
    return this.element.scrollHeight - this.element.scrollTop - this.element.clientHeight < 60;
  }

  toEnd() {
    this.element.scrollTop = this.element.scrollHeight;
  }

  setPaused(paused) {
    this.paused = paused;
    if (!paused) this.flush();
  }

  /** A line that is no message. @param {string} text */
  mark(text) {
    this.flush();
    const atEnd = this.atEnd();
    this.rows.append(this.line(text));
    this.draw();
    if (atEnd) this.toEnd();
  }

  line(text) {
    return h("li", { class: "message-mark" }, text);
  }

  trim() {
    if (this.rows.children.length <= most) return;
    while (this.rows.children.length > most || this.rows.querySelector(":scope > :first-child:not(.message)")) this.remove(this.rows.firstElementChild);
    this.cut();
  }

  remove(row) {
    if (row.contains(document.activeElement)) this.element.focus({ preventScroll: true });
    row.remove();
  }

  draw() {
    this.nothing.hidden = this.rows.children.length > 0;
    const parts = [`${count(this.size)} shown` + (this.rows.children.length < most ? "" : ", as many as the list holds")];
    if (this.paused && this.pending.length) parts.push(`${count(this.pending.length)} waiting`);
    if (this.dropped) parts.push(`dropped by this view: ${count(this.dropped)}`);
    this.counter.textContent = parts.join(" · ");
  }

  row(message) {
    const line = jsonLine(message.text.slice(0, shortened));
    const body = h("div", { class: "message-body" });
    const details = h("details", { class: "message-details" },
      h("summary", {}, h("span", { class: "message-seq number" }, `#${message.seq}`), time(message.time), h("code", { class: "message-line" }, line, message.text.length > shortened && "…")), body);
    details.addEventListener("toggle", () => {
      if (!details.open) return;
      if (!body.firstChild) this.open(body, message);
      details.scrollIntoView({ block: "nearest" });
    });
    return h("li", { class: "message", data: { seq: message.seq } }, details);
  }

  open(body, message) {
    const { view } = this, { length } = message.text;
    const text = h("div", { class: "message-text" }, json(message.text, length > opened ? opened : Infinity));
    const rest = h("p", { class: "muted small", hidden: length <= opened }, `The first ${count(opened)} of ${count(length)} characters. `,
      button("Show all", { small: true, label: `Show all of message ${message.seq}`, click: () => {
        fill(text, length > coloured ? h("pre", { class: "wrap" }, visible(indented(message.text))) : json(message.text));
        text.tabIndex = -1;
        text.focus({ preventScroll: true }); // the button is gone
        rest.hidden = true;
      } }));
    fill(body, text, rest,
      h("div", { class: "row" },
        button("Copy", { small: true, icon: "copy", label: `Copy message ${message.seq}`, click: () => copy(message.text) }),
        view.session.hasHttp && button("Explain delivery", { small: true, icon: "search", label: `Explain delivery of message ${message.seq}`, click: async () => (await import("./explain.js")).explainMessage(view, message.seq) }),
        view.session.may("publish", view.name) && h("a", { class: "button button-small", href: link(["streams", view.name, "publish"], { like: message.seq }) }, "Publish one like it")));
  }
}

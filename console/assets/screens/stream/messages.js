// The messages of a stream: pages of the past over HTTP, and a live tail over the WebSocket. It
// is a subscription of its own, so it takes no message away from a group. Both can have a filter, which the
// gateway applies.
import { h, fill } from "../../dom.js";
import { exchange, isAbort, Problem, streamPath, withTexts } from "../../api.js";
import { count, plural } from "../../format.js";
import { announce, badge, button, field, input, problemNotice, relabel, select } from "../../ui.js";
import { payloadText, Socket } from "../../socket.js";
import { done } from "../home.js";
import { MessageList, most } from "./list.js";
import { filterOf, noNumber, noTime } from "./where.js";

const pageSize = 50;
/** Messages that the gateway looks at for one page with a filter. */
const searched = 1000;
/** Pages that one search asks for, at most. */
const searches = 10;
/** Passes everything. A subscription with a filter is in no group, whatever the gateway's settings are. */
const everything = { t: "bool", e: true };

const starts = [
  ["newest", "The newest"],
  ["earliest", "The oldest"],
  ["number", "A message number"],
  ["time", "A time"],
  ["latest", "Only what comes now"],
];

/** What the query of the URL means: {kind, value}. @param {string | null} from */
function startOf(from) {
  if (!from) return { kind: "newest", value: "" };
  if (from === "earliest" || from === "latest") return { kind: from, value: "" };
  return { kind: /^\d+$/.test(from) ? "number" : "time", value: from };
}

/** @param {import("../stream.js").StreamView} view */
export default async function messages(view) {
  const viewer = new Viewer(view);
  view.signal.addEventListener("abort", () => viewer.stop());
  document.addEventListener("visibilitychange", () => viewer.visibility(), { signal: view.signal });
  await viewer.begin();
}

class Viewer {
  /** @param {import("../stream.js").StreamView} view */
  constructor(view) {
    this.view = view;
    this.turn = 0; // counts the connections that were begun or given up
    this.list = new MessageList(view);
    this.state = h("span", { class: "row" });
    this.wrong = h("div", {});
    this.more = h("div", {});
    const { kind, value } = startOf(view.query.get("from"));
    this.kind = select(view.session.hasHttp ? starts : starts.filter(([k]) => k !== "newest"), { value: !view.session.hasHttp && kind === "newest" ? "latest" : kind });
    this.value = input({ value, class: "code" });
    this.valueField = h("div", { class: "grow" });
    this.kind.addEventListener("change", () => this.drawValue());
    this.where = input({ value: view.query.get("where") ?? "", class: "code", placeholder: "unit=C and pressure!=3001", type: "search" });
    this.whereField = field("Only messages with", this.where);
    this.whereField.classList.add("grow-2");
    this.filter = null;
    this.live = button("Go live", { icon: "play", kind: "primary", click: () => this.toggle() });
    this.pause = button("Pause", { icon: "pause", click: () => this.setPaused(!this.list.paused) });
    const load = (event) => {
      event.preventDefault();
      return this.load();
    };
    fill(view.root,
      h("form", { class: "card toolbar", "aria-label": "Which messages", on: { submit: load } },
        h("div", { class: "row-end" }, h("div", { class: "grow" }, field("Begin with", this.kind)), this.valueField, this.whereField), h("div", { class: "row" },
        button("Show", { type: "submit" }), this.live, this.pause, button("Clear", { click: () => this.list.clear() }))),
      this.wrong,
      h("section", { class: "card card-flush", "aria-labelledby": "messages-title" },
        h("div", { class: "card-head" }, h("h2", { id: "messages-title" }, "Messages"), this.state), this.list.element, this.more));
    this.drawValue();
    this.drawState();
  }

  drawValue() {
    const kind = this.kind.value;
    this.valueField.hidden = kind !== "number" && kind !== "time";
    this.value.placeholder = kind === "time" ? new Date().toISOString().slice(0, 19) + "Z" : "1";
    fill(this.valueField, (this.startField = field(kind === "time" ? "Time (RFC 3339)" : "Number", this.value)));
  }

  /** The start as a call takes it. */
  from() {
    const kind = this.kind.value;
    return kind === "number" || kind === "time" ? this.value.value.trim() : kind;
  }

  async begin() {
    if ((await this.load()) && this.from() === "latest") await this.start();
  }

  /** Takes the filter that is typed, and reports whether it can be one. */
  takeFilter() {
    const text = this.where.value.trim();
    try {
      this.filter = filterOf(text);
      this.whereField.setError("");
    } catch (error) {
      this.whereField.setError(error.message);
      this.where.focus();
      return false;
    }
    this.view.setQuery({ where: text });
    return true;
  }

  /** Shows a page from the start that is chosen, and reports whether it could be asked for. */
  async load() {
    if (!this.takeFilter()) return false;
    const from = this.from();
    this.startField.setError("");
    this.view.setQuery({ from: from === "newest" ? null : from });
    this.stop();
    this.list.clear();
    this.list.says(this.filter
      ? ["No message passes the filter", from === "newest" ? `Looked at the newest ${count(searched)}. Begin with the oldest to search all.` : "None where this view begins. Go live, and those that come and pass appear here."]
      : ["No messages here", "There are none where this view begins. Go live, and those that come appear here."]);
    fill(this.more);
    this.next = { from, epoch: null };
    if (from === "latest" || !this.view.session.hasHttp) {
      this.drawState();
      return true;
    }
    if (from === "newest") {
      await this.view.refresh();
      const { firstSeq, lastSeq } = this.view.state;
      this.next.from = String(Math.max(firstSeq, lastSeq - (this.filter ? searched : pageSize) + 1));
      if (this.filter && lastSeq - firstSeq < searched) this.list.says(["No message passes the filter", `Looked at all ${plural(lastSeq - firstSeq + 1, "message")} of the stream.`]);
    }
    await this.page();
    return true;
  }

  /** Shows the next page of the past. */
  async page() {
    fill(this.wrong);
    try {
      const wanted = this.filter && this.from() === "newest" ? most : pageSize;
      let found = 0, more = true;
      for (let i = 0; more && found < wanted && i < (this.filter ? searches : 1); i++) {
        const { text, value } = await exchange("GET", streamPath(this.view.name, "messages"), {
          query: { ...this.next, limit: wanted - found, filter: this.filter && JSON.stringify(this.filter) }, signal: this.view.signal });
        if (value.dropped) this.list.mark(`${plural(value.dropped, "message")} before these are no longer kept`);
        this.list.add(withTexts(text, value));
        found += value.messages.length;
        more = value.next !== null;
        this.next = { from: value.next ?? String(value.nextSeq), epoch: value.epoch };
      }
      fill(this.more, more && h("div", { class: "pager" },
        h("span", {}, this.filter && found < wanted ? `Searched up to message ${count(Number(this.next.from) - 1)}.` : "There are later messages."),
        button(this.filter ? "Search on" : `Show the next ${pageSize}`, { small: true, click: () => this.page() })));
      this.list.settle(`Showing ${plural(this.list.size, "message")}.`);
    } catch (error) {
      if (isAbort(error)) throw error;
      this.refused(error);
    }
    this.drawState();
  }

  /** Shows what the gateway refuses: what is wrong with the filter or the start at its field. */
  refused(error) {
    const about = (start) => (error.errors ?? []).filter((e) => e.startsWith(start));
    const filter = about("filter"), from = this.valueField.hidden ? [] : [...about("query: from"), ...about("from")];
    if (filter.length + from.length === 0) return fill(this.wrong, problemNotice(error));
    this.list.says(["Nothing is shown", "Messages appear here once what is marked is correct."]);
    if (filter.length > 0) this.whereField.setError(filter.join("; "));
    if (from.length > 0) this.startField.setError(this.kind.value === "time" ? noTime : noNumber);
    (from.length > 0 ? this.value : this.where).focus();
  }

  async toggle() {
    if (this.socket || this.wanted) return this.stop();
    const before = JSON.stringify(this.filter);
    if (!this.takeFilter()) return;
    if (JSON.stringify(this.filter) !== before) await this.load(); // the list would have messages of two filters
    return this.start();
  }

  /** Begins the tail where the list ends, so that there is no gap between the two. */
  async start() {
    if (this.next && this.more.firstChild && this.list.size) this.next = { from: "latest", epoch: null }; // later pages are left out
    fill(this.more);
    this.wanted = true;
    this.setPaused(false);
    await this.connect();
  }

  /** Opens the subscription. A later turn, which a stop, a hidden page or another connect begins, makes it give up. */
  async connect() {
    clearTimeout(this.timer);
    const mine = ++this.turn;
    fill(this.wrong);
    this.waiting = 0;
    try {
      const socket = await Socket.open(this.view.session);
      if (!this.wanted || mine !== this.turn) return socket.close();
      this.socket = socket;
      socket.onEnd = (problem) => this.ended(problem);
      const { from, epoch } = this.next;
      const begin = /^\d+$/.test(from) ? Number(from) : from;
      const answer = await socket.request("subscribe", { payload: this.view.name, from: begin, epoch: epoch ?? undefined, meta: true, filter: this.filter ?? everything }, (message, text) => this.receive(message, text));
      this.delay = 1;
      if (answer.nextSeq !== undefined && begin === "latest") this.next = { from: String(answer.nextSeq), epoch: answer.epoch };
      done.subscribed = true;
      this.list.says(["Nothing has come so far", "Messages appear here as they come."]);
      announce("Live: messages appear as they come.");
    } catch (error) {
      if (mine !== this.turn) return;
      const problem = error instanceof Problem ? error : new Problem({ code: "internal", detail: String(error) });
      if (problem.code !== "unreachable") {
        this.stop();
        this.refused(problem);
      } else this.ended(problem);
    }
    this.drawState();
  }

  receive(message, text) {
    if (message.gap) {
      this.list.mark(`Messages ${count(message.gap.from)} to ${count(message.gap.to)} are lost: the stream no longer keeps them`);
      this.next = { from: String(message.gap.to + 1), epoch: this.next.epoch };
      return;
    }
    if (message.success === false) {
      this.stop();
      fill(this.wrong, problemNotice(new Problem({ ...message.error, title: "The subscription ended", detail: message.error.message })));
      return;
    }
    if (message.header || message.state) return;
    this.next = { from: String(message.seq + 1), epoch: message.epoch };
    this.list.live({ seq: message.seq, time: message.time, text: payloadText(text) });
  }

  /** Comes back where the tail was, later and later, unless coming back cannot help. */
  ended(problem) {
    this.socket = null;
    const final = ["credentials_revoked", "token_expired", "invalid_credentials", "forbidden", "too_many_connections"].includes(problem.code);
    if (!this.wanted || final || this.view.signal.aborted) {
      this.wanted = false;
      if (!this.view.signal.aborted) fill(this.wrong, problemNotice(problem));
      return this.drawState();
    }
    this.delay = Math.min(30, (this.delay ?? 1) * 2);
    const seconds = this.delay * (0.5 + Math.random() / 2);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.wanted && !document.hidden && this.connect(), seconds * 1000);
    this.waiting = seconds;
    this.drawState();
  }

  stop() {
    this.wanted = false;
    this.turn++;
    clearTimeout(this.timer);
    this.socket?.close();
    this.socket = null;
    this.list.flush();
    this.drawState();
  }

  /** While the page is hidden nothing is received. Afterwards the tail goes on where it was. */
  visibility() {
    if (!this.wanted) return;
    if (document.hidden) {
      this.turn++;
      clearTimeout(this.timer);
      this.socket?.close();
      this.socket = null;
    } else if (!this.socket) this.connect();
  }

  setPaused(paused) {
    this.list.setPaused(paused);
    this.drawState();
  }

  drawState() {
    const live = Boolean(this.socket);
    relabel(this.live, this.wanted ? "stop" : "play", this.wanted ? "Stop" : "Go live");
    this.live.classList.toggle("button-primary", !this.wanted);
    this.pause.disabled = !this.wanted;
    relabel(this.pause, this.list.paused ? "play" : "pause", this.list.paused ? "Continue" : "Pause");
    fill(this.state, live ? badge(this.list.paused ? "Paused" : "Live", this.list.paused ? "warning" : "good") : this.wanted ? badge("Connecting again…", "warning") : badge("Not live"), this.list.counter);
  }
}


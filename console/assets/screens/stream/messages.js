// The messages of a stream: pages of the past over HTTP, and a live tail over the WebSocket. It
// is a subscription of its own, so it takes no message away from a group. Both can have a filter, which the
// gateway applies.
import { h, fill } from "../../dom.js";
import { isAbort, Problem } from "../../api.js";
import { count, instant, plural, zone } from "../../format.js";
import { announce, badge, button, field, input, problemNotice, relabel, select } from "../../ui.js";
import { payloadText, Socket } from "../../socket.js";
import { done } from "../home.js";
import { MessageList, most, notShown } from "./list.js";
import { Past, pageSize, searched } from "./past.js";
import { filterOf, noNumber, noTime } from "./where.js";

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
    this.looks = 0; // counts the looks at the past that were begun
    this.top = null; // the number of the first message that is shown or was looked at, if that is known
    this.list = new MessageList(view, () => this.cutAtTop());
    this.earlier = button("", { small: true, click: () => this.before() });
    this.leftOut = h("span", {});
    fill(this.list.lead, this.leftOut, this.earlier);
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
        button("Show", { type: "submit" }), this.live, this.pause, button("Clear", { click: () => this.clear() }))),
      this.wrong,
      (this.section = h("section", { class: "card card-flush log-card", "aria-labelledby": "messages-title" },
        h("div", { class: "card-head" }, h("div", {}, h("h2", { id: "messages-title" }, "Messages"), h("p", { class: "muted small" }, `Times in ${zone()}`)), this.state), this.list.element, this.more)));
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
    if (kind === "time") return instant(this.value.value);
    return kind === "number" ? this.value.value.replace(/^\s*#|[\s,]/g, "") : kind;
  }

  clear() {
    this.looks++; // what is asked for is not wanted any more
    this.list.clear();
    this.top = null;
    this.unread = undefined;
    this.drawBefore();
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
    this.clear();
    this.list.says(this.filter
      ? ["No message passes the filter", from === "newest" ? `Looked at the newest ${count(searched)}. Begin with the oldest to search all.` : "None where this view begins. Go live, and those that come and pass appear here."]
      : ["No messages here", "There are none where this view begins. Go live, and those that come appear here."]);
    fill(this.more);
    this.next = { from, epoch: null };
    this.fresh = false; // whether the list ends with the newest message
    this.past = new Past(this.view, this.filter);
    if (from === "latest" || !this.view.session.hasHttp) {
      this.drawState();
      return true;
    }
    await (from === "newest" ? this.newest() : this.page());
    return true;
  }

  /** Shows the newest messages, or those of them that pass the filter. */
  async newest() {
    await this.look(async () => {
      await this.view.refresh();
      const { firstSeq, lastSeq } = this.view.state;
      if (!this.filter) return this.past.before(lastSeq + 1, firstSeq);
      if (lastSeq - firstSeq < searched) this.list.says(["No message passes the filter", `Looked at all ${plural(lastSeq - firstSeq + 1, "message")} of the stream.`]);
      this.next.from = String(Math.max(firstSeq, lastSeq - searched + 1));
      return this.past.on(this.next, most);
    }, true);
  }

  /** Shows the next page of the past. */
  page() {
    return this.look(() => this.past.on(this.next));
  }

  /**
   * Shows below the others what is found.
   * @param {() => Promise<import("./past.js").Found>} find @param {boolean} [fresh] these are the newest messages
   */
  async look(find, fresh = false) {
    fill(this.wrong);
    const mine = ++this.looks;
    try {
      const found = await find();
      if (mine !== this.looks) return; // something else is looked at meanwhile
      this.fresh = fresh;
      if (found.dropped) this.list.mark(`${plural(found.dropped, "message")} before these are no longer kept`);
      this.began(found);
      this.list.add(found.messages);
      this.next = found.next;
      this.drawMore(found);
      this.list.settle(`Showing ${plural(this.list.size, "message")}.`);
    } catch (error) {
      if (isAbort(error)) throw error;
      if (mine === this.looks) this.refused(error);
    }
    this.drawState();
  }

  /** Notes where the list begins, once something was found. @param {import("./past.js").Found} found */
  began({ messages, next, firstSeq, more }) {
    this.first = firstSeq;
    const asked = /^\d+$/.test(this.next.from) ? Math.max(firstSeq, Number(this.next.from)) : this.next.from === "earliest" ? firstSeq : null;
    this.top ??= (this.filter && asked) || (messages[0]?.seq ?? (more ? null : Number(next.from)));
    this.drawBefore();
  }

  /** What leads on. @param {{messages: any[], more: boolean}} found */
  drawMore({ messages, more }) {
    fill(this.more, more && h("div", { class: "pager" },
      h("span", {}, this.filter && messages.length < pageSize ? `Searched up to message ${count(Number(this.next.from) - 1)}.` : "There are later messages."),
      button(this.filter ? "Search on" : `Show the next ${pageSize}`, { small: true, click: () => this.page() })));
  }

  /** Shows the messages before the first one. Where the list is full, the newest give way. */
  async before() {
    this.makePlace(pageSize); // a tail would move the top on while the gateway is asked
    fill(this.wrong);
    const mine = ++this.looks, { epoch } = this.next, { top } = this;
    try {
      const { found, from, missed } = this.filter ? await this.past.searchBefore(top, this.first, epoch)
        : await this.past.before(top, this.first, epoch).then((found) => ({ found, from: found.messages[0]?.seq ?? top, missed: undefined }));
      if (mine !== this.looks) return;
      this.makePlace(found.messages.length);
      const hole = missed?.[0] ?? top, end = this.top > top ? this.top : missed ? missed[1] + 1 : top; // the top may have moved on
      const cut = this.list.addBefore(found.messages, hole < end ? notShown(hole, end - 1) : undefined);
      [this.first, this.top] = [found.firstSeq, Math.max(from, found.firstSeq)];
      if (cut) this.cutAtEnd();
      this.drawBefore();
      announce(found.messages.length ? `${plural(found.messages.length, "earlier message")}.`
        : this.filter ? `No message from ${count(this.top)} on passes the filter.` : "There are no earlier messages.");
    } catch (error) {
      if (isAbort(error)) throw error;
      if (mine === this.looks) fill(this.wrong, problemNotice(error));
    }
  }

  /** Ends a tail that has no place in the list any more, if so many messages come before the others. @param {number} n */
  makePlace(n) {
    if (this.wanted && this.list.rows.children.length + n >= most) this.stop();
  }

  /** The list goes on behind its last message, since those that came after it have given way. */
  cutAtEnd() {
    this.fresh = false;
    this.next = { from: String(this.list.range[1] + 1), epoch: this.next.epoch };
    this.drawMore({ messages: Array(pageSize), more: true });
  }

  /** The list begins later now. */
  cutAtTop() {
    this.top = this.list.range[0];
    this.first ??= this.view.state?.firstSeq;
    this.drawBefore();
  }

  /** Says which messages are before the list, and leads to them. */
  drawBefore() {
    const { hasHttp } = this.view.session, { top, first } = this;
    const some = hasHttp && top !== null && first !== undefined && top > first;
    if (!some && this.list.lead.contains(document.activeElement)) this.list.element.focus({ preventScroll: true });
    this.list.lead.hidden = !some;
    if (!some) return;
    this.leftOut.textContent = notShown(first, top - 1) + ".";
    this.earlier.textContent = this.filter ? "Search those before" : `Show the ${Math.min(pageSize, top - first)} before`;
  }

  /** Shows what the gateway refuses: what is wrong with the filter or the start at its field. */
  refused(error) {
    const about = (start) => (error.errors ?? []).filter((e) => e.startsWith(start));
    const filter = about("filter"), from = this.valueField.hidden ? [] : [...about("query: from"), ...about("from")];
    const beyond = error.code === "position_lost" && this.kind.value === "number" && this.list.size === 0;
    if (filter.length + from.length === 0 && !beyond) return fill(this.wrong, problemNotice(error));
    this.list.says(["Nothing is shown", "Messages appear here once what is marked is correct."]);
    const typed = this.where.value.trim().startsWith("{") ? filter : filter.map((e) => e.replace(/^filter[^:]*: /, "")); // a place in JSON that nobody wrote
    if (filter.length > 0) this.whereField.setError(typed.join("; "));
    if (from.length > 0) this.startField.setError(this.kind.value === "time" ? `${noTime} What the list shows will do, too.` : noNumber);
    if (beyond) this.startField.setError(`There is no message ${this.from()} yet.` + (this.view.state ? ` The newest one is ${count(this.view.state.lastSeq)}.` : ""));
    (filter.length > 0 ? this.where : this.value).focus();
  }

  async toggle() {
    if (this.socket || this.wanted) return this.stop();
    const before = JSON.stringify(this.filter);
    if (!this.takeFilter()) return;
    if (JSON.stringify(this.filter) !== before) await this.load(); // the list would have messages of two filters
    this.show();
    return this.start();
  }

  /** Brings the end of the list into view, where messages are about to appear. */
  show() {
    if (this.section.getBoundingClientRect().top > innerHeight / 2) this.section.scrollIntoView({ block: "start" });
    this.list.toEnd();
  }

  /**
   * Begins the tail where the list ends. If the reader was in the past, there may be many messages until now: the tail
   * begins with those that come, and a line says which are not shown.
   */
  async start() {
    this.looks++; // what is still asked for would come below the tail
    if (this.more.firstChild && this.list.size && !this.fresh) {
      this.unread = Number(this.next.from);
      this.next = { from: "latest", epoch: null };
    }
    if (this.next.from === "newest") this.next = { from: "latest", epoch: null }; // what is the newest is not known
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
      if (answer.nextSeq !== undefined && begin === "latest") this.beganAt(answer);
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

  /** Notes where a tail began, and says what is missing between it and the list. @param {any} answer */
  beganAt({ nextSeq, epoch }) {
    this.next = { from: String(nextSeq), epoch };
    if (this.unread < nextSeq) this.list.mark(notShown(this.unread, nextSeq - 1));
    this.unread = undefined;
    this.first ??= this.view.state?.firstSeq;
    if (this.list.size === 0) this.top = nextSeq;
    this.drawBefore();
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


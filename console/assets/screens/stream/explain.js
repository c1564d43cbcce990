// Why a client got a message, or did not: each step with its verdict, as the gateway decides it.
import { h, fill } from "../../dom.js";
import { call, isAbort, streamPath, withoutPointer } from "../../api.js";
import { time, visible } from "../../format.js";
import { badge, button, busy, dialog, field, input, notice, problemNotice } from "../../ui.js";
import { filterTree } from "../filtertree.js";

/** What a verdict is called, and the kind of its badge. */
const verdicts = { yes: ["yes", "good"], no: ["no", "danger"], waiting: ["not yet", "warning"], unknown: ["unknown", ""] };
const notices = { yes: "good", no: "danger", waiting: "warning", unknown: "info" };

/** Asks about one message. @param {import("../stream.js").StreamView} view @param {number} seq */
export function explainMessage(view, seq) {
  const own = view.session.clientId, mayAskOthers = view.session.may("administer");
  const client = input({ class: "code", value: own });
  const group = input({ class: "code", placeholder: "a UUID; empty for all groups" });
  const token = h("textarea", { class: "code", rows: 3, spellcheck: "false", placeholder: "eyJ…" });
  const result = h("div", { "aria-live": "polite" });
  const ask = button("Explain", { kind: "primary", icon: "search", type: "submit" });
  const submit = (event) => {
    event.preventDefault();
    busy(ask, async () => {
      const body = Object.fromEntries(Object.entries({ clientId: client.value.trim(), groupId: group.value.trim(), token: token.value.trim() }).filter(([, v]) => v));
      try {
        const answer = await call("POST", streamPath(view.name, "messages", String(seq), "explain"), { body, signal: view.signal });
        fill(result, explanation(answer));
      } catch (error) {
        if (!isAbort(error)) fill(result, problemNotice(error));
      }
    });
  };
  const questions = h("div", { class: "stack", role: "group", "aria-label": "Who is asked about" },
    h("div", { class: "row-end" },
      mayAskOthers && h("div", { class: "grow" }, field("Client", client)),
      h("div", { class: "grow" }, field("Group", group))),
    h("details", { class: "explain-token" }, h("summary", {}, "The bearer of a token"), field("Token", token, { hint: "Signed by that client. It goes to this gateway only, in the body of the request." })),
    h("div", {}, ask));
  const shown = dialog(`Message ${seq} of ${view.name}`, { body: h("div", { class: "stack-l explain" }, questions, result) });
  shown.element.classList.add("dialog-wide");
  shown.element.querySelector("form").addEventListener("submit", submit);
  view.signal.addEventListener("abort", () => shown.close());
  ask.click();
}

/** An Explanation. @param {any} x */
export function explanation(x) {
  const [before, ...rest] = withoutPointer(x.summary).split(": ");
  return h("div", { class: "stack" },
    notice(notices[x.verdict] ?? "info", h("p", {}, h("strong", {}, before[0].toUpperCase() + before.slice(1) + (rest.length ? ": " : "")), rest.join(": "))),
    h("ol", { class: "explain-steps", "aria-label": "Steps" }, x.steps.map(step)),
    x.omitted && h("p", { class: "muted small" }, "There are more connections or groups than are shown."));
}

/** A text in which the gateway's times are those of the reader's zone, as in the list. @param {string} text */
const withTimes = (text) => text.split(/(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC)/).map((part, i) => (i % 2 ? time(part.replace(" UTC", "Z").replace(" ", "T")) : part));

/** One step. @param {any} s */
function step(s) {
  const [word, kind] = verdicts[s.verdict] ?? verdicts.unknown;
  return h("li", { class: `explain-step explain-${s.verdict}` },
    h("span", { class: "explain-verdict" }, badge(word, kind)),
    h("div", { class: "explain-head" }, h("strong", { title: s.code }, s.step)),
    h("p", {}, withTimes(withoutPointer(s.message))),
    s.errors?.length > 0 && h("ul", { class: "small" }, s.errors.map((e) => h("li", {}, visible(e)))),
    s.filter && filterTree(s.filter),
    s.steps?.length > 0 && h("ol", { class: "explain-steps" }, s.steps.map(step)),
    s.recipients?.omitted > 0 && h("p", { class: "muted small" }, `${s.recipients.omitted} more are not shown.`));
}

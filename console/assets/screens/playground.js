// A playground for tokens and filters. The gateway says what they mean: nothing is evaluated
// here, and nothing leaves the gateway.
import { h, fill } from "../dom.js";
import { call, isAbort, streamPath } from "../api.js";
import { count, json, plural } from "../format.js";
import { badge, busy, button, field, input, notice, problemNotice, segments } from "../ui.js";
import { claimsOf } from "../login.js";
import { filterTree } from "./filtertree.js";

const exampleFilter = `{"t": "and", "e": [
  {"t": "eq", "e": [{"t": "path", "e": "$.pressure"}, {"t": "number", "e": 3001}]},
  {"t": "not", "e": {"t": "eq", "e": [{"t": "path", "e": "$.unit"}, {"t": "string", "e": "F"}]}}
]}`;
const exampleMessage = `{"temperature": 91.5, "pressure": 3001, "unit": "C"}`;

/** @param {import("../app.js").View} view */
export default function playground(view) {
  let kind = "filter";
  const area = (props) => h("textarea", { class: "code", spellcheck: "false", ...props });
  const filter = area({ rows: 8, value: exampleFilter });
  const token = area({ rows: 5, placeholder: "eyJ…" });
  const client = input({ class: "code" });
  const stream = input({ class: "code", value: "boiler_data" });
  const message = area({ rows: 8, value: exampleMessage });
  const filterField = field("Filter", filter, { kind: "JSON", hint: "A tree of nodes, as the claim “filter” of a token has it." });
  const tokenField = h("div", { class: "stack", hidden: true }, field("Token", token, { hint: "It goes to this gateway only." }), field("Client id", client, { hint: "Of the client that signed it." }));
  const result = h("section", { class: "card", "aria-label": "What the gateway says", "aria-live": "polite" });
  const submit = button("Evaluate", { kind: "primary", icon: "play", type: "submit" });
  const idle = () => fill(result, h("h2", {}, "What the gateway says"), h("p", { class: "muted" }, "Evaluate a filter or a token for a message, and each node is shown with what it is for that message."));

  const evaluate = async () => {
    const heading = h("h2", {}, "What the gateway says");
    const payload = `"payload":${message.value.trim() || "null"}`;
    try {
      if (kind === "filter") {
        const raw = `{"streamName":${JSON.stringify(stream.value.trim())},"filter":${filter.value.trim() || "null"},${payload}}`;
        return fill(result, heading, verdict(await call("POST", "/filters/evaluate", { raw, signal: view.signal })));
      }
      const raw = `{"token":${JSON.stringify(token.value.trim())},"clientId":${JSON.stringify(client.value.trim())},${payload}}`;
      fill(result, heading, bearer(await call("POST", streamPath(stream.value.trim(), "explain"), { raw, signal: view.signal }), token.value.trim()));
    } catch (error) {
      if (isAbort(error)) throw error;
      fill(result, heading, problemNotice(error));
    }
  };
  fill(view.root,
    view.head("Playground", { lead: "What a token or a filter means for a message, as the gateway itself evaluates it. Nothing is published." }),
    h("div", { class: "columns columns-even" },
      h("form", { class: "card", novalidate: true, "aria-label": "What to evaluate", on: { submit: (event) => (event.preventDefault(), busy(submit, evaluate)) } },
        h("div", {}, segments("Evaluate", [["filter", "Filter"], ["token", "Token"]], kind, (next) => {
          kind = next;
          filterField.hidden = kind === "token";
          tokenField.hidden = kind === "filter";
          idle();
        })),
        filterField, tokenField, field("Stream", stream), field("Message", message, { kind: "JSON" }), h("div", {}, submit)),
      result));
  idle();
}

function verdict(x) {
  return h("div", { class: "stack" },
    x.passes ? notice("good", h("p", {}, h("strong", {}, "The message passes."))) : notice("warning", h("p", {}, h("strong", {}, "The message is kept back."), x.tooCostly && " The filter takes more steps than it may.")),
    filterTree(x),
    h("p", { class: "muted small" }, `The verdict took ${plural(x.steps, "step")}.`, x.omitted > 0 && ` ${count(x.omitted)} nodes are not shown.`));
}

/** What would happen to the message on its way to the bearer of a token, step by step. */
function bearer(answer, token) {
  let claims = null;
  try {
    claims = claimsOf(token);
  } catch {
    claims = null; // then the gateway says so
  }
  return h("div", { class: "stack" },
    notice({ yes: "good", no: "warning" }[answer.verdict] ?? "info", h("p", {}, h("strong", {}, answer.summary))),
    h("ol", { class: "verdicts" }, answer.steps.map((s) => h("li", { class: "stack-s" },
      h("div", { class: "row" }, badge({ yes: "Yes", no: "No", waiting: "Waiting", unknown: "Unknown" }[s.verdict] ?? s.verdict, { yes: "good", no: "danger", waiting: "info" }[s.verdict] ?? ""), h("span", {}, s.message)),
      s.errors?.length > 0 && h("ul", { class: "mono small" }, s.errors.map((e) => h("li", {}, e))),
      s.filter && filterTree(s.filter)))),
    claims && h("details", {}, h("summary", {}, "Claims of the token"), h("div", { class: "code-block" }, json(JSON.stringify(claims)))));
}

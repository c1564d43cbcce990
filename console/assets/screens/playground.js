// A playground for tokens and filters. The gateway says what they mean: nothing is evaluated
// here, and nothing leaves the gateway.
import { h, fill } from "../dom.js";
import { call, isAbort } from "../api.js";
import { count, json, plural } from "../format.js";
import { busy, button, field, holdsJSON, input, notice, problemNotice, segments } from "../ui.js";
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
  const messageField = field("Message", message, { kind: "JSON" });
  const result = h("section", { class: "card", "aria-label": "What the gateway says", "aria-live": "polite" });
  const submit = button("Evaluate", { kind: "primary", icon: "play", type: "submit" });
  const idle = () => fill(result, h("h2", {}, "What the gateway says"), h("p", { class: "muted" }, "Evaluate a filter or a token for a message, and each node is shown with what it is for that message."));

  const evaluate = async () => {
    messageField.setError("");
    const correct = [!message.value.trim() || holdsJSON(messageField, message), kind === "token" || holdsJSON(filterField, filter)]; // the upper one has the focus
    if (correct.includes(false)) return idle();
    const heading = h("h2", {}, "What the gateway says");
    const about = kind === "filter" ? `"filter":${filter.value.trim()}` : `"token":${JSON.stringify(token.value.trim())},"clientId":${JSON.stringify(client.value.trim())}`;
    try {
      const answer = await call("POST", "/filters/evaluate", { raw: `{"streamName":${JSON.stringify(stream.value.trim())},${about},"payload":${message.value.trim() || "null"}}`, signal: view.signal });
      fill(result, heading, answer.token && tokenVerdict(answer.token, stream.value.trim()), answer.filter ? answer.token?.valid !== false && verdict(answer.filter) // nobody reads with a token that is refused
        : answer.token?.valid && answer.token.mayRead && notice("good", h("p", {}, h("strong", {}, "The message passes: "), "the token has no filter.")));
    } catch (error) {
      if (isAbort(error)) throw error;
      fill(result, heading, problemNotice(error));
    }
    result.scrollIntoView({ block: "nearest" }); // on a narrow screen it is below the form
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
        filterField, tokenField, field("Stream", stream), messageField, h("div", {}, submit)),
      result));
  idle();
}

function verdict(x) {
  return h("div", { class: "stack" },
    x.passes ? notice("good", h("p", {}, h("strong", {}, "The message passes."))) : notice("warning", h("p", {}, h("strong", {}, "The message is kept back."), x.tooCostly && " The filter takes more steps than it may.")),
    filterTree(x),
    h("p", { class: "muted small" }, `The verdict took ${plural(x.steps, "step")}.`, x.omitted > 0 && ` ${count(x.omitted)} nodes are not shown.`));
}

/** What a token says, and what the gateway says about it. */
function tokenVerdict(t, stream) {
  const errors = t.filterErrors?.length > 0 && h("ul", {}, t.filterErrors.map((e) => h("li", {}, e)));
  return h("div", { class: "stack" },
    t.valid ? notice("good", h("p", {}, h("strong", {}, "The gateway accepts the token")), h("p", {}, `It expires ${new Date(t.expires).toLocaleString("en-GB")}.`), errors)
      : notice("danger", h("p", {}, h("strong", {}, "The gateway refuses the token")), h("p", {}, t.reason), errors),
    t.valid && t.mayRead === false && notice("warning", h("p", {}, h("strong", {}, `Its bearer may not read ${stream}. `), t.reason)),
    t.claims && h("details", {}, h("summary", {}, "Header and claims"), h("div", { class: "code-block" }, json(JSON.stringify({ header: t.header, claims: t.claims })))));
}

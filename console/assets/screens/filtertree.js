// A filter as a tree in which each node has what it is for one message. Words say what the
// colours say.
import { h } from "../dom.js";

const words = { true: "true", false: "false", error: "error", unknown: "unknown" };

function node(n) {
  return h("li", {},
    h("div", { class: `node node-${n.outcome}` + (n.decisive ? " node-decisive" : "") },
      h("span", { class: "outcome" }, words[n.outcome] ?? n.outcome),
      h("span", {}, n.operands?.length ? h("strong", {}, n.type) : n.text),
      n.value && h("span", { class: "muted" }, `= ${n.value}`),
      n.decisive && h("span", { class: "visually-hidden" }, "(decides)")),
    n.reason && h("p", { class: "muted small node-reason" }, n.reason),
    n.operands?.length > 0 && h("ul", {}, n.operands.map(node)));
}

/** The tree of a FilterExplanation. @param {{root: any}} explanation */
export const filterTree = (explanation) => h("div", { class: "stack-s" },
  h("ul", { class: "tree", "aria-label": "Nodes of the filter" }, node(explanation.root)),
  h("p", { class: "muted small" }, "Nodes with a thick border decide the outcome: with other outcomes of the others it would be the same."));

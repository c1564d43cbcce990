// A filter as a tree in which each node has what it is for one message. Words say what the
// colours say.
import { h } from "../dom.js";
import { visible } from "../format.js";

/** Paths as people write them: $["berth"]["no"] is $.berth.no. @param {string} text */
const paths = (text) => visible(text.replace(/\$(?:\["(?:[^"\\]|\\.)*"\]|\[\d+\])+/g, (path) => path.replace(/\["([A-Za-z_]\w*)"\]/g, ".$1")));

const literals = ["string", "number", "bool", "null"];

const logical = ["and", "or", "not"];

/** @param {any} n @param {string} [parent] the type of the node above it */
function node(n, parent = "and") {
  const literal = literals.includes(n.type); // what it is, its text says
  const compared = n.type === "path" && n.value && !logical.includes(parent); // its value counts, and not whether it is true
  return h("li", {},
    h("div", { class: `node node-${n.outcome}` + (n.decisive ? " node-decisive" : "") },
      !literal && !compared && h("span", { class: "outcome" }, n.outcome),
      h("bdi", {}, n.operands?.length ? h("strong", {}, n.type) : paths(n.text)),
      n.value && !literal && h("span", { class: "muted" }, "= ", h("bdi", {}, visible(n.value))),
      n.decisive && h("span", { class: "visually-hidden" }, "(decides)")),
    n.reason && h("p", { class: "muted small node-reason" }, paths(n.reason)),
    n.operands?.length > 0 && h("ul", {}, n.operands.map((o) => node(o, n.type))));
}

/** The tree of a FilterExplanation. @param {{root: any}} explanation */
export const filterTree = (explanation) => h("div", { class: "stack-s" },
  h("ul", { class: "tree", "aria-label": "Nodes of the filter" }, node(explanation.root)),
  h("p", { class: "muted small" }, "Nodes with a thick border decide the outcome: with other outcomes of the others it would be the same."));

// Lists that the gateway has in pages.
import { h } from "./dom.js";
import { button } from "./ui.js";
import { plural } from "./format.js";

/**
 * Turns the pages of a list. load is called after each turn.
 * @param {string} one what an item is called @param {() => any} load
 */
export function pager(one, load) {
  let after = null;
  const before = [];
  const turn = (to) => {
    after = to;
    return load();
  };
  return {
    /** Where the page begins, for the query. */
    get after() {
      return after;
    },
    /** Goes back to the first page, without a look. */
    reset() {
      after = null;
      before.length = 0;
    },
    /** The buttons below a page; nothing if it is the only one. @param {number} n @param {string | null} next */
    foot: (n, next) =>
      (next !== null || after) && h("div", { class: "pager" }, h("span", {}, `${plural(n, one)} on this page`), h("div", { class: "row" },
        button("Previous", { small: true, disabled: !after, click: () => turn(before.pop() ?? null) }),
        button("Next", { small: true, disabled: next === null, click: () => (before.push(after), turn(next)) }))),
  };
}

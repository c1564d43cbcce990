// Lists that the gateway has in pages.
import { h } from "./dom.js";
import { get } from "./api.js";
import { button } from "./ui.js";
import { plural } from "./format.js";

/**
 * Asks the gateway for what one place of a screen shows. A question that is not answered yet ends with the next one, so
 * that a late answer does not take the place of a newer one.
 * @param {import("./app.js").View} view
 * @returns {(path: string, query?: Object<string, any>) => Promise<any>}
 */
export function asker(view) {
  let before = new AbortController();
  return (path, query = {}) => {
    before.abort();
    before = new AbortController();
    return get(path, query, AbortSignal.any([view.signal, before.signal]));
  };
}

/** Calls find when somebody types in a search, and pauses. @param {import("./app.js").View} view @param {any} search @param {() => any} find */
export function whenTyped(view, search, find) {
  let typing = 0;
  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(find, 250);
  });
  view.signal.addEventListener("abort", () => clearTimeout(typing));
}

/**
 * Turns the pages of a list. Where the page begins is in the URL. load is called after each turn.
 * @param {import("./app.js").View} view
 * @param {string} one what an item is called @param {() => any} load
 */
export function pager(view, one, load) {
  const before = []; // where the pages before this one begin, as far as they were seen
  const turn = (after) => {
    view.setQuery({ after });
    return load();
  };
  return {
    /** Where the page begins, for the query. */
    get after() {
      return view.query.get("after");
    },
    /** Goes back to the first page, without a look. */
    reset() {
      view.setQuery({ after: null });
      before.length = 0;
    },
    /** The buttons below a page; nothing if it is the only one. @param {number} n @param {string | null} next */
    foot: (n, next) => {
      const after = view.query.get("after");
      return (next !== null || after) && h("div", { class: "pager" }, h("span", {}, `${plural(n, one)} on this page`), h("div", { class: "row" },
        button("Previous", { small: true, disabled: !after, click: () => turn(before.pop() ?? null) }),
        button("Next", { small: true, disabled: next === null, click: () => (before.push(after), turn(next)) })));
    },
  };
}

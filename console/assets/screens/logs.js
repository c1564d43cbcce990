// The newest lines of the gateway's log, as they come.
import { h, fill } from "../dom.js";
import { get } from "../api.js";
import { announce, badge, button, empty, relabel, segments } from "../ui.js";
import { plural, time, clock } from "../format.js";

/** Lines that stay on the page. */
const kept = 500;
/** What an empty log means at each level. */
const nothing = {
  debug: "The log has no lines.",
  info: "The log has no lines of the level info or above.",
  warn: "The log has no warnings and no errors.",
  error: "The log has no errors.",
};
const severity = { DEBUG: "", INFO: "", WARN: "warning", ERROR: "danger" };

/** @param {import("../app.js").View} view */
export default async function logs(view) {
  let next = null, paused = false, dropped = 0, level = view.query.get("level") ?? "info", turn = 0;
  const lines = h("div", { class: "log log-lines", role: "log", "aria-label": "Log of the gateway", "aria-live": "off", tabindex: "0" });
  const none = h("div", { hidden: true });
  const state = h("span", { class: "muted small", role: "status" });
  const pause = button("Pause", { icon: "pause", small: true, click: () => {
    paused = !paused;
    relabel(pause, paused ? "play" : "pause", paused ? "Continue" : "Pause");
    say();
    if (!paused) return load();
  } });
  const say = () => {
    none.hidden = lines.childElementCount > 0;
    lines.hidden = !none.hidden;
    if (!none.hidden) fill(none, empty("logs", nothing[level] ?? nothing.debug, paused ? "Continue to see new lines." : "New lines appear here."));
    fill(state, paused ? "Paused. " : "", `${plural(lines.childElementCount, "line")} here`, dropped > 0 && `, ${plural(dropped, "older line")} dropped by this view`);
  };
  const load = async () => {
    if (paused) return;
    const mine = turn;
    const page = await get("/logs", { level, after: next, limit: next === null ? 200 : 500 }, view.signal);
    if (mine !== turn) return; // another level was chosen meanwhile
    next = page.next;
    const atEnd = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 40;
    if (page.missed > 0) lines.append(h("div", { class: "message-mark" }, `${plural(page.missed, "line")} in between ${page.missed === 1 ? "is" : "are"} not kept any more.`));
    for (const line of page.lines) lines.append(row(line));
    while (lines.childElementCount > kept) {
      lines.firstElementChild.remove();
      dropped++;
    }
    if (atEnd) lines.scrollTop = lines.scrollHeight;
    const worst = page.lines.filter((l) => l.level === "ERROR").length;
    if (worst > 0) announce(plural(worst, "new error") + " in the log");
    say();
  };
  const choose = (value) => {
    level = value;
    view.setQuery({ level: value === "info" ? null : value });
    fill(lines);
    [next, dropped] = [null, 0];
    turn++;
    return load();
  };
  fill(view.root, view.head("Log", { lead: "The newest lines of the gateway's log. They are kept in memory, and a restart forgets them." }),
    h("section", { class: "card card-flush", "aria-label": "Lines" },
      h("div", { class: "card-head" }, h("div", { class: "row" }, h("div", { class: "segments-line" }, segments("Least severe level", [["debug", "Debug"], ["info", "Info"], ["warn", "Warn"], ["error", "Error"]], level, choose)), pause), state), lines, none));
  view.every(2, load);
}

function row(line) {
  const { time: at, level, msg, ...rest } = line;
  return h("div", { class: "log-line" }, h("span", { class: "muted small number" }, time(at, clock)), badge(level, severity[level] ?? ""),
    h("div", {}, h("span", { class: "strong" }, msg), " ", h("span", { class: "muted small mono" }, Object.entries(rest).map(([k, v]) => `${k}=${typeof v === "string" ? v : JSON.stringify(v)}`).join(" "))));
}

// Numbers, sizes, times and JSON as people read them.
import { h } from "./dom.js";

const whole = new Intl.NumberFormat("en");
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** @param {number} n */
export const count = (n) => whole.format(n);

/** Is count up to five digits, and shorter above. @param {number} n */
export const short = (n) => (n < 100000 ? whole.format(n) : compact.format(n));

/** @param {number} n @param {string} one @param {string} [many] */
export const plural = (n, one, many = one + "s") => `${count(n)} ${n === 1 ? one : many}`;

/** @param {number} n of bytes */
export function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  while (n >= 1024 && i < units.length - 1) {
    n /= 1024;
    i++;
  }
  return `${i && n < 10 ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}

/** A rate per second. @param {number} n */
export const rate = (n) => (n === 0 ? "0/s" : n < 10 ? `${n.toFixed(1)}/s` : `${short(Math.round(n))}/s`);

/** A length of time. @param {number} s in seconds */
export function duration(s) {
  if (s > 0 && s < .001) return "< 1 ms";
  if (s > 0 && s < .9995) return `${Math.round(s * 1000)} ms`;
  s = Math.round(s);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

/** @param {string} text of a time in RFC 3339 */
export function ago(text) {
  const s = (Date.now() - Date.parse(text)) / 1000;
  return s < 5 ? "just now" : `${duration(s).replace(/ (min|h) .*/, " $1").replace(/ d .*/, " d")} ago`;
}

/** A time of day in the reader's zone, with the date unless it is today. @param {string} text */
export function clock(text) {
  const t = new Date(text);
  if (Number.isNaN(t.getTime())) return text;
  const time = t.toLocaleTimeString("en-GB") + "." + String(t.getMilliseconds()).padStart(3, "0");
  return t.toDateString() === new Date().toDateString() ? time : `${t.toLocaleDateString("en-CA")} ${time}`;
}

/** The reader's zone, whose times clock shows, such as Europe/Brussels. Its offset is another one in summer. */
export const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone ?? "the zone of this browser";

/** A time that clock shows, or without its seconds, as the gateway takes it. Another text stays as it is. @param {string} text */
export function instant(text) {
  const m = /^(?:(\d{4}-\d\d-\d\d)[ T])?(\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)$/.exec(text.trim());
  const t = m && new Date(`${m[1] ?? new Date().toLocaleDateString("en-CA")}T${m[2]}`);
  return t && !Number.isNaN(t.getTime()) ? t.toISOString() : text.trim();
}

/** An element with a time, whose title is the time as the gateway has it. @param {string} text @param {(text: string) => string} [show] */
export const time = (text, show = clock) => h("time", { datetime: text, title: text }, show(text));

/**
 * Splits JSON text into its tokens without changing a digit, and calls put for each.
 * @param {string} text @param {(token: string, kind: string) => void} put
 */
export function tokens(text, put) {
  const pattern = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d[\d.eE+-]*)|\b(true|false|null)\b|([{}[\],:])|(\s+)|([^])/g;
  for (const m of text.matchAll(pattern)) {
    if (m[1] !== undefined) {
      put(m[1], m[2] === undefined ? "string" : "key");
      if (m[2] !== undefined) put(":", "mark");
    } else if (m[3] !== undefined) put(m[3], "number");
    else if (m[4] !== undefined) put(m[4], "word");
    else if (m[5] !== undefined) put(m[5], "mark");
    else if (m[7] !== undefined) put(m[7], "mark");
  }
}

/**
 * Indents JSON text. Numbers stay as they were written: a double cannot hold all of them.
 * @param {string} text
 */
export function indented(text) {
  let out = "", depth = 0, empty = false;
  const line = () => "\n" + "  ".repeat(depth);
  tokens(text, (token, kind) => {
    if (kind === "mark" && (token === "}" || token === "]")) {
      depth = Math.max(0, depth - 1);
      out += (empty ? "" : line()) + token;
      empty = false;
      return;
    }
    if (empty) out += line();
    empty = false;
    if (kind === "mark" && (token === "{" || token === "[")) {
      depth++;
      out += token;
      empty = true;
    } else if (token === ",") out += "," + line();
    else if (token === ":" && kind === "mark") out += ": ";
    else out += token;
  });
  return out;
}

// Characters that nobody sees, or that turn the text around them: control characters, zero-width characters, fillers, tags
// and marks of direction. A joiner or a variant within an emoji is seen.
const unseen = /[\u007f-\u009f\u2028\u2029\ufff9-\ufffb]|(?![\u200d\ufe0e\ufe0f])\p{Default_Ignorable_Code_Point}|(?<!\p{Emoji})[\ufe0e\ufe0f]|(?<![\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f])\u200d/gu;
const controls = /[\u0000-\u0008\u000b-\u001f]/g;

/** A text with what is unseen in it as JSON writes it, such as \u202e. @param {string} text */
export const visible = (text) => text.replace(controls, escaped).replace(unseen, escaped);
const escaped = (c) => c.split("").map((unit) => "\\u" + unit.charCodeAt(0).toString(16).padStart(4, "0")).join("");

/** Letters of scripts that are written from the right. */
const fromRight = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/** JSON on one line. Strings that are written from the right do not change the order of what is around them. @param {string} text */
export function jsonLine(text) {
  const shown = visible(text);
  if (!fromRight.test(shown)) return shown;
  return shown.split(/("(?:[^"\\]|\\.)*"?)/).map((part, i) => (i % 2 ? h("bdi", {}, part) : part));
}

/** Indented JSON in colours, as an element, or the first so many characters of it. @param {string} text @param {number} [most] */
export function json(text, most = Infinity) {
  const code = h("code", {});
  let rest = "";
  const flush = () => {
    if (rest) code.append(rest);
    rest = "";
  };
  const shown = visible(indented(text).slice(0, most));
  let from = 0;
  for (const m of shown.matchAll(/("(?:[^"\\]|\\.)*")(?=(:)?)|(?<![\w"])(-?\d[\d.eE+-]*)|\b(true|false|null)\b/g)) {
    rest += shown.slice(from, m.index);
    from = m.index + m[0].length;
    flush();
    code.append(h("span", { class: m[1] ? (m[2] ? "j-key" : "j-string") : m[3] ? "j-number" : "j-word" }, m[0]));
  }
  rest += shown.slice(from);
  flush();
  return h("pre", { class: "wrap" }, code);
}

/** Quotes a text as one word of a shell. @param {string} text */
export const shell = (text) => (/^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

const scales = {
  bytes: { "": 1, b: 1, kib: 1024, mib: 1024 ** 2, gib: 1024 ** 3, tib: 1024 ** 4, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12 },
  seconds: { "": 1, s: 1, m: 60, min: 60, h: 3600, d: 86400, w: 604800 },
  "": { "": 1 },
};

/**
 * The number that a text such as "10 GiB" or "1d 12h" means, in bytes, in seconds or without a unit; NaN if it is none.
 * @param {string} text @param {string} [unit]
 */
export function amountOf(text, unit = "") {
  const plain = text.replace(/(?<![\d.,])\d{1,3}(,\d{3})+(?![\d,])/g, (n) => n.replaceAll(",", ""));
  const parts = plain.match(/\d+(\.\d+)?\s*[a-z]*|\S/gi) ?? [];
  if (parts.length === 0 || (parts.length > 1 && unit !== "seconds")) return NaN;
  const amounts = parts.map((part) => {
    const [, number, scale] = /^([\d.]+)\s*([a-z]*)$/i.exec(part) ?? [];
    return scale || (parts.length === 1 && /^\d+$/.test(number)) ? Number(number) * (scales[unit][scale.toLowerCase()] ?? NaN) : NaN;
  });
  const exact = amounts.reduce((a, b) => a + b), n = Math.round(exact);
  return Number.isSafeInteger(n) && (n > 0 || exact === 0) ? n : NaN; // 0 is no bound, which 0.4 does not mean
}

// What one types to see some of the messages only: PATH=VALUE, PATH!=VALUE, or a filter as JSON. It is
// turned into a filter here; the gateway checks and applies it.

/** What is said of a place in a stream that is none. */
export const noTime = "This is no time. Write it as 2026-01-31T12:00:00Z.", noNumber = "This is no number of a message. The first one is 1.";

/** The most conditions that may be joined with "and". */
const most = 20;

/** What one may write, for an error. */
const grammar = "Write PATH=VALUE or PATH!=VALUE, several joined by “and”, or a filter as JSON. A text with spaces, quotes or any of = < > ! is written in quotes, such as name=\"North Quay\".";

/** A path, = or !=, and a value: JSON in quotes, or one word. The path may have names in quotes, too: $["a b"]. */
const condition = /((?:\["(?:[^"\\]|\\.)*"\]|\['(?:[^'\\]|\\.)*'\]|[^\s=<>!"'])+)\s*(!?)=\s*("(?:[^"\\]|\\.)*"|[^\s=<>!"']*)(?=\s|$)/y;
const and = /\s+and\s+/iy;

/** A literal of a filter: what is no JSON is a text. @param {string} text */
function literal(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    if (text.startsWith('"')) throw new Error(`${text} is no text of JSON.`);
    return { t: "string", e: text };
  }
  if (value === null) return { t: "null" };
  const type = { number: "number", boolean: "bool", string: "string" }[typeof value];
  return type ? { t: type, e: value } : { t: "string", e: text };
}

/** The condition that a match of the expression above means. @param {RegExpExecArray} match */
function node([, path, not, value]) {
  const equal = { t: "eq", e: [{ t: "path", e: path }, literal(value)] };
  return not ? { t: "not", e: equal } : equal;
}

/** Reads an expression at a place, and goes on behind it. @param {RegExp} pattern @param {string} text @param {number} at */
function read(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/**
 * The filter that a text means, null for all messages. It throws what is wrong.
 * @param {string} text
 */
export function filterOf(text) {
  if (text === "") return null;
  if (text.startsWith("{")) {
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new Error(`This is no JSON: ${error.message}`);
    }
  }
  const all = [];
  for (let at = 0; ; ) {
    const found = read(condition, text, at);
    if (!found) throw new Error(`“${text.slice(at)}” is no condition. ${grammar}`);
    all.push(node(found));
    at += found[0].length;
    if (at === text.length) break;
    const joint = read(and, text, at);
    if (!joint) throw new Error(`“${text.slice(at).trim()}” does not go on with “and” and a condition. ${grammar}`);
    at += joint[0].length;
  }
  if (all.length > most) throw new Error(`At most ${most} conditions. Write the filter as JSON.`);
  return all.length === 1 ? all[0] : { t: "and", e: all };
}

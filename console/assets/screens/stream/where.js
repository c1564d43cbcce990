// What one types to see some of the messages only: PATH=VALUE, PATH!=VALUE, or a filter as JSON. It is
// turned into a filter here; the gateway checks and applies it.

/** What is said of a place in a stream that is none. */
export const noTime = "This is no time. Write it as 2026-01-31T12:00:00Z.", noNumber = "This is no number of a message. The first one is 1.";

/** The most parts that may be joined with "and". */
const parts = 20;

/** A literal of a filter: what is no JSON is a text. @param {string} text */
function literal(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    return { t: "string", e: text };
  }
  if (value === null) return { t: "null" };
  const type = { number: "number", boolean: "bool", string: "string" }[typeof value];
  return type ? { t: type, e: value } : { t: "string", e: text };
}

/** @param {string} text */
function condition(text) {
  const m = /^([^=]*?)(!?)=(.*)$/s.exec(text);
  if (!m || !m[1].trim()) throw new Error(`“${text}” is no condition. Write such as unit=C, pressure!=3001, or a filter as JSON.`);
  const equal = { t: "eq", e: [{ t: "path", e: m[1].trim() }, literal(m[3].trim())] };
  return m[2] ? { t: "not", e: equal } : equal;
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
  const all = text.split(/\s+and\s+/i);
  if (all.length > parts) throw new Error(`At most ${parts} conditions. Write the filter as JSON.`);
  return all.length === 1 ? condition(text) : { t: "and", e: all.map(condition) };
}

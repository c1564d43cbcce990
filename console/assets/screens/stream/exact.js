// JSON whose numbers keep their digits: a double does not hold all of them.
import { tokens } from "../../format.js";

/** A number as it was written. */
export class Digits {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
  }
}

/** The value of a JSON text, with Digits for its numbers. @param {string} text */
export function exact(text) {
  let marked = ""; // the first letter of each string says what it is
  tokens(text, (token, kind) => (marked += kind === "number" ? `"n${token}"` : kind === "string" ? `"s${token.slice(1)}` : token));
  return JSON.parse(marked, (_, value) => (typeof value !== "string" ? value : value[0] === "n" ? new Digits(value.slice(1)) : value.slice(1)));
}

const step = (key) => (/^[\p{L}_][\p{L}\p{N}_-]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`);

/**
 * The place of the first part of a value that another value does not have, or has otherwise: $.a[0].b. It is null if
 * there is none; what only the other one has does not count.
 * @param {any} value of exact @param {any} other of exact @param {string} [place] @returns {string | null}
 */
export function lost(value, other, place = "$") {
  if (typeof value !== "object" || value === null) return value === other ? null : place;
  if (typeof other !== "object" || other === null) return place;
  if (value instanceof Digits || other instanceof Digits) return value instanceof Digits && other instanceof Digits && value.text === other.text ? null : place;
  if (Array.isArray(value) !== Array.isArray(other) || (Array.isArray(value) && value.length !== other.length)) return place;
  for (const [key, part] of Object.entries(value)) {
    const at = place + (Array.isArray(value) ? `[${key}]` : step(key));
    const found = Object.hasOwn(other, key) ? lost(part, other[key], at) : at;
    if (found) return found;
  }
  return null;
}

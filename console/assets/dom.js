// Builds elements. Text always becomes text: nothing here parses HTML, and the
// Content-Security-Policy forbids what would (require-trusted-types-for).

/** The listeners that h gave to elements, by the names of their events. An element that is patched gets others. */
const listeners = new WeakMap();

const properties = new Set(["value", "checked", "disabled", "selected", "indeterminate", "open", "hidden", "readOnly", "multiple"]);

/**
 * Returns a new element. In props, "class" is the class, "on" an object of listeners, "data" an
 * object for dataset, "ref" a function that is called with the element; other keys are
 * attributes. A value of null, undefined or false leaves the key out. Children may be
 * nested lists, and null and false are left out.
 * @param {string} tag
 * @param {Object<string, any>} [props]
 * @param {...any} children
 * @returns {any}
 */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  const { on, data, ref, ...rest } = props ?? {};
  for (const [name, value] of Object.entries(rest)) {
    if (value === undefined || value === null) continue;
    if (properties.has(name)) element[name] = value;
    else if (value !== false) element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const name of Object.keys(on ?? {})) element.addEventListener(name, (event) => listeners.get(element)[name]?.(event));
  if (on) listeners.set(element, on);
  Object.assign(element.dataset, data);
  append(element, children);
  ref?.(element);
  return element;
}

/** Appends children as h does. @param {Element} element @param {any[]} children */
export function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

/** Replaces what is in an element. @param {Element} element @param {...any} children */
export function fill(element, ...children) {
  element.replaceChildren();
  return append(element, children);
}

/** The names of the events that an element of h listens to. @param {any} element */
const heard = (element) => Object.keys(listeners.get(element) ?? {}).join();

/** Attributes that a person changes and not who draws: whether a button is busy, and details are open. */
const kept = new Set(["aria-busy", "open"]);

/**
 * Changes an element into another one that was drawn meanwhile. What is the same stays: so do the focus, a selection,
 * what is open and how far it is scrolled. Children with a data-key are the same if that is; others by their order. What
 * has data-stays is filled by somebody else, and stays as it is.
 * @param {any} now @param {any} next
 */
export function patch(now, next) {
  if (now.nodeType !== Node.ELEMENT_NODE) {
    if (now.nodeValue !== next.nodeValue) now.nodeValue = next.nodeValue;
    return;
  }
  if (now.dataset?.stays !== undefined && next.dataset.stays !== undefined) return;
  if (listeners.has(next)) listeners.set(now, listeners.get(next));
  for (const { name } of [...now.attributes]) if (!next.hasAttribute(name) && !kept.has(name)) now.removeAttribute(name);
  for (const { name, value } of next.attributes) if (now.getAttribute(name) !== value && !kept.has(name)) now.setAttribute(name, value);
  patchChildren(now, [...next.childNodes]);
}

/** Changes the children of an element into others, as patch does. @param {any} element @param {any[]} next */
export function patchChildren(element, next) {
  const keyOf = (node) => node.dataset?.key;
  const keys = new Set(next.map(keyOf));
  for (const child of [...element.children]) if (keyOf(child) !== undefined && !keys.has(keyOf(child))) child.remove();
  const keyed = new Map([...element.children].map((child) => [keyOf(child), child]));
  let at = element.firstChild;
  for (const node of next) {
    const key = keyOf(node), found = key === undefined ? at : keyed.get(key);
    const same = found && found.nodeName === node.nodeName && keyOf(found) === key && heard(found) === heard(node);
    if (!same) element.insertBefore(node, at);
    else {
      if (found === at) at = at.nextSibling;
      else element.insertBefore(found, at);
      patch(found, node);
    }
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

const svgNamespace = "http://www.w3.org/2000/svg";

/** Returns a new SVG element. @param {string} tag @param {Object<string, any>} attributes @param {...Element} children */
export function svg(tag, attributes, ...children) {
  const element = document.createElementNS(svgNamespace, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

let ids = 0;

/** Returns an id that no other element of the page has. @param {string} [prefix] */
export const uniqueId = (prefix = "id") => `${prefix}-${++ids}`;

// Builds elements. Text always becomes text: nothing here parses HTML, and the
// Content-Security-Policy forbids what would (require-trusted-types-for).

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
  for (const [name, listener] of Object.entries(on ?? {})) if (listener) element.addEventListener(name, listener);
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

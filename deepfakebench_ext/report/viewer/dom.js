// Elements without markup: text is always text, so that nothing that a user supplied can become anything else.

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * An element. Properties that begin with `on` are listeners, `style` has CSS properties, `class` is the class; `false`,
 * `null` and `undefined` leave an attribute out, `true` gives an empty one.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} [properties]
 * @param {(Child | Child[])[]} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, properties = {}, ...children) {
  return filled(document.createElement(tag), properties, children);
}

/**
 * An element of a drawing.
 * @param {string} tag
 * @param {Record<string, any>} [properties]
 * @param {(Child | Child[])[]} children
 * @returns {SVGElement}
 */
export function svg(tag, properties = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), properties, children);
}

/**
 * @template {HTMLElement | SVGElement} E
 * @param {E} element
 * @param {Record<string, any>} properties
 * @param {(Child | Child[])[]} children
 * @returns {E}
 */
function filled(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, each] of Object.entries(value)) element.style.setProperty(key, `${each}`);
    else element.setAttribute(name, value === true ? "" : `${value}`);
  }
  put(element, ...children);
  return element;
}

/**
 * Put children into an element, in place of those that it has.
 * @param {Element} element
 * @param {(Child | Child[])[]} children
 */
export function put(element, ...children) {
  const kept = children.flat().filter((child) => child !== null && child !== undefined && child !== false);
  element.replaceChildren(...kept.map((child) => (typeof child === "number" ? `${child}` : /** @type {Node | string} */ (child))));
}

/**
 * A file name or another text of a user's, kept apart from the direction of the text around it.
 * @param {string} text
 */
export function named(text) {
  return h("bdi", {dir: "auto", class: "name"}, shown(text));
}

/**
 * A text without characters that have no shape, or that turn the direction of what follows.
 * @param {string} text
 */
export function shown(text) {
  return text.replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu, "\ufffd");
}

let tips = 0;

/**
 * A word with its explanation, which is shown where it is pointed at, focused or pressed, and goes on Escape.
 * @param {string} word
 * @param {string} explanation
 */
export function term(word, explanation) {
  const id = `tip-${++tips}`;
  const tip = h("span", {class: "tip", role: "tooltip", id}, explanation);
  const button = h("button", {type: "button", class: "term", "aria-describedby": id}, word);
  /** @param {boolean} isOpen */
  const open = (isOpen) => whole.classList.toggle("is-open", isOpen);
  const whole = h(
    "span",
    {
      class: "has-tip",
      onpointerenter: () => open(true),
      onpointerleave: () => open(false),
      onfocusin: () => open(true),
      onfocusout: () => open(false),
      onkeydown: (/** @type {KeyboardEvent} */ event) => {
        if (event.key !== "Escape") return;
        open(false);
        event.stopPropagation();
      },
    },
    button,
    tip,
  );
  return whole;
}

// A grid of which only what can be seen is there, however many samples it has. One tab stop; arrows move within.

import {h, put} from "./dom.js";
import {UNKNOWN} from "./sample_set.js";
import {tile} from "./tile.js";

/** @typedef {import("./sample_set.js").SampleSet} SampleSet */
/** @typedef {import("./wish.js").Wish} Wish */

const GAP = 8;
const BESIDE = 2; // rows that are there above and below what is seen

export class Grid {
  /**
   * @param {SampleSet} set
   * @param {(sample: number, isOpened: boolean) => void} choose
   */
  constructor(set, choose) {
    this.set = set;
    this.choose = choose;
    /** @type {Wish | null} */
    this.wish = null;
    /** @type {Uint32Array} */
    this.found = new Uint32Array();
    this.columns = 1;
    this.rowHeight = 1;
    /** @type {Map<number, HTMLElement>} */
    this.rows = new Map();
    this.inner = h("div", {class: "rows", role: "presentation"});
    this.element = h(
      "div",
      {
        class: "grid",
        role: "grid",
        tabindex: 0,
        "aria-label": "Samples",
        "aria-describedby": "keys",
        onscroll: () => this.draw(),
        onkeydown: (/** @type {KeyboardEvent} */ event) => this.press(event),
        onclick: (/** @type {MouseEvent} */ event) => this.click(event),
      },
      this.inner,
    );
    new ResizeObserver(() => this.measure()).observe(this.element);
  }

  /**
   * Show samples, from the first on, or where it is among them from the chosen one on.
   * @param {Wish} wish
   * @param {Uint32Array} found
   */
  show(wish, found) {
    this.wish = wish;
    this.found = found;
    this.element.scrollTop = 0;
    this.measure(true);
    this.reveal(wish.sample);
  }

  /**
   * Mark another sample as the chosen one.
   * @param {Wish} wish
   */
  mark(wish) {
    this.wish = wish;
    for (const each of this.element.querySelectorAll("[aria-selected=true]")) each.setAttribute("aria-selected", "false");
    this.reveal(wish.sample);
    this.element.querySelector(`#sample-${wish.sample}`)?.setAttribute("aria-selected", "true");
  }

  measure(isNew = false) {
    if (this.wish === null) return;
    const style = getComputedStyle(this.element), letter = Number.parseFloat(style.fontSize);
    const side = this.set.sheets?.side ?? 112;
    const width = side + 18, lines = this.wish.b === UNKNOWN ? 3 : 4;
    const rowHeight = Math.ceil((this.set.sheets ? side + 4 : 0) + lines * letter * 1.45 + 18 + GAP);
    const room = this.element.clientWidth - 2 * GAP;
    const columns = Math.max(1, Math.floor((room + GAP) / (width + GAP)));
    const first = isNew ? 0 : Math.floor(this.element.scrollTop / this.rowHeight) * this.columns;
    const isSame = columns === this.columns && rowHeight === this.rowHeight;
    [this.columns, this.rowHeight] = [columns, rowHeight];
    this.element.style.setProperty("--columns", `${columns}`);
    this.element.style.setProperty("--height", `${rowHeight - GAP}px`);
    const count = Math.ceil(this.found.length / columns);
    this.inner.style.height = `${count * rowHeight}px`;
    this.element.setAttribute("aria-rowcount", `${count}`);
    this.element.setAttribute("aria-colcount", `${columns}`);
    if (isNew || !isSame) {
      put(this.inner);
      this.rows.clear();
      if (!isNew) this.element.scrollTop = Math.floor(first / columns) * rowHeight;
    }
    this.draw();
  }

  draw() {
    const {scrollTop, clientHeight} = this.element;
    const count = Math.ceil(this.found.length / this.columns);
    const first = Math.max(0, Math.floor(scrollTop / this.rowHeight) - BESIDE);
    const last = Math.min(count, Math.ceil((scrollTop + clientHeight) / this.rowHeight) + BESIDE);
    for (const [number, row] of this.rows) {
      if (number >= first && number < last) continue;
      row.remove();
      this.rows.delete(number);
    }
    for (let number = first; number < last; number++) {
      if (!this.rows.has(number)) this.add(number);
    }
    this.point();
  }

  /** @param {number} number */
  add(number) {
    const {set, wish} = this;
    if (wish === null) return;
    const samples = this.found.subarray(number * this.columns, (number + 1) * this.columns);
    const row = h(
      "div",
      {class: "samples", role: "row", "aria-rowindex": number + 1, style: {top: `${number * this.rowHeight}px`}},
      Array.from(samples, (at, column) => tile(set, wish, at, column)),
    );
    this.rows.set(number, row);
    this.inner.append(row);
  }

  /** Say which tile the arrows are on, where it is there. */
  point() {
    const id = `sample-${this.wish?.sample}`;
    if (this.element.querySelector(`#${id}`)) this.element.setAttribute("aria-activedescendant", id);
    else this.element.removeAttribute("aria-activedescendant");
  }

  /** @param {number} sample */
  reveal(sample) {
    const place = sample === UNKNOWN ? UNKNOWN : this.found.indexOf(sample);
    if (place !== UNKNOWN) {
      const top = Math.floor(place / this.columns) * this.rowHeight, {scrollTop, clientHeight} = this.element;
      if (top < scrollTop) this.element.scrollTop = top;
      else if (top + this.rowHeight > scrollTop + clientHeight) this.element.scrollTop = top + this.rowHeight - clientHeight + GAP;
    }
    this.draw();
  }

  /**
   * The sample so many places after the chosen one, the first where none is.
   * @param {number} places
   */
  beside(places) {
    if (!this.found.length) return UNKNOWN;
    const now = this.found.indexOf(this.wish?.sample ?? UNKNOWN);
    return this.found[now === UNKNOWN ? 0 : Math.min(Math.max(now + places, 0), this.found.length - 1)];
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.rowHeight)) * this.columns;
    const places = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -this.columns,
      ArrowDown: this.columns,
      PageUp: -page,
      PageDown: page,
      Home: -this.found.length,
      End: this.found.length,
      Enter: 0,
      " ": 0,
    }[event.key];
    if (places === undefined || !this.found.length) return;
    event.preventDefault();
    this.choose(this.beside(places), places === 0);
  }

  /** @param {MouseEvent} event */
  click(event) {
    const chosen = event.target instanceof Element ? event.target.closest("[data-sample]") : null;
    if (chosen instanceof HTMLElement) this.choose(Number(chosen.dataset.sample), true);
  }
}

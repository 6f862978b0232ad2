// The page: what is wished for stands in its address, so that a view can be sent to somebody.

import {Controls} from "./controls.js";
import {Details} from "./details.js";
import {h, named, put} from "./dom.js";
import {Grid} from "./grid.js";
import {SampleSet, UNKNOWN} from "./sample_set.js";
import {Finder, hashOf, wishOf} from "./wish.js";

/** @typedef {import("./wish.js").Wish} Wish */

class View {
  /** @param {import("./sample_set.js").Told} told */
  constructor(told) {
    this.set = new SampleSet(told);
    this.finder = new Finder(this.set);
    this.controls = new Controls(this.set, (changed) => this.change(changed));
    this.grid = new Grid(this.set, (sample, isOpened) => this.choose(sample, isOpened));
    this.details = new Details(this.set, {step: (places) => this.choose(this.grid.beside(places), true), close: () => this.close()});
    /** @type {Wish} */
    this.wish = wishOf(this.set, location.hash);
    const nothing = h("p", {class: "nothing", hidden: true}, "No sample is like that.");
    this.nothing = nothing;
    put(
      document.body,
      h("header", {class: "head"}, h("h1", {}, "Samples of ", this.set.runs.flatMap((name, run) => [run > 0 && ", ", named(name)])), this.controls.count),
      h(
        "main",
        {},
        this.controls.element,
        h("p", {class: "hidden", id: "keys"}, "Arrow keys choose a sample, Enter shows it, Escape closes it."),
        h("div", {class: "stage"}, h("div", {class: "shelf"}, nothing, this.grid.element), this.details.element),
      ),
    );
    addEventListener("hashchange", () => this.read());
    this.element = this.grid.element;
    this.element.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
    this.refresh();
    if (this.wish.sample !== UNKNOWN) this.details.show(this.wish);
  }

  /** Take what the address says, where it is not what is shown. */
  read() {
    if (location.hash === hashOf(this.set, this.wish)) return;
    this.wish = wishOf(this.set, location.hash);
    this.refresh();
    if (this.wish.sample === UNKNOWN) this.details.close();
    else this.details.show(this.wish);
  }

  /** @param {Partial<Wish>} changed */
  change(changed) {
    const wish = {...this.wish, ...changed, groups: {...this.wish.groups, ...changed.groups}};
    this.wish = wishOf(this.set, hashOf(this.set, wish)); // what does not go together falls back
    this.refresh();
    if (this.details.isOpen) this.details.show(this.wish);
  }

  refresh() {
    const found = this.finder.find(this.wish);
    this.controls.show(this.wish, found.length, this.wish.b === UNKNOWN ? {} : this.finder.pairCounts(this.wish));
    this.nothing.hidden = found.length > 0;
    this.grid.show(this.wish, found);
    this.write();
  }

  write() {
    history.replaceState(null, "", hashOf(this.set, this.wish));
  }

  /**
   * @param {number} sample
   * @param {boolean} isOpened
   */
  choose(sample, isOpened) {
    if (sample === UNKNOWN) return;
    this.wish = {...this.wish, sample};
    if (isOpened || this.details.isOpen) this.details.show(this.wish);
    this.grid.mark(this.wish);
    this.write();
  }

  close() {
    this.details.close();
    this.grid.element.focus();
  }
}

new View(/** @type {{samples: import("./sample_set.js").Told}} */ (/** @type {unknown} */ (globalThis)).samples);

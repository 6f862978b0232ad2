// One sample: its picture larger, all that is known of it, and what every run made of it.

import {h, named, put} from "./dom.js";
import {UNKNOWN, columnText, labelText, numberText} from "./sample_set.js";
import {lookedAt, picture, rightText, verdictText} from "./tile.js";
import {THRESHOLD} from "./wish.js";

/** @typedef {import("./sample_set.js").SampleSet} SampleSet */
/** @typedef {import("./wish.js").Wish} Wish */

export class Details {
  /**
   * @param {SampleSet} set
   * @param {{step: (places: number) => void, close: () => void}} does
   */
  constructor(set, does) {
    this.set = set;
    this.does = does;
    this.element = h("aside", {
      class: "details",
      hidden: true,
      "aria-label": "The chosen sample",
      onkeydown: (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && does.close(),
    });
  }

  get isOpen() {
    return !this.element.hidden;
  }

  close() {
    this.element.hidden = true;
  }

  /** @param {Wish} wish */
  show(wish) {
    const {set, does} = this, at = wish.sample;
    this.element.hidden = false;
    put(
      this.element,
      h(
        "p",
        {class: "steps"},
        h("button", {type: "button", onclick: () => does.step(-1)}, "Previous"),
        h("button", {type: "button", onclick: () => does.step(1)}, "Next"),
        h("button", {type: "button", class: "close", onclick: does.close}, "Close"),
      ),
      set.sheets && h("div", {class: "large"}, picture(set, at, 2 * set.sheets.side)),
      h("h2", {}, named(set.names[at])),
      h("dl", {}, h("dt", {}, "label"), h("dd", {}, labelText(set.labels[at])), ...this.groups(at)),
      h("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": "What each run made of it"}, this.table(wish)),
    );
  }

  /** @param {number} at */
  groups(at) {
    return Object.entries(this.set.groups).flatMap(([name, column]) => {
      const value = columnText(column, at);
      return value ? [h("dt", {}, name), h("dd", {}, named(value))] : [];
    });
  }

  /** @param {Wish} wish */
  table(wish) {
    const chosen = lookedAt(wish);
    const rows = this.set.runs.map((name, run) => {
      const own = chosen.find((each) => each.run === run);
      return this.row(name, run, wish.sample, own?.threshold ?? THRESHOLD, own?.letter ?? "");
    });
    const heads = ["run", "score", "called", "", "error", "status"].map((head) =>
      h("th", {scope: "col"}, head || h("span", {class: "hidden"}, "right or wrong")),
    );
    return h("table", {}, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, rows));
  }

  /**
   * @param {string} name
   * @param {number} run
   * @param {number} at
   * @param {number} threshold
   * @param {string} letter
   */
  row(name, run, at, threshold, letter) {
    const {set} = this, right = set.right(run, at, threshold);
    const signed = right === UNKNOWN ? "" : `${right ? "✓" : "✗"} ${rightText(right)}`;
    return h(
      "tr",
      {},
      h("th", {scope: "row"}, letter && h("b", {}, `${letter} `), named(name)),
      h("td", {}, numberText(set.scores[run][at])),
      h("td", {}, verdictText(set.verdict(run, at, threshold))),
      h("td", {class: right === 0 ? "bad" : "good"}, signed),
      h("td", {}, numberText(set.error(run, at))),
      h("td", {}, set.status(run, at).replaceAll("_", " ") || "not in this run"),
    );
  }
}

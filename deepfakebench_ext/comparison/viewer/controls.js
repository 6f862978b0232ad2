// What the samples are sorted, filtered and searched by. Every control is a native one with its label.

import {h, put, shown} from "./dom.js";
import {UNKNOWN} from "./sample_set.js";
import {ABSENT, LABELS, NONE, PAIRS, SORTS, VERDICTS} from "./wish.js";

/** @typedef {import("./sample_set.js").SampleSet} SampleSet */
/** @typedef {import("./wish.js").Wish} Wish */

export class Controls {
  /**
   * @param {SampleSet} set
   * @param {(changed: Partial<Wish>) => void} change
   */
  constructor(set, change) {
    this.set = set;
    this.change = change;
    this.count = h("p", {class: "count", role: "status"});
    this.fields = h("div", {class: "fields"});
    const isWide = matchMedia("(min-width: 48rem) and (min-height: 36rem)").matches;
    this.element = h(
      "details",
      {class: "controls", open: isWide},
      h("summary", {}, "Runs, order and filters"),
      this.fields,
    );
    /** @type {Map<string, HTMLSelectElement | HTMLInputElement>} */
    this.known = new Map();
    this.build();
  }

  build() {
    const {set} = this, runs = set.runs.map((name, run) => /** @type {[string, string]} */ ([`${run}`, shown(name)]));
    const statuses = [...new Set(set.statuses.flatMap((each) => each.names))];
    const isPartly = set.statuses.some((each) => each.codes.includes(UNKNOWN));
    const anyOf = (/** @type {Record<string, string>} */ words) => /** @type {[string, string][]} */ ([["", "any"], ...Object.entries(words)]);
    put(
      this.fields,
      this.input("search", "Name contains", "search", (search) => ({search})),
      this.select("sort", "Order", [], (sort) => ({sort})),
      runs.length > 1 && this.select("a", "Run A", runs, (a) => ({a: Number(a)})),
      runs.length > 1 && this.select("b", "Run B", [[`${UNKNOWN}`, "none"], ...runs], (b) => ({b: Number(b)})),
      runs.length > 1 && this.select("pair", "A against B", [], (pair) => ({pair})),
      this.select("label", "Label", anyOf(LABELS), (label) => ({label})),
      this.select("verdict", runs.length > 1 ? "Verdict of A" : "Verdict", anyOf(VERDICTS), (verdict) => ({verdict})),
      ...Object.keys(set.groups).map((name) => this.group(name)),
      (statuses.length > 1 || isPartly) &&
        this.select(
          "status",
          runs.length > 1 ? "Status in A" : "Status",
          [...anyOf(Object.fromEntries(statuses.map((word) => [word, word.replaceAll("_", " ")]))), ...(isPartly ? [/** @type {[string, string]} */ ([ABSENT, "not in this run"])] : [])],
          (status) => ({status}),
        ),
      this.threshold("thresholdA", runs.length > 1 ? "Fake above, in A" : "Fake above"),
      runs.length > 1 && this.threshold("thresholdB", "Fake above, in B"),
      h("button", {type: "button", class: "all", onclick: () => this.reset()}, "Show all samples"),
    );
  }

  reset() {
    const groups = Object.fromEntries(Object.keys(this.set.groups).map((name) => [name, ""]));
    this.change({label: "", verdict: "", status: "", pair: "", search: "", groups});
  }

  /** @param {string} name */
  group(name) {
    const column = this.set.groups[name];
    const values = [...column.names].sort().map((value) => /** @type {[string, string]} */ ([value, shown(value)]));
    if (column.codes.includes(UNKNOWN)) values.push([NONE, "none"]);
    return this.select(`by ${name}`, name[0].toUpperCase() + name.slice(1), [["", "any"], ...values], (value) => ({groups: {[name]: value}}));
  }

  /**
   * @param {string} key
   * @param {string} label
   * @param {[string, string][]} options
   * @param {(value: string) => Partial<Wish>} changed
   */
  select(key, label, options, changed) {
    const id = `control-${key.replaceAll(" ", "-")}`;
    const select = h("select", {id, onchange: () => this.change(changed(select.value))});
    fill(select, options);
    this.known.set(key, select);
    return h("div", {class: "field"}, h("label", {for: id}, label), select);
  }

  /**
   * @param {string} key
   * @param {string} label
   * @param {string} type
   * @param {(value: string) => Partial<Wish>} changed
   * @param {Record<string, unknown>} more
   */
  input(key, label, type, changed, more = {}) {
    const id = `control-${key}`;
    const input = h("input", {id, type, autocomplete: "off", oninput: () => this.change(changed(input.value)), ...more});
    this.known.set(key, input);
    return h("div", {class: "field"}, h("label", {for: id}, label), input);
  }

  /**
   * @param {"thresholdA" | "thresholdB"} key
   * @param {string} label
   */
  threshold(key, label) {
    const changed = (/** @type {string} */ text) => {
      const value = Number(text);
      return text.trim() && value >= 0 && value <= 1 ? {[key]: value} : {};
    };
    return this.input(key, label, "number", changed, {min: 0, max: 1, step: "any"});
  }

  /**
   * Show what is wished for and how much was found; what is being typed stays as it is.
   * @param {Wish} wish
   * @param {number} found
   * @param {Record<string, number>} pairs
   */
  show(wish, found, pairs) {
    const isPair = wish.b !== UNKNOWN, sort = this.known.get("sort"), pair = this.known.get("pair");
    const sorts = Object.entries(SORTS).filter(([, [, needsB]]) => isPair || !needsB);
    if (sort instanceof HTMLSelectElement) {
      fill(sort, sorts.map(([key, [text]]) => [key, isPair ? text : text.replace(" by A", "").replace(" of A", "")]));
    }
    if (pair instanceof HTMLSelectElement) {
      fill(pair, [["", "any"], ...Object.entries(PAIRS).map(([key, text]) => /** @type {[string, string]} */ ([key, `${text} (${countText(pairs[key] ?? 0)})`]))]);
      pair.disabled = !isPair;
    }
    const {groups, ...plain} = wish;
    const values = {...plain, ...Object.fromEntries(Object.entries(groups).map(([name, value]) => [`by ${name}`, value]))};
    for (const [key, value] of Object.entries(values)) {
      const control = this.known.get(key);
      if (control && control.value !== `${value}` && (control.type === "search" || control !== document.activeElement || control instanceof HTMLSelectElement)) {
        control.value = `${value}`;
      }
    }
    const other = this.known.get("thresholdB");
    if (other) other.disabled = !isPair;
    put(this.count, `${countText(found)} of ${countText(this.set.size)} samples`);
  }
}

/** @param {number} number */
function countText(number) {
  return number.toLocaleString("en");
}

/**
 * @param {HTMLSelectElement} select
 * @param {[string, string][]} options
 */
function fill(select, options) {
  const chosen = select.value;
  put(select, ...options.map(([value, text]) => h("option", {value}, text)));
  select.value = chosen;
}

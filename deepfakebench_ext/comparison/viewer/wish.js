// What is to be seen: which runs, which samples, in which order. It is what stands in the address after `#`.

import {UNKNOWN, columnText} from "./sample_set.js";

/**
 * @typedef {import("./sample_set.js").SampleSet} SampleSet
 * @typedef {{a: number, b: number, thresholdA: number, thresholdB: number, sort: string, label: string,
 *   verdict: string, status: string, pair: string, search: string, groups: Record<string, string>, sample: number}} Wish
 */

export const THRESHOLD = 0.5;
export const ABSENT = "absent";
/** The group of what has no value in a column. */
export const NONE = "\u0000none";

/** @type {Record<string, [string, boolean]>} */
export const SORTS = {
  error: ["most wrong by A first", false],
  right: ["most right by A first", false],
  high: ["highest score of A first", false],
  low: ["lowest score of A first", false],
  error_b: ["most wrong by B first", true],
  apart: ["A and B farthest apart first", true],
  name: ["by name", false],
  listed: ["as listed", false],
};

/** @type {Record<string, string>} */
export const PAIRS = {
  a: "A right, B wrong",
  b: "B right, A wrong",
  both: "both right",
  neither: "both wrong",
  differ: "verdicts differ",
};

/** @type {Record<string, string>} */
export const VERDICTS = {wrong: "wrong", right: "right", fake: "called fake", real: "called real"};

/** @type {Record<string, string>} */
export const LABELS = {real: "real", fake: "fake", none: "no label"};
/** @type {Record<string, number>} */
const LABEL_OF = {real: 0, fake: 1, none: UNKNOWN};

/**
 * The wish of an address; what the address does not say, or says wrongly, is as at first.
 * @param {SampleSet} set
 * @param {string} hash
 * @returns {Wish}
 */
export function wishOf(set, hash) {
  const said = new URLSearchParams(hash.replace(/^#/, ""));
  const number = (/** @type {string} */ name, /** @type {number} */ least, /** @type {number} */ most, /** @type {number} */ otherwise) => {
    const value = Number(said.get(name) ?? "x");
    return value >= least && value <= most ? value : otherwise;
  };
  const whole = (/** @type {string} */ name, /** @type {number} */ count, /** @type {number} */ otherwise) =>
    Math.floor(number(name, -1, count - 1, otherwise));
  const word = (/** @type {string} */ name, /** @type {Record<string, unknown>} */ allowed, otherwise = "") => {
    const value = said.get(name) ?? "";
    return Object.hasOwn(allowed, value) ? value : otherwise;
  };
  const b = whole("b", set.runs.length, set.runs.length > 1 ? 1 : UNKNOWN);
  const sort = word("sort", SORTS, "error");
  return {
    a: Math.max(0, whole("a", set.runs.length, 0)),
    b,
    thresholdA: number("threshold", 0, 1, THRESHOLD),
    thresholdB: number("threshold_b", 0, 1, THRESHOLD),
    sort: b === UNKNOWN && SORTS[sort][1] ? "error" : sort,
    label: word("label", LABELS),
    verdict: word("verdict", VERDICTS),
    status: said.get("status") ?? "",
    pair: b === UNKNOWN ? "" : word("pair", PAIRS),
    search: said.get("search") ?? "",
    groups: Object.fromEntries(Object.keys(set.groups).map((name) => [name, said.get(`by_${name}`) ?? ""])),
    sample: whole("sample", set.size, UNKNOWN),
  };
}

/**
 * The address of a wish, without what is as at first.
 * @param {SampleSet} set
 * @param {Wish} wish
 */
export function hashOf(set, wish) {
  const first = wishOf(set, "");
  const said = new URLSearchParams();
  /** @type {[string, string | number, string | number][]} */
  const all = [
    ["a", wish.a, first.a],
    ["b", wish.b, first.b],
    ["threshold", wish.thresholdA, first.thresholdA],
    ["threshold_b", wish.thresholdB, first.thresholdB],
    ["sort", wish.sort, first.sort],
    ["label", wish.label, ""],
    ["verdict", wish.verdict, ""],
    ["status", wish.status, ""],
    ["pair", wish.pair, ""],
    ["search", wish.search, ""],
    ...Object.entries(wish.groups).map(([name, value]) => /** @type {[string, string, string]} */ ([`by_${name}`, value, ""])),
    ["sample", wish.sample, UNKNOWN],
  ];
  for (const [name, value, usual] of all) if (value !== usual) said.set(name, `${value}`);
  return `#${said}`;
}

export class Finder {
  /** @param {SampleSet} set */
  constructor(set) {
    this.set = set;
    /** @type {Map<string, Uint32Array>} */
    this.orders = new Map();
    /** @type {{of: string, counts: Record<string, number>}} */
    this.pairs = {of: "", counts: {}};
  }

  /**
   * The samples that are wished for, in the order that is.
   * @param {Wish} wish
   * @returns {Uint32Array}
   */
  find(wish) {
    const tests = this.tests(wish);
    return this.order(wish).filter((at) => tests.every((test) => test(at)));
  }

  /**
   * How many samples of all there are for each word of `PAIRS`.
   * @param {Wish} wish
   */
  pairCounts(wish) {
    const of = [wish.a, wish.b, wish.thresholdA, wish.thresholdB].join(" ");
    if (of !== this.pairs.of) {
      this.pairs = {of, counts: Object.fromEntries(Object.keys(PAIRS).map((pair) => [pair, this.count({...wish, pair})]))};
    }
    return this.pairs.counts;
  }

  /** @param {Wish} wish */
  count(wish) {
    const test = this.pairTest(wish);
    let count = 0;
    for (let at = 0; at < this.set.size; at++) if (test(at)) count++;
    return count;
  }

  /** @param {Wish} wish */
  tests(wish) {
    const {set} = this;
    /** @type {((at: number) => boolean)[]} */
    const tests = [];
    if (wish.label) tests.push((at) => set.labels[at] === LABEL_OF[wish.label]);
    for (const [name, value] of Object.entries(wish.groups)) {
      if (!value) continue;
      const column = set.groups[name];
      const code = value === NONE ? UNKNOWN : column.names.indexOf(value);
      tests.push((at) => column.codes[at] === code && (value === NONE || code !== UNKNOWN));
    }
    if (wish.status) tests.push((at) => set.status(wish.a, at) === (wish.status === ABSENT ? "" : wish.status));
    if (wish.verdict === "fake" || wish.verdict === "real") {
      const code = LABEL_OF[wish.verdict];
      tests.push((at) => set.verdict(wish.a, at, wish.thresholdA) === code);
    } else if (wish.verdict) {
      const code = wish.verdict === "right" ? 1 : 0;
      tests.push((at) => set.right(wish.a, at, wish.thresholdA) === code);
    }
    if (wish.pair) tests.push(this.pairTest(wish));
    const text = wish.search.trim().toLowerCase();
    if (text) tests.push((at) => set.isNamed(at, text));
    return tests;
  }

  /**
   * @param {Wish} wish
   * @returns {(at: number) => boolean}
   */
  pairTest({a, b, thresholdA, thresholdB, pair}) {
    const {set} = this;
    if (pair === "differ") {
      return (at) => {
        const [one, other] = [set.verdict(a, at, thresholdA), set.verdict(b, at, thresholdB)];
        return one !== UNKNOWN && other !== UNKNOWN && one !== other;
      };
    }
    const wanted = [pair === "a" || pair === "both" ? 1 : 0, pair === "b" || pair === "both" ? 1 : 0];
    return (at) => set.right(a, at, thresholdA) === wanted[0] && set.right(b, at, thresholdB) === wanted[1];
  }

  /**
   * All samples in an order: those without what it goes by come last, and equal ones as they are listed.
   * @param {Wish} wish
   * @returns {Uint32Array}
   */
  order({sort, a, b}) {
    const key = `${sort} ${a} ${b}`;
    const known = this.orders.get(key);
    if (known) return known;
    const listed = Uint32Array.from({length: this.set.size}, (_, at) => at);
    if (sort === "name") {
      const {names} = this.set;
      listed.sort((one, other) => (names[one] < names[other] ? -1 : names[one] > names[other] ? 1 : one - other));
    } else if (sort !== "listed") {
      const value = this.value(sort, a, b);
      const values = Float64Array.from(listed, value).map((each) => (Number.isNaN(each) ? Number.MAX_VALUE : each));
      listed.sort((one, other) => values[one] - values[other] || one - other);
    }
    this.orders.set(key, listed);
    return listed;
  }

  /**
   * What an order goes by, the least first.
   * @param {string} sort
   * @param {number} a
   * @param {number} b
   * @returns {(at: number) => number}
   */
  value(sort, a, b) {
    const {set} = this;
    switch (sort) {
      case "error":
        return (at) => -set.error(a, at);
      case "right":
        return (at) => set.error(a, at);
      case "high":
        return (at) => -set.scores[a][at];
      case "low":
        return (at) => set.scores[a][at];
      case "error_b":
        return (at) => -set.error(b, at);
      default:
        return (at) => -Math.abs(set.scores[a][at] - set.scores[b][at]);
    }
  }
}

/**
 * What a sample is of, by all columns: `DFDC, FaceSwap`.
 * @param {SampleSet} set
 * @param {number} at
 */
export function groupsText(set, at) {
  return Object.values(set.groups)
    .map((column) => columnText(column, at))
    .filter(Boolean)
    .join(", ");
}

// How a sample is shown: its picture, and what each run made of it. Signs and words beside every colour.

import {h, shown} from "./dom.js";
import {FAKE, REAL, UNKNOWN, labelText, numberText} from "./sample_set.js";
import {groupsText} from "./wish.js";

/** @typedef {import("./sample_set.js").SampleSet} SampleSet */
/** @typedef {import("./wish.js").Wish} Wish */

/** @param {number} right */
export function rightText(right) {
  return right === UNKNOWN ? "" : right ? "right" : "wrong";
}

/** @param {number} verdict */
export function verdictText(verdict) {
  return verdict === FAKE ? "fake" : verdict === REAL ? "real" : "no score";
}

/**
 * The picture of a sample, `size` CSS pixels a side.
 * @param {SampleSet} set
 * @param {number} at
 * @param {number} size
 */
export function picture(set, at, size) {
  const place = set.picture(at);
  if (place === null || set.sheets === null) return h("span", {class: "shot none", "aria-hidden": "true"}, "no picture");
  const scale = size / set.sheets.side;
  return h("span", {
    class: "shot",
    "aria-hidden": "true",
    style: {
      "background-image": `url("${place.file}")`,
      "background-size": `${set.sheets.across * size}px auto`,
      "background-position": `${-place.left * scale}px ${-place.top * scale}px`,
    },
  });
}

/**
 * The runs that are looked at, with their letters and thresholds: one, or two side by side.
 * @param {Wish} wish
 */
export function lookedAt({a, b, thresholdA, thresholdB}) {
  const first = {letter: b === UNKNOWN ? "" : "A", run: a, threshold: thresholdA};
  return b === UNKNOWN ? [first] : [first, {letter: "B", run: b, threshold: thresholdB}];
}

/**
 * The last two parts of a path, or the last alone where a tile has no room for both.
 * @param {string} name
 */
function ending(name) {
  const parts = name.split("/"), two = parts.slice(-2).join("/");
  return two.length > 17 ? parts[parts.length - 1] : two;
}

/**
 * A tile of the grid.
 * @param {SampleSet} set
 * @param {Wish} wish
 * @param {number} at
 * @param {number} column
 */
export function tile(set, wish, at, column) {
  const runs = lookedAt(wish).map(({letter, run, threshold}) => {
    const right = set.right(run, at, threshold), score = set.scores[run][at], verdict = verdictText(set.verdict(run, at, threshold));
    const said = Number.isNaN(score) ? set.status(run, at).replaceAll("_", " ") || "not in this run" : `${numberText(score)} ${verdict}`;
    return {letter, right, score, said};
  });
  const name = shown(set.names[at]), of = groupsText(set, at);
  const spoken = [name, labelText(set.labels[at]), of, ...runs.map(({letter, right, said}) => `${letter} ${said} ${rightText(right)}`.trim())];
  return h(
    "div",
    {
      class: `tile${runs[0].right === 0 ? " is-wrong" : ""}`,
      id: `sample-${at}`,
      role: "gridcell",
      "aria-colindex": column + 1,
      "aria-label": spoken.filter(Boolean).join(", "),
      "aria-selected": wish.sample === at ? "true" : "false",
      "data-sample": at,
      title: name,
    },
    set.sheets && picture(set, at, set.sheets.side),
    h("bdi", {class: "name", dir: "auto"}, ending(name)),
    h("span", {class: "label"}, labelText(set.labels[at]), of && ` · ${shown(of)}`),
    ...runs.map(({letter, right, score, said}) =>
      h(
        "span",
        {class: `line ${right === UNKNOWN ? "" : right ? "good" : "bad"}`, style: {"--score": Number.isNaN(score) ? 0 : score}},
        `${letter} ${said} ${right === UNKNOWN ? "" : right ? "✓" : "✗"}`.trim(),
      ),
    ),
  );
}

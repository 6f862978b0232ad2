// The samples as columns, and what each run made of them. No page in it.

/**
 * @typedef {{names: string[], codes: number[]}} Column
 * @typedef {{side: number, across: number, each: number, places: number[]}} Sheets
 * @typedef {{runs: string[], names: string[], labels: number[], scores: (number | null)[][],
 *   statuses: Column[], groups: Record<string, Column>, sheets: Sheets | null}} Told
 */

export const FAKE = 1;
export const REAL = 0;
export const UNKNOWN = -1;

export class SampleSet {
  /** @param {Told} told */
  constructor(told) {
    this.runs = told.runs;
    this.names = told.names;
    this.labels = Int8Array.from(told.labels);
    this.scores = told.scores.map((own) => Float64Array.from(own, (score) => score ?? Number.NaN));
    this.statuses = told.statuses;
    this.groups = told.groups;
    this.sheets = told.sheets;
    /** @type {string[] | null} */
    this.searched = null;
  }

  get size() {
    return this.labels.length;
  }

  /**
   * What a run calls a sample at a threshold: `FAKE`, `REAL`, or `UNKNOWN` where it has no score.
   * @param {number} run
   * @param {number} at
   * @param {number} threshold
   */
  verdict(run, at, threshold) {
    const score = this.scores[run][at];
    return Number.isNaN(score) ? UNKNOWN : score > threshold ? FAKE : REAL;
  }

  /**
   * Whether that is the sample's label: 1, 0, or `UNKNOWN` where one of the two is not known.
   * @param {number} run
   * @param {number} at
   * @param {number} threshold
   */
  right(run, at, threshold) {
    const verdict = this.verdict(run, at, threshold);
    return verdict === UNKNOWN || this.labels[at] === UNKNOWN ? UNKNOWN : verdict === this.labels[at] ? 1 : 0;
  }

  /**
   * How far the score is from the label, NaN where one is not known.
   * @param {number} run
   * @param {number} at
   */
  error(run, at) {
    return this.labels[at] === UNKNOWN ? Number.NaN : Math.abs(this.scores[run][at] - this.labels[at]);
  }

  /**
   * `ok`, or the word for what went wrong; a run that lacks the sample has none.
   * @param {number} run
   * @param {number} at
   */
  status(run, at) {
    return columnText(this.statuses[run], at);
  }

  /**
   * Whether a sample's name holds a text, which is in small letters.
   * @param {number} at
   * @param {string} text
   */
  isNamed(at, text) {
    this.searched ??= this.names.map((name) => name.toLowerCase());
    return this.searched[at].includes(text);
  }

  /**
   * Where a sample's picture is: its file and its place in it; null without one.
   * @param {number} at
   */
  picture(at) {
    const number = this.sheets?.places[at] ?? UNKNOWN;
    if (this.sheets === null || number === UNKNOWN) return null;
    const {side, across, each} = this.sheets;
    const sheet = Math.floor(number / each), place = number % each;
    const file = `pictures/${`${Math.floor(sheet / 100)}`.padStart(3, "0")}/${`${sheet % 100}`.padStart(2, "0")}.jpg`;
    return {file, left: (place % across) * side, top: Math.floor(place / across) * side};
  }
}

/**
 * @param {Column} column
 * @param {number} at
 */
export function columnText(column, at) {
  const code = column.codes[at];
  return code === UNKNOWN ? "" : column.names[code];
}

/** @param {number} label */
export function labelText(label) {
  return label === FAKE ? "fake" : label === REAL ? "real" : "no label";
}

/**
 * A score or an error, with as many digits as tell it from 0 and 1.
 * @param {number} score
 */
export function numberText(score) {
  if (Number.isNaN(score)) return "-";
  const text = score.toFixed(3);
  const isHidden = score > 0 && score < 1 && (Number(text) === 0 || Number(text) === 1);
  return isHidden ? (score < 0.5 ? score.toPrecision(1) : `${Math.floor(score * 1e5) / 1e5}`) : text;
}

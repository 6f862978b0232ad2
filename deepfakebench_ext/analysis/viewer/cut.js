// The rule of cut.py in a browser: segments from scores over time and a policy, number by number the same.
// `tests/vectors/segments.json` holds both to it. Needs nothing, touches nothing: import it, call cutSegments.

/**
 * @typedef {[start_s: number, end_s: number, at_s: number, score: number]} Span
 * @typedef {{track: number, shot: number, spans: Span[]}} Scored
 * @typedef {{onset: number, offset: number, smooth_s: number, min_on_s: number, min_off_s: number, pad_s: number,
 *   max_gap_s: number}} Policy
 * @typedef {{start_s: number, end_s: number, score: number, peak_s: number, peak_score: number, track: number,
 *   shot: number, scored_share: number}} Segment
 * @typedef {{start: number, end: number, at: number, score: number}} Whole a span in whole microseconds
 * @typedef {[start: number, end: number]} Mark
 */

/**
 * The segments of tracks, by start, end and track.
 * @param {Scored[]} tracks with rising spans
 * @param {Policy} policy as in timeline.json
 * @returns {Segment[]}
 */
export function cutSegments(tracks, policy) {
  /** @type {(Omit<Segment, "start_s" | "end_s"> & {start: number, end: number})[]} */
  const found = [];
  for (const track of tracks) {
    const spans = track.spans.map(([start, end, at, score]) => (
      {start: microseconds(start), end: microseconds(end), at: microseconds(at), score}));
    for (const run of runsOf(spans, microseconds(policy.max_gap_s))) {
      for (const mark of cutRun(run, policy)) found.push(described(mark, run, track));
    }
  }
  found.sort((one, other) => one.start - other.start || one.end - other.end || one.track - other.track);
  return found.map(({start, end, ...segment}) => ({start_s: start / 1e6, end_s: end / 1e6, ...segment}));
}

/**
 * The policy with another onset, its offset as far below as before.
 * @template {{onset: number, offset: number}} P
 * @param {P} policy
 * @param {number} onset
 * @returns {P}
 */
export function withOnset(policy, onset) {
  const offset = Math.floor((onset - (policy.onset - policy.offset)) * 1e6 + 0.5) / 1e6;
  return {...policy, onset, offset: Math.min(Math.max(offset, 0), onset)};
}

/** @param {number} seconds */
function microseconds(seconds) {
  return Math.floor(seconds * 1e6 + 0.5);
}

/**
 * @param {Whole[]} spans
 * @param {number} maxGap
 */
function runsOf(spans, maxGap) {
  /** @type {Whole[][]} */
  const runs = [];
  spans.forEach((span, place) => {
    if (place === 0 || span.start - spans[place - 1].end > maxGap) runs.push([]);
    runs[runs.length - 1].push(span);
  });
  return runs;
}

/**
 * @param {Whole[]} run
 * @param {Policy} policy
 */
function cutRun(run, policy) {
  const least = microseconds(policy.min_on_s), pad = microseconds(policy.pad_s);
  const first = run[0].start, last = run[run.length - 1].end;
  const kept = closed(marksOf(run, smoothed(run, microseconds(policy.smooth_s)), policy), microseconds(policy.min_off_s))
    .filter(([start, end]) => end - start >= least);
  return closed(kept.map(([start, end]) => [Math.max(first, start - pad), Math.min(last, end + pad)]), 1);
}

/**
 * Window ends and weights are in half microseconds, which are whole.
 * @param {Whole[]} run
 * @param {number} width
 */
function smoothed(run, width) {
  if (!width) return run.map((span) => span.score);
  let first = 0;
  return run.map((span) => {
    const low = span.start + span.end - width, high = span.start + span.end + width;
    while (2 * run[first].end <= low) first++;
    let added = 0, weights = 0, place = first;
    for (; place < run.length && 2 * run[place].start < high; place++) {
      const weight = Math.min(2 * run[place].end, high) - Math.max(2 * run[place].start, low);
      added += weight * run[place].score;
      weights += weight;
    }
    return place === first + 1 ? run[first].score : added / weights;
  });
}

/**
 * @param {Whole[]} run
 * @param {number[]} scores
 * @param {Policy} policy
 */
function marksOf(run, scores, policy) {
  /** @type {Mark[]} */
  const marks = [];
  /** @type {Mark | null} */
  let open = null;
  run.forEach((span, place) => {
    if (scores[place] >= (open ? policy.offset : policy.onset)) {
      if (!open) {
        open = [span.start, span.end];
        marks.push(open);
      }
      open[1] = span.end;
    } else {
      open = null;
    }
  });
  return marks;
}

/**
 * @param {Mark[]} marks
 * @param {number} least
 */
function closed(marks, least) {
  /** @type {Mark[]} */
  const joined = [];
  for (const [start, end] of marks) {
    const last = joined[joined.length - 1];
    if (last && start - last[1] < least) last[1] = end;
    else joined.push([start, end]);
  }
  return joined;
}

/**
 * @param {Mark} mark
 * @param {Whole[]} run
 * @param {Scored} track
 */
function described([start, end], run, {track, shot}) {
  let added = 0, scored = 0, peak = run[0], isFirst = true;
  for (const span of run) {
    const weight = Math.min(end, span.end) - Math.max(start, span.start);
    if (weight <= 0) continue;
    added += weight * span.score;
    scored += weight;
    if (isFirst || span.score > peak.score) peak = span;
    isFirst = false;
  }
  return {
    start, end, score: added / scored, peak_s: Math.min(Math.max(peak.at, start), end - 1) / 1e6,
    peak_score: peak.score, track, shot, scored_share: scored / (end - start),
  };
}

// timeline.json as the viewer reads it: faces with their scores and boxes, found by time.

/**
 * @typedef {import("./cut.js").Policy} Policy
 * @typedef {import("./cut.js").Span} Span
 * @typedef {[number, number, number, number]} Box left, top, right, bottom in pixels of the upright frame
 * @typedef {{value: number | null, low: number | null, high: number | null, reason: string}} Figure
 * @typedef {{limit_s_per_min: number, measured: Figure, held_out: Figure, videos: number, seconds: number}} Alarms
 * @typedef {{fake_above: number | null, real_below: number | null, false_alarms: number, misses: number,
 *   source: string}} Bands
 * @typedef {{kind: string, codec: string, width_px?: number, height_px?: number, fps?: number | null,
 *   sample_rate_hz?: number, channels?: number}} Stream
 * @typedef {{file: string, segment_id: number, kind: "peak" | "compare", at_s: number, score: number, track: number,
 *   box_px: Box}} Keyframe
 * @typedef {{start_s: number, end_s: number, reason: string, track: number | null}} Unscored
 * @typedef {{
 *   tool: {name: string, version: string},
 *   video: {file: string, sha256: string, size_bytes: number, duration_s: number, start_s: number, streams: Stream[]} &
 *     Record<string, any>,
 *   detector: {source: string, sha256: string, head_trained: boolean} & Record<string, any>,
 *   settings: Record<string, any>,
 *   policy: Policy & {calibrated: boolean, source: string, false_alarms: Alarms | null},
 *   score: {score: number | null, rule: string, track: number | null, reason: string, decision: string,
 *     decision_reason: string, bands: Bands | null},
 *   shots: {shot: number, start_s: number, end_s: number}[],
 *   tracks: {track: number, shot: number, start_s: number, end_s: number, score: number | null, scored_s: number,
 *     boxes: {at_s: number, box_px: Box}[]}[],
 *   scores: {time: number, score: number, start_s: number, end_s: number, track: number, shot: number}[],
 *   segments: import("./cut.js").Segment[],
 *   keyframes: Keyframe[],
 *   unscored: Unscored[],
 * }} Timeline
 */

/** One face in one shot. */
export class Face {
  /**
   * @param {Timeline["tracks"][number]} track
   * @param {Span[]} spans rising
   */
  constructor(track, spans) {
    this.track = track.track;
    this.shot = track.shot;
    this.start_s = track.start_s;
    this.end_s = track.end_s;
    this.score = track.score;
    this.scored_s = track.scored_s;
    this.boxes = track.boxes;
    this.spans = spans;
  }

  /** @param {number} time */
  isThere(time) {
    return this.start_s <= time && time < this.end_s;
  }

  /**
   * The score of a moment, null where there is none.
   * @param {number} time
   */
  scoreAt(time) {
    const place = lastUpTo(this.spans, time, (span) => span[0]);
    return place >= 0 && time < this.spans[place][1] ? this.spans[place][3] : null;
  }

  /**
   * Where the face is, between two boxes on the way from one to the other; null where it is not in sight.
   * @param {number} time
   * @returns {Box | null}
   */
  boxAt(time) {
    if (!this.boxes.length || !this.isThere(time)) return null;
    const place = lastUpTo(this.boxes, time, (box) => box.at_s);
    const first = this.boxes[Math.max(place, 0)], last = this.boxes[Math.min(place + 1, this.boxes.length - 1)];
    const length = last.at_s - first.at_s;
    const share = length > 0 ? Math.min(Math.max((time - first.at_s) / length, 0), 1) : 0;
    return /** @type {Box} */ (first.box_px.map((side, at) => side + share * (last.box_px[at] - side)));
  }
}

/** A timeline, ready to be looked at. */
export class Model {
  /** @param {Timeline} timeline */
  constructor(timeline) {
    this.timeline = timeline;
    this.duration = timeline.video.duration_s;
    /** @type {Map<number, Span[]>} */
    const spans = new Map(timeline.tracks.map((track) => [track.track, []]));
    for (const each of timeline.scores) {
      spans.get(each.track)?.push([each.start_s, each.end_s, each.time, each.score]);
    }
    this.faces = timeline.tracks.map((track) => new Face(track, spans.get(track.track) ?? []));
    /** @type {Stream | undefined} */
    this.pictures = timeline.video.streams.find((stream) => stream.kind === "video");
    this.frame_s = 1 / (this.pictures?.fps || 25);
    this.scoredShare = covered(this.faces.flatMap((face) => face.spans)) / this.duration;
  }

  /**
   * The size of the upright frame in pixels, as boxes count them.
   * @param {number} width of the picture as it is shown
   * @param {number} height
   */
  frameSize(width, height) {
    const {width_px: wide, height_px: high} = this.pictures ?? {};
    if (!wide || !high) return [width, height];
    return wide > high === width > height ? [wide, high] : [high, wide]; // a film that players turn
  }
}

/**
 * The place of the last item whose number is at most this one; -1 where none is.
 * @template T
 * @param {T[]} items rising
 * @param {number} most
 * @param {(item: T) => number} number
 */
export function lastUpTo(items, most, number) {
  let low = 0, high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (number(items[middle]) <= most) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/**
 * Seconds that any of the spans covers.
 * @param {Span[]} spans
 */
function covered(spans) {
  let seconds = 0, end = -Infinity;
  for (const [from, to] of [...spans].sort((one, other) => one[0] - other[0])) {
    seconds += Math.max(to - Math.max(from, end), 0);
    end = Math.max(end, to);
  }
  return seconds;
}

/**
 * The colour of a score: grey without one; green at 0, yellow at the onset, red at 1. As overlay.py has it.
 * @param {number | null} score
 * @param {number} onset
 */
export function scoreColour(score, onset) {
  if (score === null) return "rgb(150, 150, 150)";
  if (score < onset) return `rgb(${Math.round((214 * score) / onset)}, 190, 30)`;
  const share = onset >= 1 ? 1 : (score - onset) / (1 - onset);
  return `rgb(214, ${Math.round(190 * (1 - share)) + 20}, 30)`;
}

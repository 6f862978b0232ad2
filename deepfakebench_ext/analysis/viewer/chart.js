// Scores over time: all faces in one plot, a lane a face, the shots; one cursor through all of them.

import {h, put, svg, term} from "./dom.js";
import {lastUpTo} from "./model.js";
import {clock, scoreText, t} from "./words.js";

const TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
const MOST_TICKS = 8;
/** Faces that have a lane: those with marks first, then those scored longest. */
export const MOST_LANES = 60;

/**
 * @typedef {import("./model.js").Model} Model
 * @typedef {import("./model.js").Face} Face
 * @typedef {import("./moment.js").Moment} Moment
 * @typedef {import("./cut.js").Segment} Segment
 * @typedef {{plot: HTMLElement, marks: HTMLElement, line: HTMLElement, faces: Face[]}} Lane
 */

export class Chart {
  /**
   * @param {Model} model
   * @param {Moment} moment
   * @param {(face: Face) => Element} portrait a picture of a face
   */
  constructor(model, moment, portrait) {
    this.model = model;
    this.moment = moment;
    /** @type {Lane[]} */
    this.lanes = [];
    this.cursor = h("div", {class: "cursor"}, h("div", {class: "needle"}));
    this.slider = this.#slider();
    this.readout = h("p", {class: "readout", "aria-live": "off"});
    const rows = [this.#overview(), ...this.#drawn().map((face) => this.#lane(face, portrait)), this.#shots(), this.#axis()];
    this.inner = h("div", {class: "inner"}, rows, this.slider, this.cursor);
    this.element = h("section", {class: "chart", "aria-label": t("chart.title")},
      h("div", {class: "bar"}, h("h3", {}, t("chart.title")), this.#zoom()),
      this.readout,
      h("div", {class: "lanes"}, this.inner),
      this.#legend());
    moment.follow(() => this.#follow());
  }

  /**
   * Show other segments and another threshold.
   * @param {Segment[]} segments
   * @param {number} onset
   */
  mark(segments, onset) {
    for (const lane of this.lanes) {
      const own = segments.filter((segment) => lane.faces.some((face) => face.track === segment.track));
      put(lane.marks, own.map((segment) => this.#stretch(segment, "mark")));
      lane.line.style.setProperty("bottom", `${100 * onset}%`);
    }
  }

  #drawn() {
    const marked = new Set(this.model.timeline.segments.map((segment) => segment.track));
    const rank = (/** @type {Face} */ face) => (marked.has(face.track) ? 1e9 : 0) + face.scored_s;
    const chosen = [...this.model.faces].sort((one, other) => rank(other) - rank(one)).slice(0, MOST_LANES);
    return chosen.sort((one, other) => one.track - other.track);
  }

  #overview() {
    const label = h("div", {class: "label"}, term(t("term.score"), t("explain.score")));
    const holes = this.model.timeline.unscored.filter((each) => each.track === null);
    return this.#row("overview", label, this.model.faces, holes);
  }

  /** @param {Face} face @param {(face: Face) => Element} portrait */
  #lane(face, portrait) {
    const label = h("div", {class: "label"}, portrait(face), h("span", {}, t("face", {track: face.track})));
    const holes = this.model.timeline.unscored.filter((each) => each.track === face.track);
    const row = this.#row("lane", label, [face], holes);
    row.dataset.track = `${face.track}`;
    return row;
  }

  /**
   * @param {string} kind
   * @param {Element} label
   * @param {Face[]} faces
   * @param {{start_s: number, end_s: number, reason: string}[]} holes
   */
  #row(kind, label, faces, holes) {
    const marks = h("div", {class: "marks"}), line = h("div", {class: "threshold"});
    const seen = kind === "lane" ? faces.map((face) => this.#stretch(face, "seen")) : [];
    const curves = svg("svg", {class: "curves", viewBox: `0 0 ${this.model.duration} 1`, preserveAspectRatio: "none"},
      faces.map((face) => svg("path", {d: steps(face.spans), transform: "matrix(1 0 0 -1 0 1)", "data-track": face.track})));
    const plot = h("div", {class: "plot"}, seen, holes.map((hole) => this.#stretch(hole, "hole")), marks, line, curves);
    this.lanes.push({plot, marks, line, faces});
    return h("div", {class: `row ${kind}`}, label, h("div", {class: "strip", "aria-hidden": "true"}, plot));
  }

  #shots() {
    const shots = this.model.timeline.shots.map((shot) => this.#stretch(shot, "shot"));
    const label = h("div", {class: "label"}, term(t("term.shots"), t("explain.shots")));
    return h("div", {class: "row shots"}, label, h("div", {class: "strip", "aria-hidden": "true"}, h("div", {class: "plot"}, shots)));
  }

  #axis() {
    const step = TICKS.find((tick) => this.model.duration / tick <= MOST_TICKS) ?? TICKS[TICKS.length - 1];
    const ticks = Array.from({length: Math.floor(this.model.duration / step) + 1}, (_, number) =>
      h("span", {class: "tick", style: {left: `${(100 * number * step) / this.model.duration}%`}}, clock(number * step, step < 1 ? 1 : 0)));
    return h("div", {class: "row axis"}, h("div", {class: "label"}), h("div", {class: "strip", "aria-hidden": "true"}, h("div", {class: "plot"}, ticks)));
  }

  /** @param {{start_s: number, end_s: number}} where @param {string} kind */
  #stretch({start_s: start, end_s: end}, kind) {
    const share = (/** @type {number} */ seconds) => `${(100 * seconds) / this.model.duration}%`;
    return h("div", {class: kind, style: {left: share(start), width: share(end - start)}});
  }

  /** What takes the pointer and the keys, over all lanes. */
  #slider() {
    const slider = h("div", {class: "slider", tabindex: 0, role: "slider", "aria-label": t("chart.cursor"), "aria-valuemin": 0, "aria-valuemax": this.model.duration});
    const look = (/** @type {PointerEvent} */ event) => {
      const {left, width} = slider.getBoundingClientRect();
      this.moment.move(((event.clientX - left) / width) * this.model.duration, "chart");
    };
    slider.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      slider.setPointerCapture(event.pointerId);
      look(event);
    });
    slider.addEventListener("pointermove", (event) => {
      if (slider.hasPointerCapture(event.pointerId)) look(event);
    });
    return slider;
  }

  #zoom() {
    const zoom = h("input", {type: "range", min: 0, max: 6, step: 1, value: 0, oninput: () => {
      this.inner.style.setProperty("--zoom", `${2 ** Number(zoom.value)}`);
      this.#reveal();
    }});
    return h("label", {class: "zoom"}, t("chart.zoom"), zoom);
  }

  #legend() {
    const entry = (/** @type {string} */ kind, /** @type {Element} */ text) => h("li", {}, h("span", {class: `swatch ${kind}`}), text);
    return h("ul", {class: "legend"},
      entry("mark", term(t("term.marked"), t("explain.marked"))),
      entry("line", term(t("term.threshold"), t("explain.threshold"))),
      entry("hole", term(t("term.unscored"), t("explain.unscored"))));
  }

  #follow() {
    const {time, duration} = this.moment;
    this.cursor.style.setProperty("transform", `translateX(${(100 * time) / duration}%)`);
    const there = this.model.faces.filter((face) => face.isThere(time));
    const scores = there.map((face) => {
      const score = face.scoreAt(time);
      return t("readout.face", {track: face.track, score: score === null ? t("unscored") : scoreText(score)});
    });
    const said = [clock(time), ...(scores.length ? scores : [t("readout.nobody")])].join(" · ");
    this.readout.textContent = said;
    this.slider.setAttribute("aria-valuenow", `${time}`);
    this.slider.setAttribute("aria-valuetext", said);
    if (this.moment.from !== "chart") this.#reveal();
  }

  /** Scroll a chart that is zoomed to the cursor. */
  #reveal() {
    const lanes = this.inner?.parentElement;
    if (!lanes || lanes.scrollWidth <= lanes.clientWidth) return;
    const at = this.slider.offsetLeft + (this.moment.time / this.moment.duration) * this.slider.offsetWidth;
    const room = lanes.clientWidth - this.slider.offsetLeft;
    if (at < lanes.scrollLeft + this.slider.offsetLeft || at > lanes.scrollLeft + lanes.clientWidth) lanes.scrollLeft = at - this.slider.offsetLeft - room / 2;
  }
}

/**
 * Each score as long as it stands, broken where there is none: in seconds and scores, as timeline.json has them.
 * @param {import("./cut.js").Span[]} spans
 */
function steps(spans) {
  let end = NaN;
  return spans
    .map(([start, stop, , score]) => {
      const step = `${start === end ? "L" : "M"}${start} ${score}H${stop}`;
      end = stop;
      return step;
    })
    .join("");
}

/**
 * The segment to go to from a time.
 * @param {Segment[]} segments by start
 * @param {number} time
 * @param {1 | -1} way
 */
export function neighbour(segments, time, way) {
  const near = 0.001;
  if (way > 0) return segments.find((segment) => segment.start_s > time + near);
  return segments[lastUpTo(segments, time - near, (segment) => segment.start_s)];
}

// The marked stretches, each with its pictures; what was not scored; and how stretches are cut.

import {cutSegments, withOnset} from "./cut.js";
import {h, put, term} from "./dom.js";
import {clock, count, numberText, scoreText, shareText, t} from "./words.js";

/**
 * @typedef {import("./model.js").Model} Model
 * @typedef {import("./moment.js").Moment} Moment
 * @typedef {import("./cut.js").Segment} Segment
 * @typedef {import("./cut.js").Policy} Policy
 */

const MOST_S = 60;

/** The threshold and the durations, and the segments that come of them. */
export class Cutting {
  /**
   * @param {Model} model
   * @param {(segments: Segment[], policy: Policy) => void} changed called with every other cut
   */
  constructor(model, changed) {
    this.model = model;
    this.changed = changed;
    this.stored = model.timeline.policy;
    /** @type {Policy} */
    this.policy = this.stored;
    this.worth = h("p", {class: "worth", role: "status"});
    this.form = h("form", {class: "cutting", onsubmit: (/** @type {Event} */ event) => event.preventDefault()});
    this.element = h("section", {class: "panel", "aria-label": t("cut.title")}, h("h3", {}, t("cut.title")), this.form, this.worth);
    this.#fill();
  }

  cut() {
    this.segments = cutSegments(this.model.faces, this.policy);
    put(this.worth, this.#worth());
    this.changed(this.segments, this.policy);
  }

  /** @param {Policy} policy */
  use(policy) {
    this.policy = policy;
    this.#fill();
    this.cut();
  }

  #fill() {
    const onset = h("input", {type: "range", min: 0, max: 1, step: 0.005, value: this.policy.onset, name: "onset"});
    const typed = h("input", {type: "number", min: 0, max: 1, step: "any", value: this.policy.onset, "aria-label": t("term.threshold"), name: "onset_typed"});
    const moved = (/** @type {HTMLInputElement} */ by, /** @type {HTMLInputElement} */ other) => () => {
      if (by.value === "" || !by.validity.valid) return;
      other.value = by.value;
      this.policy = withOnset(this.policy, Number(by.value));
      this.cut();
    };
    onset.addEventListener("input", moved(onset, typed));
    typed.addEventListener("input", moved(typed, onset));
    put(this.form,
      h("div", {class: "field wide"}, term(t("term.threshold"), t("explain.threshold")), h("label", {class: "pair"}, h("span", {class: "hidden"}, t("term.threshold")), onset), typed),
      this.#duration("min_on_s"), this.#duration("min_off_s"), this.#duration("smooth_s"),
      h("button", {type: "button", onclick: () => this.use(this.stored)}, t("cut.reset")));
  }

  /** @param {"min_on_s" | "min_off_s" | "smooth_s"} name */
  #duration(name) {
    const input = h("input", {type: "number", min: 0, max: MOST_S, step: "any", value: this.policy[name], name, "aria-label": t(`term.${name}`)});
    input.addEventListener("input", () => {
      if (input.value === "" || !input.validity.valid) return;
      this.policy = {...this.policy, [name]: Number(input.value)};
      this.cut();
    });
    return h("div", {class: "field"}, term(t(`term.${name}`), t(`explain.${name}`)), input);
  }

  #worth() {
    const alarms = this.stored.false_alarms;
    if (!alarms) return t("worth.none");
    const names = /** @type {const} */ (["onset", "offset", "smooth_s", "min_on_s", "min_off_s", "pad_s", "max_gap_s"]);
    if (names.some((name) => this.policy[name] !== this.stored[name])) return t("worth.moved", {onset: numberText(this.stored.onset, 3)});
    const figure = alarms.held_out.value === null ? alarms.measured : alarms.held_out;
    if (figure.value === null) return t("worth.none");
    const interval = figure.low === null || figure.high === null ? "" : t("worth.interval", {low: numberText(figure.low, 2), high: numberText(figure.high, 2)});
    return t("worth.measured", {value: numberText(figure.value, 2), interval, videos: alarms.videos, minutes: numberText(alarms.seconds / 60, 1)});
  }
}

/** The list of the marked stretches. */
export class Marks {
  /**
   * @param {Model} model
   * @param {Moment} moment
   * @param {(place: number) => string} picture
   */
  constructor(model, moment, picture) {
    this.model = model;
    this.moment = moment;
    this.picture = picture;
    this.title = h("h3", {});
    this.list = h("ol", {class: "cards"});
    this.element = h("section", {class: "found", "aria-label": t("marks.title")}, this.title, this.list);
    moment.follow(() => this.#follow());
  }

  /** @param {Segment[]} segments */
  show(segments) {
    this.segments = segments;
    this.title.textContent = count("marks", segments.length);
    put(this.list, segments.map((segment) => this.#card(segment)));
    this.#follow();
  }

  /** @param {Segment} segment */
  #card(segment) {
    const from = h("button", {type: "button", class: "go", onclick: () => this.moment.move(segment.start_s, "marks")},
      t("marks.from_to", {from: clock(segment.start_s), to: clock(segment.end_s)}));
    const peak = h("button", {type: "button", class: "go", onclick: () => this.moment.move(segment.peak_s, "marks")}, clock(segment.peak_s));
    return h("li", {},
      h("div", {class: "said"},
        from,
        h("p", {}, t("marks.who", {track: segment.track, score: scoreText(segment.score)})),
        h("p", {}, t("marks.peak", {score: scoreText(segment.peak_score)}), " ", peak),
        segment.scored_share < 1 && h("p", {}, t("marks.scored", {share: shareText(segment.scored_share)}))),
      h("div", {class: "pictures"}, this.#pictures(segment)));
  }

  /** The pictures of a stretch: those that were taken of its face in it, and what they are compared with. */
  /** @param {Segment} segment */
  #pictures(segment) {
    const frames = this.model.timeline.keyframes;
    const own = frames.findIndex((frame) => frame.kind === "peak" && frame.track === segment.track && segment.start_s <= frame.at_s && frame.at_s < segment.end_s);
    if (own < 0) return h("p", {class: "note"}, t("marks.no_picture"));
    const other = frames.findIndex((frame) => frame.kind === "compare" && frame.segment_id === frames[own].segment_id);
    return [own, other].filter((place) => place >= 0).map((place) => {
      const frame = frames[place], text = t(`picture.${frame.kind}`, {score: scoreText(frame.score), time: clock(frame.at_s)});
      return h("figure", {},
        h("button", {type: "button", class: "picture", "aria-label": t("picture.go", {time: clock(frame.at_s)}), onclick: () => this.moment.move(frame.at_s, "marks")},
          h("img", {src: this.picture(place), alt: "", loading: "lazy", ...this.#size()})),
        h("figcaption", {}, text));
    });
  }

  #size() {
    const {width_px: width = 16, height_px: height = 9} = this.model.pictures ?? {};
    return {width, height};
  }

  #follow() {
    [...this.list.children].forEach((card, place) => {
      const {start_s: start, end_s: end} = /** @type {Segment[]} */ (this.segments)[place];
      card.classList.toggle("is-now", start <= this.moment.time && this.moment.time < end);
    });
  }
}

/**
 * What has no score, and why.
 * @param {Model} model
 * @param {Moment} moment
 */
export function unscoredList(model, moment) {
  const holes = model.timeline.unscored;
  if (!holes.length) return null;
  const rows = holes.map((hole) => h("tr", {},
    h("td", {}, h("button", {type: "button", class: "go", onclick: () => moment.move(hole.start_s, "unscored")}, clock(hole.start_s))),
    h("td", {}, clock(hole.end_s)),
    h("td", {}, hole.track === null ? t("nobody") : t("face", {track: hole.track})),
    h("td", {lang: "en"}, hole.reason)));
  const head = ["from", "to", "who", "why"].map((name) => h("th", {scope: "col"}, t(`unscored.${name}`)));
  return h("details", {class: "panel"},
    h("summary", {}, t("unscored.title", {number: holes.length})),
    h("p", {}, t("explain.unscored")),
    h("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": t("term.unscored")}, h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows))));
}

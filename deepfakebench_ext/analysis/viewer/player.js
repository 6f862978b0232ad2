// The film, with boxes over it; or, where a browser cannot play it, its keyframes. Follows the moment, and moves it.

import {h, put} from "./dom.js";
import {scoreColour} from "./model.js";
import {numberText, scoreText, t} from "./words.js";

/** Times have six decimals, frames more: a little later is still the same frame, and never the one before. */
const LATER_S = 0.0005;
const UNEVEN_S = 0.002;
/** A seek within a frame shows no new one; it is not waited for longer. */
const SAME_MS = 150;
const MOST_STEPS = 2;

/**
 * @typedef {import("./model.js").Model} Model
 * @typedef {import("./moment.js").Moment} Moment
 * @typedef {{url: string, isProxy: boolean}} Film
 */

export class Player {
  /**
   * @param {Model} model
   * @param {Moment} moment
   * @param {Film | null} film null where there are pictures alone
   * @param {(place: number) => string} picture where the keyframe of that place is
   */
  constructor(model, moment, film, picture) {
    this.model = model;
    this.moment = moment;
    this.picture = picture;
    this.onset = model.timeline.policy.onset;
    this.shown = 0;
    this.seeking = false;
    this.wanted = 0;
    /** @type {number | null} */
    this.next = null;
    this.isStale = false;
    this.steps = 0;
    /** @type {Promise<void>} */
    this.stepped = Promise.resolve();
    this.areBoxesOn = true;
    this.note = h("p", {class: "note"});
    this.still = h("img", {class: "still", alt: "", hidden: true});
    this.boxes = h("canvas", {class: "boxes", "aria-hidden": "true"});
    this.video = film && this.#video(film);
    const {width_px: wide = 16, height_px: high = 9} = model.pictures ?? {};
    this.screen = h("div", {class: "screen", style: {"--ratio": wide / high}}, this.video, this.still, this.boxes);
    this.element = h("div", {class: "player"}, this.screen, this.note, this.#buttons());
    if (film?.isProxy) put(this.note, t("player.proxy"));
    if (!this.video) this.#showStills();
    moment.follow(() => this.#follow());
  }

  /** @param {Film} film */
  #video(film) {
    const video = h("video", {src: film.url, controls: true, preload: "auto", playsinline: true, "aria-label": t("player.film")});
    video.addEventListener("loadedmetadata", () => {
      if (video.videoWidth) this.screen.style.setProperty("--ratio", `${video.videoWidth / video.videoHeight}`);
    });
    video.addEventListener("error", () => this.#showStills());
    video.addEventListener("seeked", () => {
      this.seeking = false;
      const next = this.next;
      this.next = null;
      if (next !== null) this.#seek(next);
    });
    /** @type {VideoFrameRequestCallback} */
    const presented = (_, frame) => {
      this.shown = frame.mediaTime;
      this.isStale = false;
      // Its own controls and its playing move the moment; a seek of ours does not move it to the frame's start.
      const isOurs = video.paused && Math.abs(video.currentTime - this.wanted) <= LATER_S;
      if (!isOurs) this.moment.move(frame.mediaTime, "player");
      this.#drawBoxes();
      video.requestVideoFrameCallback(presented);
    };
    video.requestVideoFrameCallback(presented);
    return video;
  }

  #buttons() {
    const button = (/** @type {string} */ key, /** @type {string} */ sign, /** @type {() => void} */ press) =>
      h("button", {type: "button", title: t(key), "aria-label": t(key), onclick: press}, sign);
    const boxes = h("label", {class: "switch"},
      h("input", {type: "checkbox", checked: true, onchange: (/** @type {any} */ event) => {
        this.areBoxesOn = event.target.checked;
        this.#drawBoxes();
      }}),
      t("player.boxes"));
    const moving = [button("player.back", "‹", () => this.step(-1)), button("player.on", "›", () => this.step(1))];
    return h("div", {class: "buttons"}, moving, this.video && boxes);
  }

  /** @param {number} onset the boxes' colours turn at it */
  colour(onset) {
    this.onset = onset;
    this.#drawBoxes();
  }

  toggle() {
    if (!this.video) return;
    if (this.video.paused) this.video.play().catch(() => this.#showStills());
    else this.video.pause();
  }

  /**
   * Go to the next frame, or to the one before.
   * @param {1 | -1} way
   */
  step(way) {
    if (!this.video) this.moment.move(this.moment.time + way * this.model.frame_s, "step");
    else if (this.steps < MOST_STEPS) { // a key that is held does not run on after it is let go
      this.steps++;
      this.stepped = this.stepped.then(() => this.#step(way)).finally(() => this.steps--);
    }
  }

  /** @param {1 | -1} way */
  async #step(way) {
    if (!this.video) return;
    this.video.pause();
    if (this.seeking || this.isStale) await this.#look(this.moment.time);
    const before = this.shown, frame = this.model.frame_s, {moves} = this.moment;
    if (way < 0) await this.#look(before - 2 * LATER_S);
    else {
      for (let tries = 1; tries <= 12 && this.shown <= before; tries++) await this.#look(before + tries * frame);
      const isUneven = Math.abs(this.shown - before - frame) > UNEVEN_S;
      while (isUneven && this.shown > before) { // a frame may lie between
        const found = this.shown;
        await this.#look(found - 2 * LATER_S);
        if (this.shown > before) continue;
        await this.#look(found);
        break;
      }
    }
    if (this.moment.moves === moves) this.moment.move(this.shown, "step");
    else this.#seek(this.moment.time); // somebody looked elsewhere meanwhile
  }

  /**
   * Seek, until the frame of that time is shown.
   * @param {number} time
   */
  async #look(time) {
    const video = /** @type {HTMLVideoElement} */ (this.video);
    this.#seek(Math.min(Math.max(time, 0), this.moment.duration));
    while (this.seeking) await new Promise((resolve) => video.addEventListener("seeked", resolve, {once: true}));
    if (!this.isStale) return;
    await new Promise((resolve) => {
      setTimeout(resolve, SAME_MS);
      video.requestVideoFrameCallback(() => setTimeout(resolve, 0));
    });
  }

  /** @param {number} time */
  #seek(time) {
    const video = /** @type {HTMLVideoElement} */ (this.video);
    if (this.seeking) { // the last of several is sought once the first is there
      this.next = time;
      return;
    }
    this.wanted = Math.min(time + LATER_S, video.duration || Infinity);
    this.seeking = this.isStale = true;
    video.currentTime = this.wanted;
  }

  #follow() {
    if (this.video && this.moment.from && this.moment.from !== "player") this.#seek(this.moment.time);
    if (!this.video) this.#showStill();
    this.#drawBoxes();
  }

  #showStills() {
    this.video?.remove();
    this.video = null;
    put(this.note, t(this.model.timeline.keyframes.length ? "player.stills" : "player.nothing"));
    this.still.hidden = false;
    this.#showStill();
  }

  #showStill() {
    const frames = this.model.timeline.keyframes;
    if (!frames.length) return;
    const far = frames.map((frame) => Math.abs(frame.at_s - this.moment.time));
    const nearest = far.indexOf(Math.min(...far));
    const url = this.picture(nearest);
    if (this.still.getAttribute("src") !== url) this.still.src = url;
    this.still.alt = t("player.still", {time: numberText(frames[nearest].at_s, 2)});
  }

  #drawBoxes() {
    const canvas = this.boxes, context = canvas.getContext("2d");
    if (!context || !this.video?.videoWidth) return;
    const [wide, high] = this.model.frameSize(this.video.videoWidth, this.video.videoHeight);
    const scale = canvas.clientWidth * devicePixelRatio;
    if (canvas.width !== Math.round(scale)) {
      canvas.width = Math.round(scale);
      canvas.height = Math.round(canvas.clientHeight * devicePixelRatio);
    }
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!this.areBoxesOn) return;
    const thick = Math.max(2, canvas.height / 200), text = Math.max(12 * devicePixelRatio, canvas.height / 28);
    context.font = `600 ${text}px system-ui, sans-serif`;
    context.lineWidth = thick;
    for (const face of this.model.faces) {
      const box = face.boxAt(this.moment.time);
      if (!box) continue;
      const score = face.scoreAt(this.moment.time);
      const [x0, x1] = [box[0], box[2]].map((x) => (x / wide) * canvas.width);
      const [y0, y1] = [box[1], box[3]].map((y) => (y / high) * canvas.height);
      const left = Math.max(x0, thick / 2), top = Math.max(y0, thick / 2);
      const label = ` ${face.track}: ${score === null ? "–" : scoreText(score, 2)} `;
      context.strokeStyle = context.fillStyle = scoreColour(score, this.onset);
      context.strokeRect(left, top, Math.min(x1, canvas.width - thick / 2) - left, Math.min(y1, canvas.height - thick / 2) - top);
      context.fillRect(left - thick / 2, top - thick / 2, context.measureText(label).width, text * 1.3);
      context.fillStyle = "#000";
      context.fillText(label, left, top + text);
    }
  }
}

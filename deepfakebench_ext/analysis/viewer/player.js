// The film, with boxes over it; or, where a browser cannot play it, its keyframes. Follows the moment, and moves it.

import {h, put} from "./dom.js";
import {scoreColour} from "./model.js";
import {Seeker} from "./seeker.js";
import {numberText, scoreText, t} from "./words.js";

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
    /** @type {Seeker | null} */
    this.seeker = null;
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
    const seeker = new Seeker(video, this.model.frame_s, (time) => this.moment.move(time, "step"));
    this.seeker = seeker;
    /** @type {VideoFrameRequestCallback} */
    const presented = (_, frame) => {
      seeker.show(frame.mediaTime);
      // Its own controls and its playing move the moment; a seek of ours does not move it to the frame's start.
      if (!seeker.isOurs) this.moment.move(frame.mediaTime, "player");
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
    if (this.video.paused) this.video.play().catch(() => undefined); // a film that does not play says so by its error
    else this.video.pause();
  }

  /**
   * Go to the next frame, or to the one before.
   * @param {1 | -1} way
   */
  step(way) {
    if (this.video) this.seeker?.step(way);
    else this.moment.move(this.moment.time + way * this.model.frame_s, "step");
  }

  #follow() {
    if (this.video && !["", "player", "step"].includes(this.moment.from)) this.seeker?.find(this.moment.time);
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

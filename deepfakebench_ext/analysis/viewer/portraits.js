// A picture of each face: out of the first keyframe that shows it, or else out of the film.

import {h, put} from "./dom.js";

const SIDE_PX = 96;

/**
 * @typedef {import("./model.js").Model} Model
 * @typedef {import("./model.js").Face} Face
 * @typedef {import("./model.js").Box} Box
 */

/**
 * @param {Model} model
 * @param {(place: number) => string} picture where the keyframe of that place is
 * @param {string | null} film where the film is, null where there is none to play
 * @returns {(face: Face) => Element}
 */
export function portraits(model, picture, film) {
  const frames = model.timeline.keyframes;
  /** @type {{face: Face, place: Element}[]} */
  const waiting = [];
  if (film) queueMicrotask(() => fromFilm(model, film, waiting));
  return (face) => {
    const place = h("div", {class: "portrait", "aria-hidden": "true"});
    const frame = frames.findIndex((each) => each.track === face.track);
    if (frame >= 0) put(place, cropped(model, picture(frame), frames[frame].box_px));
    else if (face.boxes.length) waiting.push({face, place});
    return place;
  };
}

/** @param {Model} model @param {string} url @param {Box} box */
function cropped(model, url, box) {
  const image = h("img", {src: url, alt: "", loading: "lazy"});
  image.addEventListener("load", () => {
    const [wide, high] = model.frameSize(image.naturalWidth, image.naturalHeight), [left, top, side] = square(box);
    const percent = (/** @type {number} */ part) => `${100 * part}%`;
    image.style.setProperty("width", percent(wide / side));
    image.style.setProperty("height", percent(high / side));
    image.style.setProperty("left", percent(-left / side));
    image.style.setProperty("top", percent(-top / side));
  });
  return image;
}

/**
 * Take pictures out of the film, one after the other, with a player of their own that is never seen.
 * @param {Model} model
 * @param {string} film
 * @param {{face: Face, place: Element}[]} waiting
 */
async function fromFilm(model, film, waiting) {
  if (!waiting.length) return;
  const video = h("video", {src: film, muted: true, preload: "auto"});
  for (const {face, place} of waiting) {
    const box = face.boxes[face.boxes.length >> 1];
    video.currentTime = box.at_s + 0.0005;
    const isThere = await new Promise((resolve) => {
      video.addEventListener("seeked", () => resolve(true), {once: true});
      video.addEventListener("error", () => resolve(false), {once: true});
    });
    if (!isThere || !place.isConnected) break;
    const [wide, high] = model.frameSize(video.videoWidth, video.videoHeight), [left, top, side] = square(box.box_px);
    const across = video.videoWidth / wide, down = video.videoHeight / high;
    const canvas = h("canvas", {width: SIDE_PX, height: SIDE_PX});
    canvas.getContext("2d")?.drawImage(video, left * across, top * down, side * across, side * down, 0, 0, SIDE_PX, SIDE_PX);
    put(place, canvas);
  }
  video.removeAttribute("src");
  video.load();
}

/**
 * The square around a box: left, top and side.
 * @param {Box} box
 */
function square([x0, y0, x1, y1]) {
  const side = Math.max(x1 - x0, y1 - y0, 1);
  return [(x0 + x1 - side) / 2, (y0 + y1 - side) / 2, side];
}

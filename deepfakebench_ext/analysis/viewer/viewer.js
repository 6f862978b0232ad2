// The view of a timeline, the same in the service's page and in the report that is one file.

import {Chart, neighbour} from "./chart.js";
import {h, named, put} from "./dom.js";
import {Cutting, Marks, unscoredList} from "./marks.js";
import {Model} from "./model.js";
import {Moment} from "./moment.js";
import {Player} from "./player.js";
import {portraits} from "./portraits.js";
import {facts, verdict} from "./verdict.js";
import {t} from "./words.js";

/**
 * @typedef {object} Source where a timeline and what belongs to it comes from
 * @property {import("./model.js").Timeline} timeline
 * @property {(place: number) => string} picture where the keyframe of that place is, from 0
 * @property {import("./player.js").Film | null} film null where there is none to play
 * @property {{name: string, url: string}[]} downloads
 * @property {string} damage what is amiss with the file; empty where nothing is
 */

/**
 * Show a timeline.
 * @param {Element} place what it is put into
 * @param {Source} source
 * @param {{time: number, policy: import("./cut.js").Policy} | null} before as it was left, to go on with
 * @returns {() => {time: number, policy: import("./cut.js").Policy}} how it stands
 */
export function showTimeline(place, source, before = null) {
  const model = new Model(source.timeline), moment = new Moment(model.duration);
  const player = new Player(model, moment, source.film, source.picture);
  const chart = new Chart(model, moment, portraits(model, source.picture, source.film?.url ?? null));
  const marks = new Marks(model, moment, source.picture);
  const cutting = new Cutting(model, (segments, policy) => {
    chart.mark(segments, policy.onset);
    marks.show(segments);
    player.colour(policy.onset);
  });
  const stage = h("div", {class: "stage"}, player.element, chart.element);
  stage.addEventListener("keydown", (event) => onKey(event, {player, moment, cutting}), {capture: true});
  put(place, h("article", {class: "timeline"},
    h("h2", {}, named(source.timeline.video.file)),
    h("div", {class: "columns"}, verdict(model, source.damage), stage, h("div", {class: "side"}, cutting.element, keysHelp())),
    marks.element,
    unscoredList(model, moment),
    facts(model),
    takeAway(source)));
  cutting.use(before?.policy ?? model.timeline.policy);
  if (before) moment.move(before.time, "before");
  return () => ({time: moment.time, policy: cutting.policy});
}

/**
 * Keys of the player and the chart, while either has the focus.
 * @param {KeyboardEvent} event
 * @param {{player: Player, moment: Moment, cutting: Cutting}} parts
 */
function onKey(event, {player, moment, cutting}) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const target = /** @type {Element} */ (event.target), typing = target instanceof HTMLInputElement;
  const presses = target instanceof HTMLButtonElement || typing;
  const segment = (/** @type {1 | -1} */ way) => {
    const found = neighbour(cutting.segments ?? [], moment.time, way);
    if (found) moment.move(found.start_s, "keys");
  };
  /** @type {Record<string, () => void>} */
  const acts = {
    " ": () => player.toggle(),
    ArrowLeft: () => (event.shiftKey ? moment.move(moment.time - 1, "keys") : void player.step(-1)),
    ArrowRight: () => (event.shiftKey ? moment.move(moment.time + 1, "keys") : void player.step(1)),
    Home: () => moment.move(0, "keys"),
    End: () => moment.move(moment.duration, "keys"),
    "[": () => segment(-1),
    "]": () => segment(1),
  };
  const act = acts[event.key];
  if (!act || (presses && event.key === " ") || (typing && event.key !== "[" && event.key !== "]")) return;
  event.preventDefault();
  event.stopPropagation();
  act();
}

function keysHelp() {
  const keys = ["space", "arrows", "shift", "brackets", "ends"];
  return h("details", {class: "panel keys"}, h("summary", {}, t("keys.title")),
    h("p", {}, t("keys.where")),
    h("dl", {}, keys.flatMap((key) => [h("dt", {}, h("kbd", {}, t(`keys.${key}`))), h("dd", {}, t(`keys.${key}.does`))])));
}

/** @param {Source} source */
function takeAway({downloads}) {
  const print = h("button", {type: "button", onclick: () => window.print()}, t("take.print"));
  const links = downloads.map(({name, url}) => h("li", {}, h("a", {href: url, download: name}, name)));
  return h("section", {class: "panel take", "aria-label": t("take.title")}, h("h3", {}, t("take.title")), h("ul", {}, links, h("li", {}, print)), h("p", {class: "note"}, t("take.stored")));
}

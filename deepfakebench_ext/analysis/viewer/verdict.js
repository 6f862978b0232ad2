// What is said of the video in words, with the limits of that; and what is known of the file and of the detector.

import {h, named, shown, term} from "./dom.js";
import {bytesText, clock, dateText, numberText, scoreText, shareText, t} from "./words.js";

/** Share of a video that must be scored before it is called real, as decision.py has it. */
const LEAST_SHARE = 0.2;

/** @typedef {import("./model.js").Model} Model */

/**
 * @param {Model} model
 * @param {string} damage what is amiss with the file; empty where nothing is
 */
export function verdict(model, damage) {
  const {score, detector, policy} = model.timeline;
  const word = {fake: "fake", real: "real"}[score.decision] ?? "none";
  const points = [
    score.score === null ? null : h("li", {}, term(t("term.score"), t("explain.score")), ": ", t("verdict.score", {score: scoreText(score.score), track: score.track ?? "-"}), " ", term(t("term.rule"), t("explain.rule", {rule: score.rule}))),
    h("li", {}, term(t("term.scored_share"), t("explain.scored_share")), ": ", t("verdict.scored", {share: shareText(model.scoredShare)})),
    h("li", {}, term(t("term.trained"), t("explain.trained")), ": ", t(detector.head_trained ? "verdict.trained" : "verdict.untrained")),
    h("li", {}, term(t("term.calibrated"), t("explain.calibrated")), ": ", t(policy.calibrated ? "verdict.calibrated" : "verdict.uncalibrated")),
  ];
  return h("section", {class: `verdict is-${word}`, "aria-label": t("verdict.title")},
    h("p", {class: "word"}, term(t(`verdict.${word}`), t(`explain.${word}`))),
    h("p", {class: "why"}, reason(model)),
    !detector.head_trained && h("p", {class: "warning severe"}, t("verdict.noise")),
    damage && h("p", {class: "warning", lang: "en"}, shown(damage)),
    h("ul", {}, points));
}

/**
 * Why that is said: decision.py's own reasons, in the language of the reader.
 * @param {Model} model
 */
function reason(model) {
  const {score, detector} = model.timeline, bands = score.bands, value = score.score;
  if (!detector.head_trained) return t("reason.untrained");
  if (value === null) return h("span", {lang: "en"}, score.reason);
  if (!bands) return t("reason.uncalibrated");
  if (bands.fake_above === null && bands.real_below === null) return t("reason.few");
  const risk = (/** @type {number} */ share) => shareText(share);
  if (score.decision === "fake") return t("reason.fake", {score: scoreText(value), edge: scoreText(bands.fake_above ?? 1), risk: risk(bands.false_alarms)});
  if (score.decision === "real") return t("reason.real", {score: scoreText(value), edge: scoreText(bands.real_below ?? 0), risk: risk(bands.misses)});
  const isLow = bands.real_below !== null && value < bands.real_below;
  if (isLow && model.scoredShare < LEAST_SHARE) return t("reason.unseen", {share: shareText(model.scoredShare)});
  return t("reason.between", {score: scoreText(value)});
}

/** @param {Model} model */
export function facts(model) {
  const {video, detector, policy, tool, shots} = model.timeline;
  const streams = video.streams.map((stream, number) => [t("facts.stream", {number}), streamText(stream)]);
  /** @type {[string, Node | string][]} */
  const pairs = [
    [t("facts.file"), named(video.file)],
    [t("facts.sha256"), h("code", {}, video.sha256)],
    [t("facts.size"), bytesText(video.size_bytes)],
    ...(["container", "encoder"].filter((name) => video[name]).map((name) => /** @type {[string, Node]} */ ([t(`facts.${name}`), named(`${video[name]}`)]))),
    ...(video.created_at ? [/** @type {[string, string]} */ ([t("facts.created"), dateText(video.created_at)])] : []),
    [t("facts.length"), clock(video.duration_s)],
    [t("facts.first"), clock(video.start_s)],
    ...(/** @type {[string, string][]} */ (streams)),
    [t("facts.shots"), `${shots.length}`],
    [t("facts.faces"), `${model.faces.length}`],
    [t("facts.weights"), h("span", {}, named(detector.source), " ", h("code", {}, detector.sha256))],
    [t("facts.threshold"), h("span", {lang: "en"}, shown(policy.source))],
    [t("facts.tool"), `${tool.name} ${tool.version}`],
  ];
  return h("details", {class: "panel facts", open: true},
    h("summary", {}, t("facts.title")),
    h("dl", {}, pairs.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])));
}

/** @param {import("./model.js").Stream} stream */
function streamText(stream) {
  const said = [`${stream.kind} ${shown(stream.codec)}`];
  if (stream.width_px) said.push(`${stream.width_px} × ${stream.height_px}`);
  if (stream.fps) said.push(t("facts.fps", {fps: numberText(stream.fps, 3)}));
  if (stream.sample_rate_hz) said.push(`${stream.sample_rate_hz} Hz`);
  if (stream.channels) said.push(t("facts.channels", {number: stream.channels}));
  return said.join(", ");
}

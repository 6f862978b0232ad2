// The report that is one file: what lies in it is shown, and nothing is fetched. The film can be added from this computer.

import {h, put} from "./dom.js";
import {showTimeline} from "./viewer.js";
import {languageChoice, startLanguage, t} from "./words.js";

const {timeline, pictures, damage} = JSON.parse(document.getElementById("data")?.textContent ?? "");
const main = /** @type {HTMLElement} */ (document.querySelector("main"));
const stored = URL.createObjectURL(new Blob([JSON.stringify(timeline, null, 1)], {type: "application/json"}));
/** @type {import("./player.js").Film | null} */
let film = null;

/** @param {any} before how it stood, to go on with */
function show(before) {
  const place = h("div");
  put(main,
    h("header", {class: "top no-print"}, h("h1", {}, t("report.title")), languageChoice(() => show(stands()))),
    filmChoice(() => show(stands())), place);
  const stands = showTimeline(place, {
    timeline,
    picture: (number) => pictures[number],
    film,
    downloads: [{name: "timeline.json", url: stored}],
    damage,
  }, before);
}

/** @param {() => void} chosen */
function filmChoice(chosen) {
  const said = h("span", {role: "status"});
  const input = h("input", {type: "file", id: "film", onchange: () => {
    const file = input.files?.[0];
    if (!file) return;
    if (file.size !== timeline.video.size_bytes) {
      said.textContent = t("report.other");
      return;
    }
    film = {url: URL.createObjectURL(file), isProxy: false};
    chosen();
  }});
  return h("p", {class: "no-print"}, h("label", {for: "film"}, t("report.film")), " ", input, " ", said);
}

startLanguage();
show(null);

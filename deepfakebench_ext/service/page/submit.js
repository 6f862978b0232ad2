// Submitting: files are dropped or chosen, looked at before they are sent, and sent one after the other.

import {asking, RefusedError, upload} from "./api.js";
import {h, named, put, term} from "./viewer/dom.js";
import {bytesText, numberText, t} from "./viewer/words.js";

/**
 * @typedef {import("./api.js").ServedModel} ServedModel
 * @typedef {import("./api.js").Options} Options
 */

/** Where numbers may lie, as the command line takes them. @type {Record<string, {min: number, max?: number, step: string}>} */
const NUMBERS = {
  fps: {min: 0.1, step: "any"},
  frame_interval: {min: 1, step: "1"},
  min_face_px: {min: 1, step: "1"},
  threshold: {min: 0, max: 1, step: "any"},
};

// What is under way goes on, and is seen again, whichever result is looked at meanwhile.
const uploads = h("ul", {class: "uploads", "aria-live": "polite"});
/** @type {Promise<void>} */
let queue = Promise.resolve();

addEventListener("beforeunload", (event) => {
  if (uploads.querySelector("progress")) event.preventDefault();
});

export class Submit {
  /**
   * @param {Options} options
   * @param {ServedModel[]} models
   * @param {() => void} sent called when a job may be new
   */
  constructor(options, models, sent) {
    this.options = options;
    this.models = models;
    this.sent = sent;
    this.about = h("p", {class: "note"});
    this.fields = h("div", {class: "fields"});
    this.model = h("select", {id: "model", onchange: () => this.#chosen()});
    this.form = h("form", {class: "options", onsubmit: (/** @type {Event} */ event) => event.preventDefault()},
      h("p", {class: "field"}, h("label", {for: "model"}, t("submit.model")), this.model), this.about,
      h("details", {}, h("summary", {}, t("submit.options")), this.fields));
    this.element = h("section", {class: "submit panel", "aria-label": t("submit.title")},
      h("h2", {}, t("submit.title")), this.#drop(), this.form, uploads);
    this.use(models);
  }

  /** @param {ServedModel[]} models as they are now */
  use(models) {
    const before = this.model.value;
    this.models = models;
    put(this.model, models.map(({name, is_default: isDefault, loaded}) => {
      const text = isDefault ? t("submit.model.default", {name}) : name;
      return h("option", {value: name, selected: before ? name === before : isDefault}, loaded ? text : t("submit.model.loading", {name: text}));
    }));
    this.#chosen();
  }

  #drop() {
    const input = h("input", {type: "file", multiple: true, id: "files", class: "hidden", accept: `video/*,${this.options.suffixes.join(",")}`});
    input.addEventListener("change", () => {
      this.take([...(input.files ?? [])]);
      input.value = "";
    });
    const limits = t("submit.limits", {size: bytesText(this.options.upload_bytes), hours: numberText(this.options.duration_s / 3600, 1)});
    const place = h("div", {class: "drop"}, h("p", {}, t("submit.drop"), " ", h("label", {for: "files", class: "choose"}, t("submit.choose")), input), h("p", {class: "note"}, limits));
    const over = (/** @type {boolean} */ isOver) => (/** @type {DragEvent} */ event) => {
      event.preventDefault();
      place.classList.toggle("is-over", isOver);
    };
    place.addEventListener("dragover", over(true));
    place.addEventListener("dragleave", over(false));
    place.addEventListener("drop", (event) => {
      over(false)(event);
      this.take([...(event.dataTransfer?.files ?? [])]);
    });
    return place;
  }

  #chosen() {
    const about = this.models.find((model) => model.name === this.model.value)?.about;
    if (!about) put(this.about);
    else if (!about.weights.head_trained) put(this.about, t("submit.untrained"));
    else if (!about.calibrated) put(this.about, t("submit.uncalibrated"));
    else put(this.about, t("submit.calibrated", {threshold: numberText(about.threshold, 4)}));
    const threshold = about?.calibrated ? t("option.of_calibration", {value: numberText(about.threshold, 4)}) : this.options.defaults.threshold;
    const moments = about?.takes === "video" ? "frame_interval" : "fps";
    const faces = h("select", {name: "faces"}, ["all", "largest"].map((value) => h("option", {value}, t(`option.faces.${value}`))));
    put(this.fields,
      this.#number(moments, this.options.defaults[moments]), this.#option("faces", faces),
      this.#number("min_face_px", this.options.defaults.min_face_px), this.#number("threshold", threshold),
      this.#option("subtitles", h("input", {type: "checkbox", name: "subtitles", checked: true})),
      this.#option("overlay", h("input", {type: "checkbox", name: "overlay"})));
  }

  /** @param {string} name @param {string | number} value where it is left empty */
  #number(name, value) {
    const shown = typeof value === "number" ? numberText(value, 4) : value;
    const input = h("input", {type: "number", name, placeholder: shown, ...NUMBERS[name]});
    return this.#option(name, input, ` ${t("submit.default", {value: shown})}`);
  }

  /** @param {string} name @param {HTMLElement} input @param {string} more */
  #option(name, input, more = "") {
    input.setAttribute("aria-label", t(`option.${name}`));
    return h("div", {class: "field"}, term(t(`option.${name}`), t(`option.${name}.does`) + more), input);
  }

  #wishes() {
    /** @type {Record<string, string>} */
    const wishes = {model: this.model.value};
    for (const input of this.fields.querySelectorAll("input, select")) {
      const field = /** @type {HTMLInputElement} */ (input);
      if (field.type === "checkbox") wishes[field.name] = `${field.checked}`;
      else if (field.value !== "") wishes[field.name] = field.value;
    }
    return wishes;
  }

  /** @param {File[]} files */
  take(files) {
    if (!this.form.reportValidity()) return;
    for (const file of files) {
      const row = h("li", {}), refused = this.#refusal(file);
      uploads.append(row);
      if (refused) this.#end(row, refused, "warning");
      else {
        const wishes = this.#wishes();
        put(row, h("span", {}, said("submit.waiting", file.name, {})), h("button", {type: "button", onclick: () => row.remove()}, t("submit.stop")));
        queue = queue.then(() => (row.parentNode ? this.#send(file, wishes, row) : undefined));
      }
    }
  }

  /** Why a file is not sent; null where it is. @param {File} file */
  #refusal(file) {
    const name = file.name;
    if (!file.size) return said("submit.empty", name, {});
    if (file.size > this.options.upload_bytes) return said("submit.too_large", name, {size: bytesText(file.size), most: bytesText(this.options.upload_bytes)});
    const isKnown = file.type.startsWith("video/") || this.options.suffixes.some((suffix) => name.toLowerCase().endsWith(suffix));
    return isKnown ? null : said("submit.no_video", name, {suffixes: this.options.suffixes.join(", ")});
  }

  /**
   * @param {File} file
   * @param {Record<string, string>} wishes
   * @param {HTMLElement} row
   * @returns {Promise<void>}
   */
  async #send(file, wishes, row) {
    const text = h("span", {}, said("submit.sending", file.name, {}));
    const bar = h("progress", {max: 1, value: 0, "aria-label": t("submit.sending", {name: file.name})});
    const sending = upload(file, wishes, (share) => {
      bar.value = share;
      if (share === 1) put(text, said("submit.looking", file.name, {}));
    });
    put(row, text, bar, h("button", {type: "button", onclick: sending.stop}, t("submit.stop")));
    try {
      const job = await sending.sent;
      if (job.is_new) row.remove();
      else this.#end(row, [h("a", {href: `#${job.job_id}`}, said("submit.again", file.name, {}))], "note");
    } catch (error) {
      if (error instanceof RefusedError && error.status === 401) {
        await asking.token();
        return this.#send(file, wishes, row);
      }
      const reason = error instanceof RefusedError ? error.message : error instanceof DOMException ? t("submit.stop") : t("page.away");
      const own = `${file.name}: `; // most of what the service says of a file begins with its name
      this.#end(row, [named(file.name), ": ", reason.startsWith(own) ? reason.slice(own.length) : reason], "warning");
    }
    this.sent();
  }

  /** @param {HTMLElement} row @param {(Node | string)[]} text @param {string} kind */
  #end(row, text, kind) {
    put(row, h("p", {class: kind}, text), h("button", {type: "button", onclick: () => row.remove()}, t("submit.dismiss")));
  }
}

/**
 * A sentence with a file's name in it, which keeps its own direction.
 * @param {string} key
 * @param {string} name
 * @param {Record<string, string>} values
 */
export function said(key, name, values) {
  const [before, after] = t(key, {...values, name: "\u0000"}).split("\u0000");
  return [before, named(name), after];
}

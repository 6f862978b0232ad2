// One job: how it stands until it is done, and then its timeline.

import {call} from "./api.js";
import {isOpen, jobLine} from "./jobs.js";
import {h, named, put} from "./viewer/dom.js";
import {showTimeline} from "./viewer/viewer.js";
import {scoreText, t} from "./viewer/words.js";

const ASK_MS = 700;

/** @typedef {import("./api.js").Job} Job */

export class Result {
  /**
   * @param {string} id
   * @param {(isAway: boolean) => void} away told whether the service answers
   * @param {any} before as it was left, to go on with
   */
  constructor(id, away, before) {
    this.id = id;
    this.away = away;
    this.before = before;
    this.place = h("div", {}, h("p", {class: "note"}, t("page.loading")));
    this.element = h("section", {}, h("p", {class: "no-print"}, h("a", {href: "#"}, t("page.back"))), this.place);
    this.timer = 0;
    this.stands = () => before;
    this.refresh();
  }

  close() {
    this.isClosed = true;
    clearTimeout(this.timer);
  }

  async refresh() {
    try {
      const job = /** @type {Job} */ (await call("GET", `/v1/jobs/${this.id}`));
      if (this.isClosed) return;
      this.away(false);
      if (job.state === "completed") {
        await this.#show(job);
        return;
      }
      put(this.place, h("div", {class: "job"}, jobLine(job)));
      if (isOpen(job)) this.timer = window.setTimeout(() => this.refresh(), ASK_MS);
    } catch (error) {
      this.#failed(/** @type {Error & {status?: number}} */ (error));
    }
  }

  /** @param {Error & {status?: number}} error */
  #failed(error) {
    if (error.status === undefined) {
      this.away(true);
      this.timer = window.setTimeout(() => this.refresh(), 2 * ASK_MS);
    } else put(this.place, h("p", {class: "warning", role: "alert"}, t("page.failed", {reason: error.message})));
  }

  /** @param {Job} job */
  async #show(job) {
    const at = `/v1/jobs/${job.job_id}`;
    const [result, files] = await Promise.all([call("GET", `${at}/result`), call("GET", `${at}/files`)]);
    if (this.isClosed) return;
    if (job.kind === "image") {
      const said = result.score === null ? result.reason : t("jobs.image", {score: scoreText(result.score)});
      put(this.place, h("h2", {}, named(job.filename)), h("p", {}, said));
      return;
    }
    const isProxy = files.includes("proxy.mp4");
    const downloads = [{name: "timeline.json", url: `${at}/result`}, ...files.filter((/** @type {string} */ name) => name !== "proxy.mp4").map((/** @type {string} */ name) => ({name, url: `${at}/${name}`}))];
    this.stands = showTimeline(this.place, {
      timeline: result,
      picture: (number) => `${at}/keyframes/${number + 1}.jpg`,
      film: {url: isProxy ? `${at}/proxy.mp4` : `${at}/video`, isProxy},
      downloads,
      damage: "",
    }, this.before);
  }
}

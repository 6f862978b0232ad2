// The list of jobs: how each stands, told by events while it runs, and by asking again where those do not come.

import {call, deleteOnLeaving} from "./api.js";
import {said} from "./submit.js";
import {h, named, put, shown} from "./viewer/dom.js";
import {bytesText, dateText, shareText, t} from "./viewer/words.js";

/** @typedef {import("./api.js").Job} Job */

const PAGE = 50;
const MOST_FOLLOWED = 2; // a browser keeps few connections to one service, and each takes one
const ASK_MS = {followed: 4000, open: 1000, calm: 10000, away: 2000};
const UNDO_MS = 6000;

export class Jobs {
  /** @param {(isAway: boolean) => void} away told whether the service answers */
  constructor(away) {
    this.away = away;
    /** @type {Map<string, {job: Job, row: HTMLElement}>} */
    this.known = new Map();
    /** @type {Map<string, EventSource>} */
    this.followed = new Map();
    /** @type {Map<string, number>} */
    this.leaving = new Map();
    this.most = PAGE;
    this.timer = 0;
    this.list = h("ol", {class: "jobs"});
    this.none = h("p", {class: "note", hidden: true}, t("jobs.none"));
    this.more = h("button", {type: "button", hidden: true, onclick: () => {
      this.most += PAGE;
      this.refresh();
    }}, t("jobs.more"));
    this.toasts = h("div", {class: "toasts", role: "status"});
    this.element = h("section", {"aria-label": t("jobs.title")}, h("h2", {}, t("jobs.title")), this.list, this.none, this.more, this.toasts);
    this.leave = () => {
      for (const id of [...this.leaving.keys()]) this.#deleteNow(id, deleteOnLeaving);
    };
    addEventListener("pagehide", this.leave);
    this.refresh();
  }

  close() {
    this.isClosed = true;
    clearTimeout(this.timer);
    removeEventListener("pagehide", this.leave);
    for (const events of this.followed.values()) events.close();
    for (const id of [...this.leaving.keys()]) this.#deleteNow(id);
  }

  /** Ask how all jobs stand. */
  async refresh() {
    clearTimeout(this.timer);
    let wait = ASK_MS.away;
    try {
      const {jobs, next} = await call("GET", `/v1/jobs?limit=${this.most}`);
      if (this.isClosed) return;
      this.away(false);
      this.#show(jobs, next !== null);
      const open = jobs.some((/** @type {Job} */ job) => isOpen(job));
      wait = !open ? ASK_MS.calm : this.followed.size ? ASK_MS.followed : ASK_MS.open;
    } catch {
      this.away(true); // whatever the reason is, it is asked again
    }
    clearTimeout(this.timer);
    if (!this.isClosed) this.timer = window.setTimeout(() => this.refresh(), wait);
  }

  /** @param {Job[]} jobs @param {boolean} areMore */
  #show(jobs, areMore) {
    const here = new Set(jobs.map((job) => job.job_id));
    for (const [id, {row}] of this.known) {
      if (here.has(id)) continue;
      row.remove();
      this.known.delete(id);
    }
    for (const job of jobs) this.#put(job);
    jobs.forEach((job, place) => {
      const {row} = /** @type {{row: HTMLElement}} */ (this.known.get(job.job_id));
      if (this.list.children[place] !== row) this.list.insertBefore(row, this.list.children[place] ?? null);
    });
    this.none.hidden = jobs.length > 0;
    this.more.hidden = !areMore;
    for (const job of jobs.filter(isOpen).reverse()) this.#follow(job);
  }

  /** @param {Job} job */
  #put(job) {
    const before = this.known.get(job.job_id);
    if (before && before.job.version > job.version) return;
    const row = before?.row ?? h("li", {"data-job": job.job_id});
    if (before && before.job.version === job.version && before.job.queue_place === job.queue_place) return;
    const focused = row.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement).dataset.act : undefined;
    this.known.set(job.job_id, {job, row});
    row.className = `job is-${job.state}`;
    row.hidden = this.leaving.has(job.job_id);
    put(row, jobLine(job), this.#actions(job));
    if (focused) /** @type {HTMLElement | null} */ (row.querySelector(`[data-act="${focused}"]`) ?? row.querySelector("a, button"))?.focus();
  }

  /** @param {Job} job */
  #actions(job) {
    const act = (/** @type {string} */ name, /** @type {() => void} */ press) =>
      h("button", {type: "button", "data-act": name, "aria-label": t("jobs.of", {action: t(`jobs.${name}`), name: shown(job.filename)}), onclick: press}, t(`jobs.${name}`));
    const again = async (/** @type {string} */ path) => {
      await call("POST", `/v1/jobs/${job.job_id}/${path}`).catch(() => this.away(true));
      await this.refresh();
    };
    return h("div", {class: "actions"},
      job.state === "completed" && h("a", {href: `#${job.job_id}`, class: "open", "data-act": "open", "aria-label": t("jobs.of", {action: t("jobs.open"), name: shown(job.filename)})}, t("jobs.open")),
      isOpen(job) && !job.cancel_requested && act("cancel", () => again("cancel")),
      (job.state === "failed" || job.state === "cancelled") && act("retry", () => again("retry")),
      !isOpen(job) && act("delete", () => this.#delete(job)));
  }

  /** @param {Job} job */
  #follow(job) {
    if (this.followed.has(job.job_id) || this.followed.size >= MOST_FOLLOWED) return;
    const events = new EventSource(`/v1/jobs/${job.job_id}/events`);
    const end = () => {
      events.close();
      this.followed.delete(job.job_id);
    };
    this.followed.set(job.job_id, events);
    events.addEventListener("job", (event) => {
      const told = /** @type {Job} */ (JSON.parse(event.data));
      this.#put(told);
      if (isOpen(told)) return;
      end();
      this.refresh();
    });
    events.addEventListener("error", end); // the list is asked for again, and follows anew
  }

  /** @param {Job} job */
  #delete(job) {
    const {row} = /** @type {{row: HTMLElement}} */ (this.known.get(job.job_id));
    row.hidden = true;
    const undo = h("button", {type: "button", onclick: () => {
      clearTimeout(this.leaving.get(job.job_id));
      this.leaving.delete(job.job_id);
      toast.remove();
      row.hidden = false;
      /** @type {HTMLElement | null} */ (row.querySelector('[data-act="delete"]'))?.focus();
    }}, t("jobs.undo"));
    const toast = h("p", {class: "toast"}, said("jobs.deleted", job.filename, {}), " ", undo);
    this.toasts.append(toast);
    undo.focus();
    this.leaving.set(job.job_id, window.setTimeout(() => {
      toast.remove();
      this.#deleteNow(job.job_id);
    }, UNDO_MS));
  }

  /** @param {string} id @param {(id: string) => void} deleting */
  #deleteNow(id, deleting = (job) => void call("DELETE", `/v1/jobs/${job}`).then(() => this.refresh(), () => this.refresh())) {
    clearTimeout(this.leaving.get(id));
    this.leaving.delete(id);
    deleting(id);
  }
}

/** @param {Job} job */
export function isOpen(job) {
  return job.state === "queued" || job.state === "running";
}

/**
 * A job in a line: its file, and how it stands.
 * @param {Job} job
 */
export function jobLine(job) {
  const words = [h("strong", {class: "state"}, t(job.cancel_requested && isOpen(job) ? "jobs.cancelling" : `jobs.${job.state}`))];
  const more = [];
  if (job.state === "queued" && job.queue_place !== null) more.push(job.queue_place ? t("jobs.place", {number: job.queue_place}) : t("jobs.next"));
  if (job.state === "running") more.push(t("jobs.done_share", {share: shareText(Math.round(job.progress * 100) / 100)}));
  if (isOpen(job) && job.attempts > 1) more.push(t("jobs.attempt", {number: job.attempts}));
  const name = h("p", {class: "file"}, job.state === "completed" ? h("a", {href: `#${job.job_id}`}, named(job.filename)) : named(job.filename));
  return h("div", {class: "said"}, name,
    h("p", {class: "how"}, words, more.map((each) => ` · ${each}`)),
    job.state === "running" && h("progress", {max: 1, value: job.progress, "aria-label": t("jobs.progress", {name: shown(job.filename)})}),
    job.error && h("p", {class: "warning", lang: "en"}, shown(job.error)),
    h("p", {class: "note"}, [job.model, bytesText(job.size_bytes), dateText(job.created_at)].join(" · ")));
}

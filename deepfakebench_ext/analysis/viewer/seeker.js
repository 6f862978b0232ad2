// Finding the very frame of a time in a film that a browser plays, and the frames beside it.
//
// A browser tells the time of a frame once it shows it, and no other. It takes every frame for one of mean length: sought
// in the rest of a longer one, it shows the next. So what is shown is looked at, and sought again further back.

/** Times have six decimals, frames more: a little later is still the same frame, and never the one before. */
export const LATER_S = 0.0005;
const UNEVEN_S = 0.002;
/** A seek within a frame shows no new one; it is not waited for longer. */
const SAME_MS = 150;
const MOST_STEPS = 2;
/** A frame stands for at most so many of the mean length. */
const MOST_FRAMES = 250;

export class Seeker {
  /**
   * @param {HTMLVideoElement} video
   * @param {number} frame_s mean length of a frame
   * @param {(time: number) => void} stepped told the time of the frame that a step has come to
   */
  constructor(video, frame_s, stepped) {
    this.video = video;
    this.frame_s = frame_s;
    this.stepped = stepped;
    this.shown = 0;
    this.wanted = 0;
    this.isFresh = false;
    this.isBusy = false;
    /** @type {number | null} */
    this.target = null;
    /** @type {(1 | -1)[]} */
    this.steps = [];
    /** @type {() => void} */
    this.wake = () => {};
  }

  /** Whether what is shown was sought here, and not played or sought by the browser's own controls. */
  get isOurs() {
    return this.video.paused && Math.abs(this.video.currentTime - this.wanted) <= LATER_S;
  }

  /** @param {number} time of the frame that is shown now */
  show(time) {
    this.shown = time;
    this.isFresh = true;
    this.wake();
  }

  /**
   * Show the frame of a time; of several that are asked for while one is sought, the last.
   * @param {number} time
   */
  find(time) {
    this.target = time;
    this.wake();
    this.#run();
  }

  /**
   * Go to the next frame, or to the one before. A key that is held does not run on after it is let go.
   * @param {1 | -1} way
   */
  step(way) {
    if (this.steps.length < MOST_STEPS) this.steps.push(way);
    this.#run();
  }

  async #run() {
    if (this.isBusy) return;
    this.isBusy = true;
    while (this.target !== null || this.steps.length) {
      const target = this.target;
      this.target = null;
      if (target !== null) await this.#backTo(target, (shown) => shown <= target + LATER_S);
      else await this.#step(/** @type {1 | -1} */ (this.steps.shift()));
    }
    this.isBusy = false;
  }

  /** @param {1 | -1} way */
  async #step(way) {
    this.video.pause();
    const before = this.shown;
    if (way > 0) await this.#next(before);
    else await this.#backTo(before - 2 * LATER_S, (shown) => shown < before);
    if (this.target === null) this.stepped(this.shown);
  }

  /**
   * Look at a time, and at earlier ones until what is shown will do.
   * @param {number} time
   * @param {(shown: number) => boolean} does
   */
  async #backTo(time, does) {
    const least = Math.max(time - MOST_FRAMES * this.frame_s, 0);
    await this.#look(time);
    for (let at = time; at > least && !does(this.shown) && this.target === null; ) {
      at = Math.max(at - this.frame_s / 2, least);
      await this.#look(at);
    }
  }

  /** @param {number} before time of a frame; that of the next one is looked for */
  async #next(before) {
    const end = Math.min(before + MOST_FRAMES * this.frame_s, this.video.duration);
    for (let at = before; at < end && this.shown <= before && this.target === null; ) {
      at += this.frame_s;
      await this.#look(at);
    }
    if (Math.abs(this.shown - before - this.frame_s) <= UNEVEN_S) return;
    while (this.shown > before && this.target === null) { // one may lie between
      const found = this.shown;
      await this.#look(found - 2 * LATER_S);
      if (before < this.shown && this.shown < found) continue;
      await this.#look(found);
      return;
    }
  }

  /**
   * Seek, until the frame of that time is shown.
   * @param {number} time
   */
  async #look(time) {
    const {video} = this;
    this.wanted = Math.min(Math.max(time, 0) + LATER_S, video.duration || Infinity);
    this.isFresh = false;
    const sought = new Promise((resolve) => video.addEventListener("seeked", resolve, {once: true}));
    video.currentTime = this.wanted;
    await sought;
    if (this.isFresh || this.target !== null) return;
    await new Promise((resolve) => {
      this.wake = () => resolve(null);
      setTimeout(resolve, SAME_MS);
    });
  }
}

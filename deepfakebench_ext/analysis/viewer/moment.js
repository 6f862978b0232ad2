// The one cursor: which moment of the film is looked at. Whoever moves it says who they are, and all others follow.

export class Moment extends EventTarget {
  /** @param {number} duration in seconds, above 0 */
  constructor(duration) {
    super();
    this.duration = duration;
    this.time = 0;
    this.from = "";
  }

  /**
   * Look at another moment.
   * @param {number} time in seconds; beyond the ends is at the end
   * @param {string} from who moves it
   */
  move(time, from) {
    this.time = Math.min(Math.max(time, 0), this.duration);
    this.from = from;
    this.dispatchEvent(new Event("move"));
  }

  /** @param {() => void} follow called now, and whenever it moves */
  follow(follow) {
    this.addEventListener("move", follow);
    follow();
  }
}

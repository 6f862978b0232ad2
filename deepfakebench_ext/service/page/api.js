// The service, as the page calls it. The token is kept for this tab alone; what a browser fetches by itself (films,
// pictures, events) passes by a cookie that only reads.

/**
 * @typedef {{job_id: string, kind: "video" | "image", model: string, filename: string, sha256: string, size_bytes: number,
 *   params: Record<string, any>, state: "queued" | "running" | "completed" | "failed" | "cancelled", stage: string,
 *   progress: number, queue_place: number | null, attempts: number, cancel_requested: boolean, error: string | null,
 *   created_at: number, started_at: number | null, finished_at: number | null, version: number}} Job
 * @typedef {{name: string, is_default: boolean, loaded: boolean, about: null | {takes: "image" | "video",
 *   weights: {head_trained: boolean}, threshold: number, calibrated: boolean}}} ServedModel
 * @typedef {{upload_bytes: number, duration_s: number, suffixes: string[], defaults: Record<string, any>}} Options
 */

const KEPT = "dfb-token";

/** What the service refuses, in its own words. */
export class RefusedError extends Error {
  /** @param {number} status @param {string} detail */
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** Asks for a token, and returns once there is another one. Set by the page. */
export const asking = {token: async () => {}};

export function token() {
  return sessionStorage.getItem(KEPT);
}

/**
 * Take a token, if the service knows it.
 * @param {string} given
 */
export async function useToken(given) {
  sessionStorage.setItem(KEPT, given);
  try {
    await once("POST", "/v1/session");
  } catch (error) {
    if (error instanceof RefusedError) sessionStorage.removeItem(KEPT);
    throw error;
  }
}

export function forgetToken() {
  sessionStorage.removeItem(KEPT);
}

/** @returns {Record<string, string>} */
export function authorization() {
  const kept = token();
  return kept ? {authorization: `Bearer ${kept}`} : {};
}

/**
 * Call the service; where it asks for a token, ask for one and call again.
 * @param {"GET" | "POST" | "DELETE"} method
 * @param {string} path
 * @returns {Promise<any>} what it answers; null where that is empty
 */
export async function call(method, path) {
  for (;;) {
    try {
      return await once(method, path);
    } catch (error) {
      if (!(error instanceof RefusedError) || error.status !== 401) throw error;
      await asking.token();
    }
  }
}

/** @param {string} method @param {string} path */
async function once(method, path) {
  const answer = await fetch(path, {method, headers: authorization()});
  if (!answer.ok) throw new RefusedError(answer.status, await detail(answer));
  return answer.status === 204 ? null : answer.json();
}

/** @param {Response} answer */
async function detail(answer) {
  try {
    return `${(await answer.json()).detail}`;
  } catch {
    return `${answer.status} ${answer.statusText}`;
  }
}

/**
 * Delete a job although the page is being left.
 * @param {string} job
 */
export function deleteOnLeaving(job) {
  fetch(`/v1/jobs/${job}`, {method: "DELETE", headers: authorization(), keepalive: true});
}

/**
 * Send a film.
 * @param {File} file
 * @param {Record<string, string>} fields
 * @param {(share: number) => void} told how much of it is sent
 * @returns {{sent: Promise<Job & {is_new: boolean}>, stop: () => void}}
 */
export function upload(file, fields, told) {
  const request = new XMLHttpRequest(), form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("file", file);
  /** @type {Promise<Job & {is_new: boolean}>} */
  const sent = new Promise((resolve, reject) => {
    request.open("POST", "/v1/video/analyze");
    for (const [name, value] of Object.entries(authorization())) request.setRequestHeader(name, value);
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => told(event.total ? event.loaded / event.total : 0));
    request.addEventListener("load", () => {
      if (request.status < 300) resolve(request.response);
      else reject(new RefusedError(request.status, `${request.response?.detail ?? request.statusText}`));
    });
    request.addEventListener("error", () => reject(new TypeError("network")));
    request.addEventListener("abort", () => reject(new DOMException("stopped", "AbortError")));
    request.send(form);
  });
  return {sent, stop: () => request.abort()};
}

// The page of the service: submitting and jobs, or one result. The address says which, so that a reload shows the same.

import {asking, call, forgetToken, RefusedError, token, useToken} from "./api.js";
import {Jobs} from "./jobs.js";
import {Result} from "./result.js";
import {Submit} from "./submit.js";
import {h, put} from "./viewer/dom.js";
import {languageChoice, startLanguage, t} from "./viewer/words.js";

const MODELS_MS = 3000;
const JOB = /^#(job_[0-9a-f]{12}_[0-9a-f]{16})$/;

const banner = h("p", {class: "banner", role: "status", hidden: true});
const other = h("button", {type: "button", class: "other", hidden: !token(), onclick: () => anotherToken()});
const main = h("main", {id: "content", tabindex: -1});
/** @type {{close: () => void, stands?: () => any} | null} */
let now = null;

/** @param {boolean} isAway */
function away(isAway) {
  banner.hidden = !isAway;
  banner.textContent = isAway ? t("page.away") : "";
}

/** @type {Promise<void> | null} */
let asked = null;

/** Ask for a token, once however many ask. */
asking.token = () => (asked ??= askedForToken().finally(() => (asked = null)));

async function askedForToken() {
  const kept = token();
  if (kept && (await useToken(kept).then(() => true, () => false))) return; // the cookie alone was gone
  const input = h("input", {type: "password", id: "token", autocomplete: "off", required: true});
  const wrong = h("p", {class: "warning", role: "alert", hidden: true}, t("token.refused"));
  const form = h("form", {method: "dialog"}, h("h2", {id: "token-title"}, t("token.title")),
    h("p", {}, h("label", {for: "token"}, t("token.label")), " ", input), wrong, h("p", {class: "note"}, t("token.kept")), h("button", {}, t("token.use")));
  const dialog = h("dialog", {"aria-labelledby": "token-title", onclose: () => dialog.isConnected && dialog.showModal()}, form);
  document.body.append(dialog);
  dialog.showModal();
  await new Promise((resolve) => {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        await useToken(input.value.trim());
        resolve(null);
      } catch (error) {
        wrong.hidden = !(error instanceof RefusedError);
        away(!(error instanceof RefusedError));
      }
    });
  });
  dialog.remove();
  other.hidden = false;
}

async function anotherToken() {
  forgetToken();
  await asking.token();
  if (location.hash) location.hash = ""; // which shows all jobs
  else show();
}

/** @param {any} before how the result stood, where the language alone changes */
async function show(before = null) {
  now?.close();
  now = null;
  document.title = t("page.title");
  other.textContent = t("token.change");
  put(document.body,
    h("a", {href: "#content", class: "skip", onclick: (/** @type {Event} */ event) => {
      event.preventDefault();
      main.focus();
    }}, t("page.skip")),
    h("header", {class: "top"}, h("h1", {}, h("a", {href: "#"}, t("page.title"))), h("span", {class: "choices"}, other, " ", languageChoice(() => show(now?.stands?.() ?? null)))),
    banner, main);
  const job = JOB.exec(location.hash);
  if (job) {
    const result = new Result(job[1], away, before);
    now = result;
    put(main, result.element);
    return;
  }
  const home = new Jobs(away);
  now = home;
  put(main, home.element);
  await submitting(home);
}

/** @param {Jobs} home */
async function submitting(home) {
  try {
    const [options, models] = await Promise.all([call("GET", "/v1/options"), call("GET", "/v1/models")]);
    if (now !== home) return;
    const submit = new Submit(options, models, () => home.refresh());
    put(main, submit.element, home.element);
    await untilLoaded(home, submit);
  } catch {
    away(true);
    if (now === home) setTimeout(() => submitting(home), MODELS_MS);
  }
}

/** @param {Jobs} home @param {Submit} submit */
async function untilLoaded(home, submit) {
  while (now === home && submit.models.some((model) => !model.loaded)) {
    await new Promise((resolve) => setTimeout(resolve, MODELS_MS));
    const models = await call("GET", "/v1/models").catch(() => submit.models);
    if (JSON.stringify(models) !== JSON.stringify(submit.models)) submit.use(models);
  }
}

// A file that is dropped beside the place for it is not opened in place of the page.
for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());
addEventListener("hashchange", () => show());
startLanguage();
show();

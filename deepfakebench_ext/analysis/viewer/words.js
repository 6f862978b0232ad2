// All that is said, in the reader's language: strings, numbers, times.

import {ENGLISH} from "./english.js";
import {GERMAN} from "./german.js";

/** @type {Record<string, {name: string, words: Record<string, string>}>} */
export const LANGUAGES = {en: {name: "English", words: ENGLISH}, de: {name: "Deutsch", words: GERMAN}};
const KEPT = "dfb-language";

let language = "en";

/** The language that was chosen before, or the browser's, or English. */
export function startLanguage() {
  const wanted = [kept(), ...navigator.languages.map((each) => each.slice(0, 2))];
  speak(wanted.find((each) => each && each in LANGUAGES) ?? "en");
}

function kept() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null; // a page that may keep nothing
  }
}

/** @param {string} chosen */
export function speak(chosen) {
  language = chosen;
  document.documentElement.lang = chosen;
}

/** @param {string} chosen */
export function keepLanguage(chosen) {
  speak(chosen);
  try {
    localStorage.setItem(KEPT, chosen);
  } catch {
    return; // a page that may keep nothing
  }
}

export function spoken() {
  return language;
}

/**
 * A string, with values in place of `{name}`.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 */
export function t(key, values = {}) {
  const text = LANGUAGES[language].words[key] ?? ENGLISH[key];
  if (text === undefined) throw new Error(`nothing is said of ${key}`);
  return text.replace(/\{(\w+)\}/g, (_, name) => `${values[name]}`);
}

/**
 * A string of a number of things: `key.one`, or `key.other`.
 * @param {string} key
 * @param {number} number
 */
export function count(key, number) {
  return t(`${key}.${number === 1 ? "one" : "other"}`, {number});
}

/** @param {number} value @param {number} digits most digits after the point */
export function numberText(value, digits) {
  return new Intl.NumberFormat(language, {maximumFractionDigits: digits}).format(value);
}

/**
 * A score with so many digits, or more where these would make 0 or 1 of one between the two.
 * @param {number} score
 * @param {number} digits
 */
export function scoreText(score, digits = 3) {
  while (score > 0 && score < 1 && digits < 16 && [0, 1].includes(Number(score.toFixed(digits)))) digits++;
  return new Intl.NumberFormat(language, {minimumFractionDigits: digits, maximumFractionDigits: digits}).format(score);
}

/**
 * A share in per cent; 0 and 100 are none and all.
 * @param {number} share
 */
export function shareText(share) {
  let digits = 0;
  while (share > 0 && share < 1 && digits < 12 && [0, 1].includes(Number(share.toFixed(digits + 2)))) digits++;
  return new Intl.NumberFormat(language, {style: "percent", maximumFractionDigits: digits}).format(share);
}

/**
 * Minutes, seconds and hundredths, as players show them; hours where there are any.
 * @param {number} seconds
 * @param {number} digits of the seconds after the point
 */
export function clock(seconds, digits = 2) {
  const unit = 10 ** digits, whole = Math.round(seconds * unit);
  const minutes = Math.floor(whole / (60 * unit)), hours = Math.floor(minutes / 60);
  const rest = ((whole % (60 * unit)) / unit).toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
  return hours ? `${hours}:${`${minutes % 60}`.padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** @param {number} bytes */
export function bytesText(bytes) {
  const place = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), 4);
  const unit = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"][place];
  return new Intl.NumberFormat(language, {style: "unit", unit, maximumFractionDigits: 1}).format(bytes / 1000 ** place);
}

/** @param {number | string} when seconds since 1970, or a date as files have it */
export function dateText(when) {
  const date = new Date(typeof when === "number" ? when * 1000 : when);
  return Number.isNaN(date.getTime()) ? `${when}` : new Intl.DateTimeFormat(language, {dateStyle: "medium", timeStyle: "short"}).format(date);
}

/** A choice of the language. @param {(language: string) => void} chosen */
export function languageChoice(chosen) {
  const select = document.createElement("select");
  select.className = "language";
  select.setAttribute("aria-label", t("language"));
  for (const [code, {name}] of Object.entries(LANGUAGES)) {
    const option = new Option(name, code, code === language, code === language);
    option.lang = code;
    select.append(option);
  }
  select.addEventListener("change", () => {
    keepLanguage(select.value);
    chosen(select.value);
  });
  return select;
}

/** Chinese and English: the words of the pages, and times as each language writes them. */
import { en } from '../words/en.js'
import { zh } from '../words/zh.js'

/**
 * @typedef {keyof typeof zh} Word
 * @typedef {'zh-CN' | 'en'} Language
 * @typedef {Record<string, string | number>} Values
 */

const KEPT = 'language'
/** Times are told in the zone that the window is announced in, wherever the reader is. */
const ZONE = 'Asia/Shanghai'
const MS = { second: 1_000, minute: 60_000, hour: 3_600_000, day: 86_400_000 }

/** @type {Record<Language, Record<Word, string>>} */
const words = { 'zh-CN': zh, en }

/** @type {Language} */
let current = firstLanguage()
document.documentElement.lang = current

/** @returns {Language} */
function firstLanguage() {
  const kept = localStorage.getItem(KEPT)
  if (kept === 'zh-CN' || kept === 'en') return kept
  return navigator.languages.some((one) => one.toLowerCase().startsWith('zh')) ? 'zh-CN' : 'en'
}

export function language() {
  return current
}

/** @param {Language} chosen */
export function chooseLanguage(chosen) {
  current = chosen
  localStorage.setItem(KEPT, chosen)
  document.documentElement.lang = chosen
}

/**
 * The words of a key. `{n}` is put in; `{n|one|many}` picks by the number, where a language has two forms.
 * @param {Word} key
 * @param {Values} [values]
 */
export function say(key, values = {}) {
  return words[current][key].replace(/\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}/g, (_, name, one, many) => {
    const value = values[name] ?? ''
    return one === undefined ? String(value) : value === 1 ? one : many
  })
}

/** @param {Intl.DateTimeFormatOptions} options @param {string} iso */
function written(options, iso) {
  return new Intl.DateTimeFormat(current, { timeZone: ZONE, hourCycle: 'h23', ...options }).format(
    new Date(iso),
  )
}

/** @param {string} iso */
export const dateAndTime = (iso) => written({ dateStyle: 'medium', timeStyle: 'short' }, iso)
/** To the second: when something was saved. @param {string} iso */
export const momentOf = (iso) => written({ dateStyle: 'medium', timeStyle: 'medium' }, iso)

/** `6 days 23:59:12`, rounded down. @param {number} ms */
export function timeLeft(ms) {
  const left = Math.max(0, ms)
  const days = Math.floor(left / MS.day)
  const clock = [
    Math.floor((left % MS.day) / MS.hour),
    Math.floor((left % MS.hour) / MS.minute),
    Math.floor((left % MS.minute) / MS.second),
  ]
  const text = clock.map((part) => String(part).padStart(2, '0')).join(':')
  return days === 0 ? text : `${say('days', { n: days })} ${text}`
}

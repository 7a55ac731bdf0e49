/** Schools and majors: the list of schools once, the majors of a school when they are wanted, then both from memory. */
import { api } from './api.js'
import { language } from './language.js'

/**
 * @typedef {{ school: string, name: string, nameEn?: string, city: string, majors: number }} School
 * @typedef {{ major: string, name: string, nameEn?: string, seats: number }} Major
 * @typedef {{ school: string, major: string }} Choice
 */

/** Schools of one request, where a long form needs the majors of many. */
const SCHOOLS_AT_ONCE = 50
const FOUND_MAX = 60

/** @type {Map<string, School & { text: string }>} */
let schools = new Map()
/** @type {Map<string, readonly Major[]>} */
const majors = new Map()
/** @type {Map<string, Promise<readonly Major[]>>} */
const underWay = new Map()

/** @returns {Promise<void>} */
export async function loadSchools() {
  if (schools.size > 0) return
  /** @type {{ schools: School[] }} */
  const answer = await api('GET', '/api/catalogue/schools')
  schools = new Map(answer.schools.map((one) => [one.school, { ...one, text: searched(one) }]))
}

/** @param {School} school */
function searched({ school, name, nameEn, city }) {
  return `${school} ${name} ${nameEn ?? ''} ${city}`.toLowerCase()
}

/** @param {string} code @returns {Promise<readonly Major[]>} */
export function loadMajors(code) {
  const known = majors.get(code)
  if (known !== undefined) return Promise.resolve(known)
  const started = underWay.get(code) ?? fetchMajors(code)
  underWay.set(code, started)
  return started
}

/** @param {string} code */
async function fetchMajors(code) {
  try {
    /** @type {{ majors: Major[] }} */
    const answer = await api('GET', `/api/catalogue/schools/${encodeURIComponent(code)}`)
    majors.set(code, answer.majors)
    return answer.majors
  } finally {
    underWay.delete(code)
  }
}

/** What these choices are called. A name that cannot be had is shown as its code. @param {readonly Choice[]} choices */
export async function loadNames(choices) {
  const wanted = [...new Set(choices.map((one) => one.school))].filter((code) => !majors.has(code))
  const parts = Math.ceil(wanted.length / SCHOOLS_AT_ONCE)
  const partOf = (/** @type {number} */ part) =>
    wanted.slice(part * SCHOOLS_AT_ONCE, (part + 1) * SCHOOLS_AT_ONCE)
  await Promise.all(
    Array.from({ length: parts }, (_, part) => fetchMajorsOf(partOf(part)).catch(() => undefined)),
  )
}

/** @param {readonly string[]} codes */
async function fetchMajorsOf(codes) {
  /** @type {{ schools: { school: string, majors: Major[] }[] }} */
  const answer = await api('GET', `/api/catalogue/majors?schools=${codes.map(encodeURIComponent).join(',')}`)
  for (const one of answer.schools) majors.set(one.school, one.majors)
}

/** @param {string} query every word must occur in code, name or city @returns {{ found: School[], total: number }} */
export function findSchools(query) {
  const terms = query
    .toLowerCase()
    .split(/\s+/)
    .filter((term) => term !== '')
  const all = [...schools.values()].filter(({ text }) => terms.every((term) => text.includes(term)))
  return { found: all.slice(0, FOUND_MAX), total: all.length }
}

/** @param {{ name: string, nameEn?: string }} named */
export function nameOf({ name, nameEn }) {
  return language() === 'en' && nameEn ? nameEn : name
}

/** @param {string} code */
export function schoolOf(code) {
  return schools.get(code)
}

/** @param {string} code */
export function schoolName(code) {
  const known = schools.get(code)
  return known === undefined ? code : nameOf(known)
}

/** @param {Choice} choice */
export function majorName({ school, major }) {
  const known = majors.get(school)?.find((one) => one.major === major)
  return known === undefined ? major : nameOf(known)
}

/** @param {Choice} choice */
export function keyOf({ school, major }) {
  return `${school}/${major}`
}

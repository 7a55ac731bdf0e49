/**
 * Picking choices in a dialog: a school by name, English name, city or code, then its majors. It stays open until
 * it is closed, so that several can be added one after the other.
 */
import { announce, fill, h, icon } from '../shared/dom.js'
import { say } from '../shared/language.js'
import { findSchools, keyOf, loadMajors, nameOf } from '../shared/catalogue.js'

/**
 * @typedef {import('../shared/catalogue.js').School} School
 * @typedef {import('../shared/catalogue.js').Major} Major
 * @typedef {import('../shared/catalogue.js').Choice} Choice
 */

/**
 * @param {{ choices: () => readonly Choice[], max: number, onPick: (choice: Choice) => void }} options
 * @returns {Promise<void>} when it is closed
 */
export function pickChoices(options) {
  let resolve = () => {}
  /** @type {Promise<void>} */
  const closed = new Promise((settle) => (resolve = settle))
  const body = h('div.picker-body')
  const dialog = h(
    'dialog.picker',
    { 'aria-labelledby': 'picker-title' },
    h(
      'div.picker-head',
      {},
      h('h2', { id: 'picker-title' }, say('add-choice')),
      h('button.plain', { type: 'button', onclick: () => dialog.close() }, say('done')),
    ),
    body,
  )
  dialog.addEventListener('close', () => {
    dialog.remove()
    resolve()
  })
  document.body.append(dialog)
  dialog.showModal()
  showSchools(body, options, '')
  return closed
}

/** @typedef {Parameters<typeof pickChoices>[0]} Options */

/** @param {Element} body @param {Options} options @param {string} query */
function showSchools(body, options, query) {
  const results = h('ul.results', { 'aria-label': say('schools') })
  const count = h('p.hint', { role: 'status' })
  const show = () => {
    const { found, total } = findSchools(search.value)
    results.replaceChildren(
      ...found.map((school) =>
        h(
          'li',
          {},
          schoolButton(school, () => showMajors(body, options, school, search.value)),
        ),
      ),
    )
    count.textContent =
      total > found.length
        ? say('schools-more', { n: total, shown: found.length })
        : say('schools-found', { n: total })
  }
  const search = h('input', {
    type: 'search',
    id: 'school-search',
    autocomplete: 'off',
    spellcheck: 'false',
    placeholder: say('school-search-example'),
    oninput: show,
    onkeydown: (event) => {
      if (event.key === 'Enter') results.querySelector('button')?.click()
    },
  })
  search.value = query
  fill(
    body,
    h('div.field', {}, h('label', { for: 'school-search' }, say('school-search')), search),
    count,
    results,
  )
  walkByArrows(search, results)
  show()
  search.focus()
}

/** @param {School} school @param {() => void} onclick */
function schoolButton(school, onclick) {
  return h(
    'button.result',
    { type: 'button', onclick },
    h('span.result-name', {}, nameOf(school), h('span.code', {}, school.school)),
    h('span.result-more', {}, school.city, ' · ', say('majors-count', { n: school.majors })),
    icon('next'),
  )
}

/** @param {Element} body @param {Options} options @param {School} school @param {string} query where to come back to */
async function showMajors(body, options, school, query) {
  const back = h(
    'button.quiet.back',
    { type: 'button', onclick: () => showSchools(body, options, query) },
    icon('back'),
    say('other-school'),
  )
  const title = h('h3', { tabindex: '-1' }, nameOf(school), h('span.code', {}, school.school))
  const results = h('ul.results', { 'aria-label': say('majors') })
  const note = h('p.hint', { role: 'status' }, say('loading'))
  fill(body, back, title, note, results)
  title.focus()
  try {
    const majors = await loadMajors(school.school)
    if (!results.isConnected) return
    note.textContent = ''
    results.replaceChildren(...majors.map((major) => majorRow(options, school, major, note)))
    walkByArrows(title, results)
  } catch {
    note.textContent = say('majors-not-loaded')
  }
}

/** @param {Options} options @param {School} school @param {Major} major @param {Element} note */
function majorRow(options, school, major, note) {
  const choice = { school: school.school, major: major.major }
  const state = h('span.result-state')
  const showState = () => {
    const at = options.choices().findIndex((one) => keyOf(one) === keyOf(choice))
    state.replaceChildren(...(at < 0 ? [icon('add')] : [icon('check'), say('is-choice', { n: at + 1 })]))
    button.setAttribute('aria-disabled', String(at >= 0))
  }
  const button = h(
    'button.result',
    {
      type: 'button',
      onclick: () => {
        const { length } = options.choices()
        if (button.getAttribute('aria-disabled') === 'true') return
        if (length >= options.max) {
          note.textContent = say('list-full', { n: options.max })
          return
        }
        options.onPick(choice)
        announce(say('added', { n: length + 1, school: nameOf(school), major: nameOf(major) }))
        showState()
      },
    },
    h('span.result-name', {}, nameOf(major), h('span.code', {}, major.major)),
    h('span.result-more', {}, say('seats', { n: major.seats })),
    state,
  )
  showState()
  return h('li', {}, button)
}

/** Arrow keys go from the field into the results and back. @param {HTMLElement} start @param {HTMLElement} results */
function walkByArrows(start, results) {
  /** @param {KeyboardEvent} event */
  const walk = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step === undefined) return
    const stops = [start, ...results.querySelectorAll('button')]
    const at = stops.findIndex((one) => one === document.activeElement)
    stops[at + step]?.focus()
    event.preventDefault()
  }
  start.addEventListener('keydown', walk)
  results.addEventListener('keydown', walk)
}

/** The views of the teacher's page: each asks the server and answers with what to show. */
import { api } from '../shared/api.js'
import { loadNames, loadSchools, majorName, schoolName } from '../shared/catalogue.js'
import { h, icon } from '../shared/dom.js'
import { momentOf, say } from '../shared/language.js'
import { candidateTable, stateBadge } from './candidate-table.js'
import { go } from './route.js'

/**
 * @typedef {import('./route.js').Route} Route
 * @typedef {import('../shared/catalogue.js').Choice} Choice
 * @typedef {{ candidates: number, notStarted: number, saved: number, confirmed: number }} Counts
 * @typedef {Counts & { class: string, name: string, highSchool: string }} SchoolClass
 * @typedef {{ version: number, state: 'saved' | 'confirmed', choices: Choice[], receipt: string, savedAt: string, confirmedAt?: string }} PastForm
 */

const STATES = /** @type {const} */ (['', 'not-started', 'saved', 'confirmed'])

/** @param {Route} route @returns {Promise<HTMLElement[]>} */
export function viewOf(route) {
  switch (route.view) {
    case 'classes':
      return classesView()
    case 'class':
      return classView(route)
    case 'search':
      return searchView(route)
    case 'candidate':
      return candidateView(route.candidate)
  }
}

async function classesView() {
  /** @type {{ classes: SchoolClass[] }} */
  const { classes } = await api('GET', '/api/teacher/classes')
  return [
    head(say('your-classes')),
    h(
      'ul.classes',
      {},
      classes.map((one) =>
        h(
          'li',
          {},
          h(
            'button.class-card',
            {
              type: 'button',
              'data-key': `class ${one.class}`,
              onclick: () => go({ view: 'class', class: one.class, state: '', offset: 0 }),
            },
            h('span.class-name', {}, one.name, h('span.code', {}, one.class)),
            h('span.class-school', {}, one.highSchool),
            countsBar(one),
            h('span.class-states', {}, say('class-states', { ...one })),
          ),
        ),
      ),
    ),
  ]
}

/** Confirmed, saved and not started as shares of one bar; the words below it say the same. @param {Counts} counts */
function countsBar({ candidates, confirmed, saved }) {
  const bar = h('span.shares', { 'aria-hidden': 'true' })
  for (const [kind, count] of /** @type {const} */ ([
    ['confirmed', confirmed],
    ['saved', saved],
  ])) {
    const share = h(`span.share.${kind}`)
    share.style.width = `${(100 * count) / Math.max(1, candidates)}%`
    bar.append(share)
  }
  return bar
}

/** @param {Extract<Route, { view: 'class' }>} route */
async function classView(route) {
  const query = new URLSearchParams({ state: route.state, offset: String(route.offset) })
  /** @type {import('./candidate-table.js').Page & { name: string, class: string, counts: Counts }} */
  const page = await api('GET', `/api/teacher/classes/${encodeURIComponent(route.class)}?${query}`)
  const counts = { '': page.counts.candidates, 'not-started': page.counts.notStarted, ...page.counts }
  return [
    backTo(say('all-classes'), { view: 'classes' }),
    head(`${page.name} `, h('span.code', {}, page.class)),
    h(
      'div.filters',
      { role: 'group', 'aria-label': say('state-filter') },
      STATES.map((state) =>
        h(
          'button.filter',
          {
            type: 'button',
            'data-key': `state ${state}`,
            'aria-pressed': String(state === route.state),
            onclick: () => go({ ...route, state, offset: 0 }, 'replace'),
          },
          say(state === '' ? 'all-states' : `state-${state}`),
          h('span.code', {}, counts[state]),
        ),
      ),
    ),
    candidateTable(page.name, page, (offset) => go({ ...route, offset })),
  ]
}

/** @param {Extract<Route, { view: 'search' }>} route */
async function searchView(route) {
  const { name, idSuffix, school } = route
  const query = new URLSearchParams({ name, idSuffix, school, offset: String(route.offset) })
  /** @type {import('./candidate-table.js').Page} */
  const page = await api('GET', `/api/teacher/search?${query}`)
  return [
    backTo(say('all-classes'), { view: 'classes' }),
    head(say('found-count', { n: page.total })),
    candidateTable(say('search'), page, (offset) => go({ ...route, offset }), { withClass: true }),
  ]
}

/** @param {string} candidate */
async function candidateView(candidate) {
  const [answer] = await Promise.all([
    api('GET', `/api/teacher/candidates/${encodeURIComponent(candidate)}/form`),
    loadSchools(),
  ])
  /** @type {PastForm[]} */
  const history = answer.history
  const { form } = answer
  await loadNames([form.choices, ...history.map((one) => one.choices)].flat())
  return [
    h(
      'p',
      {},
      h(
        'button.quiet.back',
        { type: 'button', onclick: () => globalThis.history.back() },
        icon('back'),
        say('back'),
      ),
    ),
    head(say('form-of', { name: answer.name })),
    h(
      'section.card',
      {},
      h(
        'p.form-state',
        {},
        stateBadge(form.state),
        form.savedAt !== undefined && h('span', {}, momentOf(form.confirmedAt ?? form.savedAt)),
        form.receipt !== undefined && h('span.receipt', {}, say('receipt', { receipt: form.receipt })),
        h('span.hint', {}, `${say('exam-number')} ${answer.number}`),
      ),
      form.choices.length > 0 ? choiceTable(form.choices) : h('p.empty', {}, say('no-choices')),
    ),
    h('h2', {}, say('history')),
    !answer.historyComplete && h('p.notice', {}, icon('clock'), say('history-incomplete')),
    history.length === 0 && answer.historyComplete && h('p.hint', {}, say('history-none')),
    ...history.map((past, at) => pastForm(past, at === 0)),
  ].filter((one) => one !== false)
}

/** @param {PastForm} past @param {boolean} isNewest */
function pastForm({ state, choices, receipt, savedAt, confirmedAt }, isNewest) {
  return h(
    'details.card.past',
    { open: isNewest && choices.length <= 12 },
    h(
      'summary',
      {},
      h('span.past-time', {}, momentOf(confirmedAt ?? savedAt)),
      say('version-line', { state: say(`state-${state}`), n: choices.length }),
      h('span.receipt', {}, say('receipt', { receipt })),
    ),
    choiceTable(choices),
  )
}

/** @param {readonly Choice[]} choices */
function choiceTable(choices) {
  return h(
    'ol.choices-read',
    {},
    choices.map((choice) =>
      h(
        'li',
        {},
        h('span', {}, schoolName(choice.school), h('span.code', {}, choice.school)),
        h('span.major', {}, majorName(choice), h('span.code', {}, choice.major)),
      ),
    ),
  )
}

/** @param {string} title @param {...Node} more */
function head(title, ...more) {
  return h('h1', { tabindex: '-1', id: 'view-title' }, title, ...more)
}

/** @param {string} text @param {Route} route */
function backTo(text, route) {
  return h(
    'p',
    {},
    h(
      'button.quiet.back',
      { type: 'button', 'data-key': 'back', onclick: () => go(route) },
      icon('back'),
      text,
    ),
  )
}

/** A page of candidates as a table, with the way to the pages before and after. */
import { h, icon } from '../shared/dom.js'
import { dateAndTime, say } from '../shared/language.js'
import { go } from './route.js'

/**
 * @typedef {'not-started' | 'saved' | 'confirmed'} State
 * @typedef {{ candidate: string, number: string, name: string, class: string, state: State, choices: number, savedAt?: string }} Row
 * @typedef {{ candidates: Row[], total: number, offset: number, limit: number, rosterAgeMs: number }} Page
 */

/** @type {Record<State, string>} */
const PICTURES = { 'not-started': 'pen', saved: 'check', confirmed: 'lock' }

/** @param {State} state */
export function stateBadge(state) {
  return h(`span.badge.${state}`, {}, icon(PICTURES[state]), say(`state-${state}`))
}

/**
 * @param {string} caption
 * @param {Page} page
 * @param {(offset: number) => void} onPage
 * @param {{ withClass?: boolean }} [options]
 */
export function candidateTable(caption, page, onPage, { withClass = false } = {}) {
  if (page.total === 0) return h('p.empty', {}, say('nobody'))
  const heads = [
    say('name'),
    say('state'),
    say('choices'),
    say('saved-at-column'),
    ...(withClass ? [say('class')] : []),
    say('exam-number'),
    say('id-end'),
  ]
  return h(
    'div',
    {},
    h(
      'div.table-frame',
      { tabindex: '0', role: 'region', 'aria-label': caption },
      h(
        'table',
        {},
        h('caption.unseen', {}, caption),
        h(
          'thead',
          {},
          h(
            'tr',
            {},
            heads.map((text) => h('th', { scope: 'col' }, text)),
          ),
        ),
        h(
          'tbody',
          {},
          page.candidates.map((row) => tableRow(row, withClass)),
        ),
      ),
    ),
    pager(page, onPage),
    h('p.hint', {}, say('roster-age', { n: Math.round(page.rosterAgeMs / 1_000) })),
  )
}

/** @param {Row} row @param {boolean} withClass */
function tableRow(row, withClass) {
  return h(
    'tr',
    {},
    h(
      'th',
      { scope: 'row' },
      h(
        'button.link',
        {
          type: 'button',
          'data-key': `candidate ${row.candidate}`,
          onclick: () => go({ view: 'candidate', candidate: row.candidate }),
        },
        row.name,
      ),
    ),
    h('td', {}, stateBadge(row.state)),
    h('td.number', {}, row.choices),
    h('td', {}, row.savedAt === undefined ? '–' : dateAndTime(row.savedAt)),
    withClass && h('td', {}, row.class),
    h('td', {}, row.number),
    h('td', {}, `…${row.candidate.slice(-6)}`),
  )
}

/** @param {Page} page @param {(offset: number) => void} onPage */
function pager({ total, offset, limit, candidates }, onPage) {
  const hasBefore = offset > 0
  const hasAfter = offset + candidates.length < total
  /** @param {string} key @param {string} text @param {boolean} isThere @param {number} to */
  const step = (key, text, isThere, to) =>
    h(
      'button.plain',
      {
        type: 'button',
        'data-key': key,
        'aria-disabled': String(!isThere),
        onclick: () => isThere && onPage(Math.max(0, to)),
      },
      text,
    )
  return h(
    'nav.pager',
    { 'aria-label': say('pages') },
    h(
      'span',
      { role: 'status' },
      say('page-of', { from: offset + 1, to: offset + candidates.length, n: total }),
    ),
    (hasBefore || hasAfter) &&
      h(
        'span.pager-steps',
        {},
        step('page-before', say('page-before'), hasBefore, offset - limit),
        step('page-after', say('page-after'), hasAfter, offset + limit),
      ),
  )
}

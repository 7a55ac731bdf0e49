/** The ordered choices: by buttons, by keys on the handle (arrows, Home, End, Delete), or by dragging the handle. */
import { h, icon } from '../shared/dom.js'
import { say } from '../shared/language.js'
import { keyOf, majorName, nameOf, schoolOf } from '../shared/catalogue.js'
import { orderByDrag } from './drag-order.js'

/**
 * @typedef {import('../shared/catalogue.js').Choice} Choice
 * @typedef {import('./form-session.js').ChoiceProblem} ChoiceProblem
 */

/** @type {Record<string, import('../shared/language.js').Word>} */
const PROBLEMS = {
  'unknown-school': 'problem-unknown-school',
  'unknown-major': 'problem-unknown-major',
  duplicate: 'problem-duplicate',
}

/** The list with the choice of one place at another. @template T @param {readonly T[]} list @param {number} from @param {number} to */
export function moved(list, from, to) {
  const rest = list.filter((_, at) => at !== from)
  return rest.toSpliced(to, 0, /** @type {T} */ (list[from]))
}

/** @param {Choice} choice */
export function choiceWords(choice) {
  const school = schoolOf(choice.school)
  return { school: school === undefined ? choice.school : nameOf(school), major: majorName(choice) }
}

/**
 * @param {{
 *   choices: readonly Choice[],
 *   isOpen: boolean,
 *   problems: readonly ChoiceProblem[],
 *   onMove: (from: number, to: number) => void,
 *   onRemove: (at: number) => void,
 * }} options
 */
export function choiceList({ choices, isOpen, problems, onMove, onRemove }) {
  const rows = choices.map((choice, at) => {
    const problem = problems.find((one) => one.index === at)
    return h(
      `li.choice${problem === undefined ? '' : '.bad'}`,
      {},
      h('span.place', { 'aria-hidden': 'true' }, at + 1),
      choiceText(choice, problem),
      isOpen && controls(choice, at, choices.length, onMove, onRemove),
    )
  })
  const list = h('ol.choices', {}, rows)
  if (isOpen) orderByDrag(list, onMove)
  return list
}

/** @param {Choice} choice @param {ChoiceProblem | undefined} problem */
function choiceText(choice, problem) {
  const { school, major } = choiceWords(choice)
  return h(
    'div.choice-text',
    {},
    h('span.school', {}, school, h('span.code', {}, choice.school)),
    h('span.major', {}, major, h('span.code', {}, choice.major)),
    problem !== undefined &&
      h('span.error', {}, icon('alert'), say(PROBLEMS[problem.code] ?? 'problem-malformed')),
  )
}

/**
 * @param {Choice} choice
 * @param {number} at
 * @param {number} count
 * @param {(from: number, to: number) => void} onMove
 * @param {(at: number) => void} onRemove
 */
function controls(choice, at, count, onMove, onRemove) {
  const key = keyOf(choice)
  const { school, major } = choiceWords(choice)
  const names = { n: at + 1, school, major }
  /** @type {Record<string, number>} */
  const places = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: count - 1 }
  return h(
    'div.controls',
    {},
    h(
      'button.step',
      {
        type: 'button',
        'data-key': `up ${key}`,
        'aria-label': say('move-up', names),
        'aria-disabled': at === 0 ? 'true' : undefined,
        onclick: () => at > 0 && onMove(at, at - 1),
      },
      icon('up'),
    ),
    h(
      'button.step',
      {
        type: 'button',
        'data-key': `down ${key}`,
        'aria-label': say('move-down', names),
        'aria-disabled': at === count - 1 ? 'true' : undefined,
        onclick: () => at < count - 1 && onMove(at, at + 1),
      },
      icon('down'),
    ),
    h(
      'button.step.remove',
      {
        type: 'button',
        'data-key': `remove ${key}`,
        'aria-label': say('remove-choice', names),
        onclick: () => onRemove(at),
      },
      icon('remove'),
    ),
    h(
      'button.step.handle',
      {
        type: 'button',
        'data-key': `handle ${key}`,
        'aria-label': say('order-choice', names),
        'aria-describedby': 'ordering-hint',
        onkeydown: (event) => {
          const to = places[event.key]
          if (event.key === 'Delete') onRemove(at)
          else if (to === undefined) return
          else if (to >= 0 && to < count && to !== at) onMove(at, to)
          event.preventDefault()
        },
      },
      icon('grip'),
    ),
  )
}

/** Two versions of one form: both are shown, the person decides, and nothing is thrown away unseen. */
import { ask } from '../shared/ask.js'
import { h } from '../shared/dom.js'
import { momentOf, say } from '../shared/language.js'
import { keyOf } from '../shared/catalogue.js'
import { choiceWords } from './choice-list.js'

/**
 * @param {readonly import('../shared/catalogue.js').Choice[]} mine
 * @param {import('./form-session.js').Form} theirs
 * @returns {Promise<'mine' | 'theirs' | 'later'>}
 */
export function askWhichVersion(mine, theirs) {
  return ask({
    title: say('conflict-title'),
    wide: true,
    text: [
      h('p', {}, say('conflict-text')),
      h(
        'div.versions',
        {},
        version(say('conflict-mine'), say('conflict-mine-state'), mine, theirs.choices),
        version(
          say('conflict-theirs'),
          theirs.savedAt === undefined
            ? ''
            : say('saved-at', { time: momentOf(theirs.savedAt), receipt: theirs.receipt ?? '' }),
          theirs.choices,
          mine,
        ),
      ),
    ],
    answers: [
      { answer: 'mine', label: say('keep-mine'), kind: 'primary' },
      { answer: 'theirs', label: say('keep-theirs') },
      { answer: 'later', label: say('decide-later') },
    ],
  })
}

/**
 * @param {string} title
 * @param {string} state
 * @param {readonly import('../shared/catalogue.js').Choice[]} choices
 * @param {readonly import('../shared/catalogue.js').Choice[]} others marks where the two differ
 */
function version(title, state, choices, others) {
  const kept = inSameOrder(choices.map(keyOf), others.map(keyOf))
  return h(
    'section.version',
    {},
    h('h3', {}, title),
    h('p.hint', {}, state),
    h(
      'ol',
      {},
      choices.map((choice) => {
        const isSame = kept.has(keyOf(choice))
        const { school, major } = choiceWords(choice)
        return h(
          isSame ? 'li' : 'li.differs',
          {},
          `${school} · ${major}`,
          !isSame && h('span.unseen', {}, say('differs')),
        )
      }),
    ),
  )
}

/**
 * What both lists have in the same order (their longest common subsequence): the rest was added, removed or moved.
 * @param {readonly string[]} one
 * @param {readonly string[]} other
 */
function inSameOrder(one, other) {
  /** @type {number[][]} lengths of what the tails from here have in common */
  const lengths = Array.from({ length: one.length + 1 }, () => Array(other.length + 1).fill(0))
  /** @param {number} a @param {number} b */
  const at = (a, b) => lengths[a]?.[b] ?? 0
  for (let a = one.length - 1; a >= 0; a -= 1)
    for (let b = other.length - 1; b >= 0; b -= 1) {
      const row = /** @type {number[]} */ (lengths[a])
      row[b] = one[a] === other[b] ? at(a + 1, b + 1) + 1 : Math.max(at(a + 1, b), at(a, b + 1))
    }
  const common = new Set()
  for (let a = 0, b = 0; a < one.length && b < other.length;) {
    if (one[a] === other[b]) {
      common.add(one[a])
      a += 1
      b += 1
    } else if (at(a + 1, b) >= at(a, b + 1)) a += 1
    else b += 1
  }
  return common
}

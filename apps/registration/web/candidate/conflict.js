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
  return h(
    'section.version',
    {},
    h('h3', {}, title),
    h('p.hint', {}, state),
    h(
      'ol',
      {},
      choices.map((choice, at) => {
        const other = others[at]
        const isSame = other !== undefined && keyOf(other) === keyOf(choice)
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

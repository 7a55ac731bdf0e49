/** The head of every page: name, language switch, who is signed in. */
import { byId, fill, h, icon } from './dom.js'
import { chooseLanguage, language, say } from './language.js'

/** @type {readonly (readonly [import('./language.js').Language, string])[]} */
const LANGUAGES = [
  ['zh-CN', '中文'],
  ['en', 'English'],
]

// Without an entry of its own in the history, where the pages keep what is shown.
byId('skip').addEventListener('click', (event) => {
  event.preventDefault()
  byId('main').focus()
})

/**
 * @param {{
 *   title: import('./language.js').Word,
 *   person?: string | undefined,
 *   onSignOut?: () => void,
 *   onLanguage: () => void,
 * }} head
 */
export function showHead({ title, person, onSignOut, onLanguage }) {
  document.title = `${say(title)} · ${say('site')}`
  byId('skip').textContent = say('skip')
  fill(
    byId('head'),
    h(
      'div.brand',
      {},
      h('span.seal', { 'aria-hidden': 'true' }, '志'),
      h('div', {}, h('p.site', {}, say('site')), h('p.page', {}, say(title))),
    ),
    h(
      'div.head-side',
      {},
      person !== undefined &&
        h(
          'div.person',
          {},
          h('span.person-name', {}, icon('person'), person),
          h(
            'button.quiet',
            { type: 'button', 'data-key': 'sign-out', onclick: () => onSignOut?.() },
            say('sign-out'),
          ),
        ),
      h(
        'div.languages',
        { role: 'group', 'aria-label': say('language') },
        LANGUAGES.map(([code, name]) =>
          h(
            'button',
            {
              type: 'button',
              lang: code,
              'data-key': `language-${code}`,
              'aria-pressed': String(code === language()),
              onclick: () => {
                chooseLanguage(code)
                onLanguage()
              },
            },
            name,
          ),
        ),
      ),
    ),
  )
}

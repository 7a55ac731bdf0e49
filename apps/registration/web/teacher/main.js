/** The teacher's page: signing in, then own classes, a class, a search, or one candidate. */
import { ApiProblem, api } from '../shared/api.js'
import { announce, byId, fill, h, icon } from '../shared/dom.js'
import { say } from '../shared/language.js'
import { showHead } from '../shared/page-head.js'
import { SignInView } from '../shared/sign-in-view.js'
import { go, onRoute, route } from './route.js'
import { searchForm } from './search-form.js'
import { viewOf } from './views.js'

const main = byId('main')

/** @type {{ name: string } | undefined} */
let person
/** @type {SignInView | undefined} */
let signInView
/** Of views asked for: an answer that comes after the next one was asked for is dropped. */
let asked = 0

async function start() {
  try {
    const signedIn = await api('GET', '/api/session')
    if (signedIn.role === 'teacher') enter(signedIn)
    else showSignIn('other-role-teacher')
  } catch (error) {
    showProblem(error)
  }
}

/** Pages of candidates in other tabs have lost their cookie to this one. */
const tabs = new BroadcastChannel('signed-in')

/** @param {{ name: string }} signedIn */
function enter(signedIn) {
  person = signedIn
  signInView = undefined
  render()
}

/** @param {import('../shared/language.js').Word} [notice] */
function showSignIn(notice) {
  person = undefined
  signInView = new SignInView(
    main,
    'teacher',
    (signedIn) => {
      tabs.postMessage('')
      enter(signedIn)
    },
    notice,
  )
  render()
  signInView.focus()
}

function render() {
  showHead({
    title: 'teacher-page',
    person: person?.name,
    onSignOut: () => void signOut(),
    onLanguage: render,
  })
  main.className = person === undefined ? 'entry-page' : 'teacher-page'
  if (signInView !== undefined) signInView.render()
  else if (person !== undefined) {
    fill(
      main,
      searchForm(),
      h('section.view', { id: 'view', 'aria-live': 'off' }),
      h(
        'p.hint.audited',
        {},
        say('audited'),
        ' ',
        h('button.quiet', { type: 'button', onclick: () => void showView() }, say('refresh')),
      ),
    )
    void showView(false)
  }
}

async function showView(withFocus = true) {
  if (person === undefined) return
  asked += 1
  const number = asked
  const place = byId('view')
  place.setAttribute('aria-busy', 'true')
  try {
    const shown = await viewOf(route())
    if (number !== asked || !place.isConnected) return
    const held = document.activeElement?.getAttribute('data-key')
    fill(place, ...shown)
    const isStill = held !== null && document.activeElement?.getAttribute('data-key') === held
    if (withFocus && !isStill) byId('view-title').focus()
    if (withFocus) announce(byId('view-title').textContent ?? '')
  } catch (error) {
    if (number === asked) showProblem(error)
  } finally {
    place.removeAttribute('aria-busy')
  }
}

/** @param {unknown} error */
function showProblem(error) {
  if (!(error instanceof ApiProblem)) throw error
  if (error.status === 401 || error.code === 'forbidden') {
    showSignIn(person === undefined ? undefined : 'session-ended')
    return
  }
  const why =
    error.code === 'not-found'
      ? 'not-found'
      : error.isTransient
        ? 'busy'
        : error.status === 0
          ? 'no-connection'
          : 'something-wrong'
  fill(
    document.getElementById('view') ?? main,
    h('p.notice', { role: 'alert' }, icon('alert'), say(why)),
    h(
      'p',
      {},
      h(
        'button.plain',
        { type: 'button', onclick: () => void (person === undefined ? start() : showView()) },
        say('try-again'),
      ),
      h('button.quiet', { type: 'button', onclick: () => go({ view: 'classes' }) }, say('all-classes')),
    ),
  )
}

async function signOut() {
  try {
    await api('DELETE', '/api/session')
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.status !== 401) {
      announce(say('sign-out-failed'))
      return
    }
  }
  history.replaceState({ view: 'classes' }, '')
  showSignIn('signed-out')
}

onRoute(() => void showView())

for (const event of ['online', 'offline'])
  addEventListener(event, () => {
    byId('offline').hidden = navigator.onLine
    byId('offline').textContent = navigator.onLine ? '' : say('no-connection')
  })

render()
void start()

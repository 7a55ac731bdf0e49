/** The candidate's page: signing in, then the form with what belongs to it. */
import { ApiProblem, api } from '../shared/api.js'
import { ask } from '../shared/ask.js'
import { announce, byId, fill, focusKey, h, icon } from '../shared/dom.js'
import { say } from '../shared/language.js'
import { showHead } from '../shared/page-head.js'
import { choicesMax, savingWindow, syncClock } from '../shared/server-time.js'
import { SignInView } from '../shared/sign-in-view.js'
import { keyOf, loadNames, loadSchools } from '../shared/catalogue.js'
import { choiceList, choiceWords, moved } from './choice-list.js'
import { askWhichVersion } from './conflict.js'
import { examCard } from './exam-card.js'
import { FormSession } from './form-session.js'
import { pickChoices } from './picker.js'
import { showSaveBar } from './save-bar.js'
import { WindowBar } from './window-bar.js'

/** @typedef {import('../shared/catalogue.js').Choice} Choice */

const main = byId('main')
const bar = byId('save-bar')

/** @type {{ person: import('./exam-card.js').Person, exam: import('./exam-card.js').Exam | undefined } | undefined} */
let own
/** @type {FormSession} */
let session = newSession('')
/** @type {WindowBar | undefined} */
let windowBar
/** @type {SignInView | undefined} */
let signInView
/** @type {import('../shared/language.js').Word | undefined} what keeps the page from being shown */
let failed

/** @param {string} candidate */
function newSession(candidate) {
  return new FormSession(candidate, showForm, () => showSignIn('session-ended'))
}

const isOpen = () => savingWindow()?.state === 'open'
const canEdit = () => isOpen() && !session.isConfirmed && session.phase !== 'confirming'

async function start() {
  try {
    await syncClock()
    const signedIn = await api('GET', '/api/session')
    if (signedIn.role === 'candidate') await enter(signedIn)
    else showSignIn('other-role')
  } catch (error) {
    stumbled(error)
  }
}

/** @param {unknown} error */
function stumbled(error) {
  if (!(error instanceof ApiProblem)) throw error
  if (error.status === 401) {
    showSignIn()
    return
  }
  failed = error.isTransient ? 'busy' : error.status === 0 ? 'no-connection' : 'something-wrong'
  render()
}

/** @param {import('../shared/language.js').Word} [notice] */
function showSignIn(notice) {
  const unsaved = own !== undefined && session.isDirty
  own = unsaved ? own : undefined
  signInView = new SignInView(
    main,
    'candidate',
    (person) => {
      tabs.postMessage(person.id)
      void enter(person).catch(stumbled)
    },
    unsaved ? 'session-ended-unsaved' : notice,
  )
  render()
  signInView.focus()
}

/** What was not saved when the session ended is kept for the same person, and for nobody else. @param {{ id: string }} signedIn */
async function enter(signedIn) {
  if (own?.person.candidate !== signedIn.id) session = newSession(signedIn.id)
  const [person, exam] = await Promise.all([
    api('GET', '/api/me', { whose: signedIn.id }),
    readExam(signedIn.id),
    session.load(),
    loadSchools(),
    syncClock(),
  ])
  own = { person, exam }
  signInView = undefined
  failed = undefined
  if (session.notice === 'signed-out') session.notice = undefined
  render()
  byId('page-title').focus()
  const form = byId('form')
  form.setAttribute('aria-busy', 'true')
  await loadNames(session.draft)
  showForm()
  form.removeAttribute('aria-busy')
}

/** @param {string} whose */
async function readExam(whose) {
  try {
    return await api('GET', '/api/exam', { whose })
  } catch (error) {
    if (error instanceof ApiProblem && error.code === 'not-found') return undefined
    throw error
  }
}

function render() {
  const isIn = own !== undefined && signInView === undefined
  showHead({
    title: 'candidate-page',
    person: isIn ? own?.person.name : undefined,
    onSignOut: () => void signOut(),
    onLanguage: render,
  })
  bar.hidden = !isIn
  main.className = isIn ? 'form-page' : 'entry-page'
  if (signInView !== undefined) signInView.render()
  else if (failed !== undefined) showFailure(failed)
  else if (own !== undefined) renderForm(own)
}

/** @param {import('../shared/language.js').Word} why */
function showFailure(why) {
  fill(
    main,
    h(
      'section.sign-in',
      {},
      h('p.notice', { role: 'alert' }, icon('alert'), say(why)),
      h(
        'button.primary',
        { type: 'button', 'data-key': 'again', onclick: () => void start() },
        say('try-again'),
      ),
    ),
  )
}

/** @param {NonNullable<typeof own>} shown */
function renderForm({ person, exam }) {
  const windowPlace = h('div.window')
  fill(
    main,
    h('h1.unseen', { id: 'page-title', tabindex: '-1' }, say('candidate-page')),
    windowPlace,
    h('section.card.exam', { 'aria-labelledby': 'exam-title' }, ...examCard(person, exam)),
    h('section.card.form', { 'aria-labelledby': 'form-title', id: 'form' }),
  )
  windowBar ??= new WindowBar(windowPlace, () => showForm())
  windowBar.showIn(windowPlace)
  showForm()
}

/** The list and the bar, as the session has them now. */
function showForm() {
  const place = document.getElementById('form')
  if (place === null || own === undefined) return
  const { draft, saved, problems } = session
  const editable = canEdit()
  const isLate = !isOpen() && session.isDirty
  // What counts, where nothing can be saved any more; what came too late stands below it.
  const shown = isLate ? saved.choices : draft
  fill(
    place,
    h(
      'div.form-head',
      {},
      h('h2', { id: 'form-title', tabindex: '-1', 'data-key': 'form-title' }, say('your-choices')),
      h('span.count', {}, say('choices-of', { n: shown.length, max: choicesMax() })),
    ),
    h(
      'p.hint',
      { id: 'ordering-hint' },
      say(editable ? 'ordering-hint' : session.isConfirmed ? 'confirmed-hint' : 'not-open-hint'),
    ),
    shown.length === 0
      ? h('p.empty', {}, say('no-choices'))
      : choiceList({ choices: shown, isOpen: editable, problems, onMove: move, onRemove: remove }),
    editable &&
      h(
        'button.add',
        {
          type: 'button',
          'data-key': 'add',
          onclick: () => void add(),
          'aria-disabled': String(draft.length >= choicesMax()),
        },
        icon('add'),
        say('add-choice'),
      ),
    isLate && lateChoices(draft),
  )
  showSaveBar(session, {
    isOpen: isOpen(),
    onSave: () => void save(),
    onDiscard: discard,
    onConfirm: () => void confirmForm(),
  })
}

/** Kept for the case that the window opens again. @param {readonly Choice[]} choices */
function lateChoices(choices) {
  return h(
    'details.late',
    {},
    h('summary', {}, say('late-choices', { n: choices.length })),
    choiceList({ choices, isOpen: false, problems: [], onMove: move, onRemove: remove }),
  )
}

/** @param {number} from @param {number} to */
function move(from, to) {
  const choice = session.draft[from]
  if (choice === undefined) return
  session.edit(moved(session.draft, from, to))
  announce(say('moved', { ...choiceWords(choice), n: to + 1, of: session.draft.length }))
  const row = byId('form').querySelectorAll('li.choice')[to]
  row?.scrollIntoView({ block: 'nearest' })
}

/** @param {number} at */
function remove(at) {
  const choice = session.draft[at]
  if (choice === undefined) return
  session.edit(session.draft.filter((_, index) => index !== at))
  announce(say('removed', { ...choiceWords(choice), n: at + 1 }))
  const next = session.draft[Math.min(at, session.draft.length - 1)]
  focusKey(byId('form'), next === undefined ? 'add' : `remove ${keyOf(next)}`)
}

async function add() {
  if (session.draft.length >= choicesMax()) {
    announce(say('list-full', { n: choicesMax() }))
    return
  }
  await pickChoices({
    choices: () => session.draft,
    max: choicesMax(),
    onPick: (choice) => session.edit([...session.draft, choice]),
  })
  focusKey(byId('form'), 'add')
}

function discard() {
  session.discard()
  announce(say('discarded'))
  focusKey(bar, 'save')
}

async function save() {
  await session.save()
  if (session.notice === 'window') await windowBar?.sync()
  if (session.problems.length > 0) announce(say('notice-refused'))
  if (session.conflict === undefined) return
  const theirs = session.conflict
  await loadNames(theirs.choices)
  const kept = await askWhichVersion(session.draft, theirs)
  if (kept === 'later') return
  session.resolve(kept)
  if (kept === 'mine') await save()
}

async function confirmForm() {
  const { length } = session.draft
  const answer = await ask({
    title: say('confirm-title', { n: length }),
    text: [
      h('p', {}, say('confirm-text')),
      h(
        'ol.confirm-list',
        {},
        session.draft.map((choice) => {
          const { school, major } = choiceWords(choice)
          return h('li', {}, `${school} · ${major}`)
        }),
      ),
    ],
    wide: true,
    answers: [
      { answer: 'confirm', label: say('confirm-now'), kind: 'danger' },
      { answer: 'cancel', label: say('not-yet') },
    ],
  })
  if (answer !== 'confirm') return
  await session.confirm()
  if (session.notice === 'window') await windowBar?.sync()
  byId('form-title').focus()
}

async function signOut() {
  if (session.isDirty || session.phase !== 'idle') {
    const answer = await ask({
      title: say('leave-title'),
      text: [h('p', {}, say('leave-text'))],
      answers: [
        { answer: 'leave', label: say('sign-out'), kind: 'danger' },
        { answer: 'stay', label: say('stay') },
      ],
    })
    if (answer === 'stay') return
  }
  try {
    await api('DELETE', '/api/session')
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.status !== 401) {
      announce(say('sign-out-failed'))
      await ask({ title: say('sign-out-failed'), text: [], answers: [{ answer: 'ok', label: say('back') }] })
      return
    }
  }
  own = undefined
  session = newSession('')
  showSignIn('signed-out')
}

addEventListener('beforeunload', (event) => {
  if (own !== undefined && ((session.isDirty && isOpen()) || session.phase !== 'idle')) event.preventDefault()
})

addEventListener('keydown', (event) => {
  if (event.key !== 's' || !(event.ctrlKey || event.metaKey) || own === undefined) return
  event.preventDefault()
  if (
    canEdit() &&
    session.isDirty &&
    session.draft.length > 0 &&
    document.querySelector('dialog[open]') === null
  )
    void save()
})

/** Tabs share one cookie: who signs in in one of them is not whom another one shows. */
const tabs = new BroadcastChannel('signed-in')
tabs.addEventListener('message', ({ data }) => {
  if (own !== undefined && data !== own.person.candidate) showSignIn('other-person')
})

/** Whoever comes back to the page sees the form as it is now. */
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState !== 'visible' || own === undefined || signInView !== undefined) return
  void windowBar?.sync()
  session
    .load()
    .then(() => loadNames(session.draft))
    .then(showForm)
    .catch((/** @type {unknown} */ error) => {
      if (error instanceof ApiProblem && error.status === 401) showSignIn('session-ended')
    })
})

for (const event of ['online', 'offline'])
  addEventListener(event, () => {
    byId('offline').hidden = navigator.onLine
    byId('offline').textContent = navigator.onLine ? '' : say('offline')
  })

render()
void start()

/** What is saved and what is not, in words, and the buttons that change it. */
import { byId, fill, h, icon } from '../shared/dom.js'
import { momentOf, say } from '../shared/language.js'

/**
 * @typedef {import('./form-session.js').FormSession} FormSession
 * @typedef {{ tone: 'good' | 'open' | 'bad' | 'calm', picture: string, text: string, more?: string }} Status
 */

/** @type {Record<import('./form-session.js').Notice, import('../shared/language.js').Word>} */
const NOTICES = {
  'not-saved': 'notice-not-saved',
  conflict: 'notice-conflict',
  'locked-elsewhere': 'notice-locked-elsewhere',
  window: 'notice-window',
  'changed-elsewhere': 'notice-changed-elsewhere',
  refused: 'notice-refused',
  stopped: 'notice-stopped',
  'signed-out': 'notice-signed-out',
}

/** What counts on the server, as far as this page knows. @param {FormSession} session @returns {string | undefined} */
function savedWords({ saved, conflict }) {
  const { savedAt, receipt } = conflict ?? saved
  return savedAt === undefined
    ? undefined
    : say('saved-at', { time: momentOf(savedAt), receipt: receipt ?? '' })
}

/** @param {FormSession} session @param {boolean} isOpen @returns {Status} */
function statusOf(session, isOpen) {
  const { phase, notice, saved } = session
  const before = savedWords(session)
  if (phase === 'saving' || phase === 'confirming')
    return { tone: 'open', picture: 'clock', text: say('saving') }
  if (phase === 'waiting')
    return { tone: 'open', picture: 'clock', text: say('waiting'), more: say('waiting-more') }
  if (phase === 'checking')
    return { tone: 'open', picture: 'alert', text: say('checking'), more: say('checking-more') }
  if (notice !== undefined)
    return { tone: 'bad', picture: 'alert', text: say(NOTICES[notice]), ...(before && { more: before }) }
  if (session.isConfirmed)
    return {
      tone: 'good',
      picture: 'lock',
      text: say('confirmed-at', {
        time: momentOf(saved.confirmedAt ?? saved.savedAt ?? ''),
        receipt: saved.receipt ?? '',
      }),
      more: say('confirmed-more'),
    }
  if (session.isDirty && !isOpen)
    return {
      tone: 'bad',
      picture: 'alert',
      text: say('closed-unsaved'),
      more: before ?? say('nothing-saved'),
    }
  if (session.isDirty)
    return {
      tone: 'open',
      picture: 'pen',
      text: say('not-saved'),
      more: before === undefined ? say('nothing-saved') : say('saved-before', { saved: before }),
    }
  if (before === undefined) return { tone: 'calm', picture: 'pen', text: say('nothing-saved') }
  return { tone: 'good', picture: 'check', text: before, ...(isOpen && { more: say('saved-more') }) }
}

/**
 * @param {FormSession} session
 * @param {{ isOpen: boolean, onSave: () => void, onDiscard: () => void, onConfirm: () => void }} options
 */
export function showSaveBar(session, { isOpen, onSave, onDiscard, onConfirm }) {
  const { tone, picture, text, more } = statusOf(session, isOpen)
  const status = byId('save-status')
  status.className = `status ${tone}`
  const said = `${text}\n${more ?? ''}`
  // The place is a live region: the same words put in again would be read out again.
  if (status.dataset['said'] !== said) {
    status.dataset['said'] = said
    fill(
      status,
      icon(picture),
      h('span', {}, h('span.status-text', {}, text), more !== undefined && h('span.status-more', {}, more)),
    )
  }
  fill(
    byId('save-buttons'),
    ...(isOpen && !session.isConfirmed ? buttons(session, onSave, onDiscard, onConfirm) : []),
  )
}

/** @param {FormSession} session @param {() => void} onSave @param {() => void} onDiscard @param {() => void} onConfirm */
function buttons(session, onSave, onDiscard, onConfirm) {
  const { phase, isDirty, draft, saved, waitSeconds } = session
  if (phase === 'waiting' || phase === 'checking')
    return [
      h(
        'button.plain',
        { type: 'button', 'data-key': 'stop', onclick: () => session.stop() },
        say('stop-trying'),
      ),
      h(
        'button.primary',
        { type: 'button', 'data-key': 'save', 'aria-disabled': 'true' },
        phase === 'waiting' ? say('wait-seconds', { n: waitSeconds }) : say('checking-button'),
      ),
    ]
  const isIdle = phase === 'idle'
  const canSave = isIdle && isDirty && draft.length > 0
  const canConfirm = isIdle && !isDirty && saved.state === 'saved'
  return [
    isDirty &&
      isIdle &&
      h('button.quiet', { type: 'button', 'data-key': 'discard', onclick: onDiscard }, say('discard')),
    h(
      'button.plain',
      {
        type: 'button',
        'data-key': 'confirm',
        'aria-disabled': String(!canConfirm),
        title: isDirty ? say('confirm-after-save') : undefined,
        onclick: () => canConfirm && onConfirm(),
      },
      say('confirm'),
    ),
    h(
      'button.primary',
      {
        type: 'button',
        'data-key': 'save',
        'aria-disabled': String(!canSave),
        onclick: () => canSave && onSave(),
      },
      say(isIdle ? 'save' : 'saving-button'),
    ),
  ]
}

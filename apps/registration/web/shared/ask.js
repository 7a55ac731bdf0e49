/** A question in a modal dialog: Escape and the backdrop's way out are the last answer, which changes nothing. */
import { h } from './dom.js'

/**
 * @template {string} Answer
 * @param {{
 *   title: string,
 *   text: (Node | string)[],
 *   answers: readonly { answer: Answer, label: string, kind?: 'primary' | 'danger' }[],
 *   wide?: boolean,
 * }} question
 * @returns {Promise<Answer>}
 */
export function ask({ title, text, answers, wide = false }) {
  const calm = answers.at(-1)
  if (calm === undefined) throw new Error('A question without an answer.')
  /** @type {(answer: Answer) => void} */
  let resolve = () => {}
  /** @type {Promise<Answer>} */
  const answered = new Promise((settle) => (resolve = settle))
  const before = document.activeElement
  const buttons = answers.map(({ answer, label, kind }) =>
    h(
      `button.${kind ?? 'plain'}`,
      {
        type: 'button',
        value: answer,
        autofocus: answer === calm.answer,
        onclick: () => dialog.close(answer),
      },
      label,
    ),
  )
  const dialog = h(
    `dialog.question${wide ? '.wide' : ''}`,
    { 'aria-labelledby': 'question' },
    h('h2', { id: 'question' }, title),
    h('div.question-text', { tabindex: wide ? '0' : undefined }, text),
    h('div.answers', {}, buttons),
  )
  dialog.addEventListener('close', () => {
    dialog.remove()
    if (before instanceof HTMLElement && before.isConnected) before.focus()
    resolve(/** @type {Answer} */ (dialog.returnValue === '' ? calm.answer : dialog.returnValue))
  })
  document.body.append(dialog)
  dialog.showModal()
  return answered
}

/**
 * Signing in: ID and password; with a one-time code in the place of the password, a second step asks for a password
 * of one's own.
 *
 *   credentials ──new-password-needed──▶ new password ──▶ signed in
 *        └───────────────right──────────────────────────────┘
 */
import { ApiProblem, api } from './api.js'
import { announce, fill, h, icon } from './dom.js'
import { say } from './language.js'

/**
 * @typedef {{ role: string, id: string, name: string }} SignedIn
 * @typedef {'id' | 'password' | 'newPassword' | 'repeated'} FieldName
 */

const ID_LENGTH = 18

export class SignInView {
  #place
  #role
  #onSignedIn
  #notice
  #step = /** @type {'credentials' | 'new-password'} */ ('credentials')
  #values = { id: '', password: '', newPassword: '', repeated: '' }
  /** @type {{ field: FieldName | undefined, text: string } | undefined} */
  #error
  #busy = false
  #waitSeconds = 0

  /**
   * @param {Element} place
   * @param {'candidate' | 'teacher'} role
   * @param {(person: SignedIn) => void} onSignedIn
   * @param {import('./language.js').Word} [notice] why it is asked for
   */
  constructor(place, role, onSignedIn, notice) {
    this.#place = place
    this.#role = role
    this.#onSignedIn = onSignedIn
    this.#notice = notice
  }

  render() {
    const first = this.#step === 'credentials'
    fill(
      this.#place,
      h(
        'section.sign-in',
        { 'aria-labelledby': 'sign-in-title' },
        h(
          'h1',
          { id: 'sign-in-title', 'data-key': 'title', tabindex: '-1' },
          say(first ? 'sign-in' : 'choose-password'),
        ),
        this.#notice !== undefined && first && h('p.notice', {}, icon('alert'), say(this.#notice)),
        !first && h('p.lead', {}, say('choose-password-lead')),
        h(
          'form',
          {
            novalidate: true,
            onsubmit: (event) => {
              event.preventDefault()
              void this.#submit()
            },
          },
          first ? this.#credentials() : this.#newPassword(),
          this.#error?.field === undefined && this.#error !== undefined && this.#generalError(),
          h(
            'button.primary.whole',
            { type: 'submit', 'data-key': 'submit', 'aria-disabled': String(this.#isHeld) },
            this.#buttonText(),
          ),
          !first && h('button.plain.whole', { type: 'button', onclick: () => this.#back() }, say('back')),
        ),
      ),
    )
  }

  /** Where typing starts. */
  focus() {
    this.#focus(this.#step === 'credentials' ? 'id' : 'newPassword')
  }

  get #isHeld() {
    return this.#busy || this.#waitSeconds > 0
  }

  #credentials() {
    const isCandidate = this.#role === 'candidate'
    return h(
      'div.fields',
      {},
      this.#field('id', say(isCandidate ? 'id-number' : 'login'), {
        autocomplete: 'username',
        autocapitalize: 'characters',
        spellcheck: 'false',
        hint: isCandidate ? say('id-number-hint') : undefined,
      }),
      this.#field('password', say('password-or-code'), {
        type: 'password',
        autocomplete: 'current-password',
        hint: say('password-or-code-hint'),
      }),
    )
  }

  #newPassword() {
    return h(
      'div.fields',
      {},
      h('input', {
        type: 'text',
        class: 'unseen',
        autocomplete: 'username',
        value: this.#values.id,
        readonly: true,
        tabindex: '-1',
        'aria-hidden': 'true',
      }),
      this.#field('newPassword', say('new-password'), {
        type: 'password',
        autocomplete: 'new-password',
        hint: say('new-password-hint'),
      }),
      this.#field('repeated', say('repeat-password'), { type: 'password', autocomplete: 'new-password' }),
    )
  }

  /** @param {FieldName} name @param {string} label @param {Record<string, string | undefined>} options */
  #field(name, label, { hint, ...attributes }) {
    const error = this.#error?.field === name ? this.#error.text : undefined
    const described = [hint && `${name}-hint`, error && `${name}-error`].filter(Boolean).join(' ')
    const input = h('input', {
      id: name,
      name,
      type: 'text',
      required: true,
      'data-key': name,
      'aria-invalid': error === undefined ? undefined : 'true',
      'aria-describedby': described === '' ? undefined : described,
      oninput: () => {
        this.#values[name] = input.value
      },
      ...attributes,
    })
    input.value = this.#values[name]
    return h(
      'div.field',
      {},
      h('label', { for: name }, label),
      hint !== undefined && h('p.hint', { id: `${name}-hint` }, hint),
      input,
      error !== undefined && h('p.error', { id: `${name}-error` }, icon('alert'), error),
    )
  }

  #generalError() {
    return h('p.error', {}, icon('alert'), this.#error?.text)
  }

  #buttonText() {
    if (this.#waitSeconds > 0) return say('wait-seconds', { n: this.#waitSeconds })
    if (this.#busy) return say('signing-in')
    return say(this.#step === 'credentials' ? 'sign-in' : 'set-password')
  }

  #back() {
    this.#step = 'credentials'
    this.#values = { ...this.#values, password: '', newPassword: '', repeated: '' }
    this.#error = undefined
    this.render()
    this.#focus('password')
  }

  async #submit() {
    if (this.#isHeld || this.#isIncomplete()) return
    this.#busy = true
    this.#error = undefined
    this.render()
    try {
      const { id, password, newPassword } = this.#values
      const person = await api('POST', '/api/session', {
        body: {
          role: this.#role,
          id: id.replace(/\s/g, ''),
          password,
          ...(this.#step === 'new-password' && { newPassword }),
        },
      })
      this.#onSignedIn(person)
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error
      this.#busy = false
      this.#refused(error)
    }
  }

  /** What can be seen here already; the server judges the rest. */
  #isIncomplete() {
    const { id, password, newPassword, repeated } = this.#values
    if (this.#step === 'new-password') {
      if ([...newPassword].length < 8 || /^\d+$/.test(newPassword))
        return this.#fail('newPassword', say('password-is-weak'))
      return newPassword !== repeated && this.#fail('repeated', say('passwords-differ'))
    }
    const length = id.replace(/\s/g, '').length
    if (this.#role === 'candidate' && length !== ID_LENGTH)
      return this.#fail('id', say('id-number-length', { n: length }))
    if (length === 0) return this.#fail('id', say('login-missing'))
    return password === '' && this.#fail('password', say('password-missing'))
  }

  /** @param {ApiProblem} problem */
  #refused(problem) {
    switch (problem.code) {
      case 'new-password-needed':
        this.#step = 'new-password'
        this.render()
        this.#focus('newPassword')
        return
      case 'invalid-id-number':
        this.#fail('id', say('id-number-wrong'))
        return
      case 'weak-password':
        this.#fail('newPassword', say('password-is-weak'))
        return
      case 'wrong-credentials':
        if (this.#step === 'new-password') this.#step = 'credentials'
        this.#fail('password', say('wrong-credentials'))
        return
      case 'too-many-attempts':
        this.#fail(undefined, say('too-many-attempts'))
        this.#wait(problem.retryAfterMs)
        return
      default:
        this.#fail(
          undefined,
          problem.isTransient
            ? say('busy-sign-in')
            : say(problem.status === 0 ? 'no-connection' : 'something-wrong'),
        )
        if (problem.isTransient) this.#wait(problem.retryAfterMs)
    }
  }

  /** @param {FieldName | undefined} field @param {string} text */
  #fail(field, text) {
    this.#error = { field, text }
    this.render()
    if (field !== undefined) this.#focus(field)
    announce(text)
    return true
  }

  /** @param {number} ms */
  #wait(ms) {
    this.#waitSeconds = Math.ceil(ms / 1_000)
    const tick = setInterval(() => {
      this.#waitSeconds -= 1
      const button = this.#place.querySelector('[data-key=submit]')
      if (this.#waitSeconds <= 0 || button === null) clearInterval(tick)
      if (button === null) return
      button.textContent = this.#buttonText()
      button.setAttribute('aria-disabled', String(this.#isHeld))
    }, 1_000)
    this.render()
  }

  /** @param {FieldName} name */
  #focus(name) {
    const input = this.#place.querySelector(`#${name}`)
    if (input instanceof HTMLInputElement) input.focus()
  }
}

/**
 * The form between this page and the server: what is saved, what is on the page, and what is known of a save that is
 * under way. It never calls anything saved that the server did not acknowledge.
 *
 *   idle ──save──▶ saving ──200──▶ idle (receipt)
 *                    │ nothing happened (overload, recovery)  ──▶ waiting ──▶ saving, by itself
 *                    │ no answer, outcome unknown             ──▶ checking: the form is read until it tells
 *                    │ 412: another tab was faster            ──▶ idle with `conflict`: both versions, the person picks
 *                    └ refused (window, lock, choices)        ──▶ idle with `notice`
 *
 * Sending again is safe: every save names the version that it replaces, so a copy of it that arrives late is refused,
 * and a refusal whose form holds what was sent means that the copy was saved.
 */
import { ApiProblem, api } from '../shared/api.js'

/**
 * @typedef {import('../shared/catalogue.js').Choice} Choice
 * @typedef {{
 *   version: number, state: 'not-started' | 'saved' | 'confirmed', choices: readonly Choice[], saves: number,
 *   receipt?: string, savedAt?: string, confirmedAt?: string,
 * }} Form
 * @typedef {{ index: number | null, code: string }} ChoiceProblem
 * @typedef {'idle' | 'saving' | 'confirming' | 'waiting' | 'checking'} Phase
 * @typedef {'not-saved' | 'conflict' | 'locked-elsewhere' | 'window' | 'changed-elsewhere' | 'refused' | 'stopped' | 'signed-out'} Notice
 */

const CHECK_WAIT_MS = [500, 1_000, 2_000, 4_000, 8_000, 15_000]
const SENDS_MAX = 40

/** @param {readonly Choice[]} one @param {readonly Choice[]} other */
export function sameChoices(one, other) {
  return (
    one.length === other.length &&
    one.every(({ school, major }, at) => school === other[at]?.school && major === other[at]?.major)
  )
}

export class FormSession {
  /** @type {Form} */
  saved = { version: 0, state: 'not-started', choices: [], saves: 0 }
  /** @type {readonly Choice[]} */
  draft = []
  /** @type {Phase} */
  phase = 'idle'
  /** Seconds until the next attempt, while waiting. */
  waitSeconds = 0
  /** @type {Notice | undefined} */
  notice
  /** @type {readonly ChoiceProblem[]} */
  problems = []
  /** The form as somebody else saved it over what this page was based on. @type {Form | undefined} */
  conflict
  /** The ID number of the candidate whose form it is. */
  #candidate
  #onChange
  #onUnauthenticated
  /** What the change under way was made from. @type {readonly Choice[]} */
  #sent = []
  #stopped = false
  #wake = () => {}

  /** @param {string} candidate @param {() => void} onChange @param {() => void} onUnauthenticated */
  constructor(candidate, onChange, onUnauthenticated) {
    this.#candidate = candidate
    this.#onChange = onChange
    this.#onUnauthenticated = onUnauthenticated
  }

  get isDirty() {
    return this.saved.state !== 'confirmed' && !sameChoices(this.draft, this.saved.choices)
  }

  get isConfirmed() {
    return this.saved.state === 'confirmed'
  }

  /** Reads the form; what is on the page and not saved stays. Throws ApiProblem. */
  async load() {
    const form = await this.#read()
    if (this.phase !== 'idle' || form.version === this.saved.version) return
    if (this.isDirty) {
      this.notice = 'changed-elsewhere'
      this.#onChange()
    } else this.#accept(form, this.saved.version === 0 ? undefined : 'changed-elsewhere')
  }

  /** @param {readonly Choice[]} choices */
  edit(choices) {
    this.draft = choices
    this.problems = []
    if (this.phase === 'idle') this.notice = undefined
    this.#onChange()
  }

  discard() {
    this.edit(this.saved.choices)
  }

  /** @param {'mine' | 'theirs'} kept */
  resolve(kept) {
    const theirs = this.conflict
    if (theirs === undefined) return
    this.conflict = undefined
    this.saved = theirs
    if (kept === 'theirs') this.draft = theirs.choices
    this.notice = undefined
    this.#onChange()
  }

  /** Gives up waiting or checking. */
  stop() {
    this.#stopped = true
    this.#wake()
  }

  async save() {
    const choices = this.draft
    await this.#change(
      'saving',
      (form) => sameChoices(form.choices, choices),
      () =>
        api('PUT', '/api/form', { body: { choices }, ifMatch: this.saved.version, whose: this.#candidate }),
    )
  }

  async confirm() {
    await this.#change(
      'confirming',
      (form) => form.state === 'confirmed',
      () => api('POST', '/api/form/confirm', { ifMatch: this.saved.version, whose: this.#candidate }),
    )
  }

  /**
   * @param {'saving' | 'confirming'} phase
   * @param {(form: Form) => boolean} isDone whether a form shows that the change was carried out
   * @param {() => Promise<Form>} send
   */
  async #change(phase, isDone, send) {
    if (this.phase !== 'idle') return
    this.#stopped = false
    this.#sent = this.draft
    this.conflict = undefined
    this.notice = undefined
    this.problems = []
    for (let sent = 1; sent <= SENDS_MAX && !this.#stopped; sent += 1) {
      this.#enter(phase)
      try {
        this.#accept(await send())
        return
      } catch (error) {
        if (!(error instanceof ApiProblem)) throw error
        if (error.isTransient) await this.#wait(error.retryAfterMs)
        else if (error.isUnknown) return this.#check(phase, isDone)
        else return this.#refused(phase, isDone, error)
      }
    }
    this.#end('stopped')
  }

  /**
   * @param {'saving' | 'confirming'} phase
   * @param {(form: Form) => boolean} isDone
   * @param {ApiProblem} problem
   */
  #refused(phase, isDone, { status, code, body }) {
    const form = /** @type {Form | undefined} */ (body['form'])
    if (status === 401) {
      this.#end('signed-out')
      this.#onUnauthenticated()
    } else if (form !== undefined && form.version > this.saved.version && isDone(form)) this.#accept(form)
    else if (form !== undefined) this.#overtaken(phase, form)
    else if (code === 'invalid-choices') {
      this.problems = body['problems'] ?? []
      this.#end('refused')
    } else this.#end(/^window-|^sealed$/.test(code) ? 'window' : 'refused')
  }

  /** Another tab or device was faster. @param {'saving' | 'confirming'} phase @param {Form} form */
  #overtaken(phase, form) {
    if (form.state === 'confirmed') this.#accept(form, 'locked-elsewhere')
    else if (phase === 'confirming') this.#accept(form, 'changed-elsewhere')
    else {
      this.conflict = form
      this.#end('conflict')
    }
  }

  /**
   * Nobody can tell yet what became of it: the form itself will.
   * @param {'saving' | 'confirming'} phase
   * @param {(form: Form) => boolean} isDone
   */
  async #check(phase, isDone) {
    for (let asked = 0; asked < SENDS_MAX && !this.#stopped; asked += 1) {
      this.#enter('checking')
      await this.#pause(CHECK_WAIT_MS[Math.min(asked, CHECK_WAIT_MS.length - 1)] ?? 0)
      if (this.#stopped) break
      try {
        const form = await this.#read()
        if (form.version === this.saved.version) this.#end('not-saved')
        else if (isDone(form)) this.#accept(form)
        else this.#overtaken(phase, form)
        return
      } catch (error) {
        if (!(error instanceof ApiProblem)) throw error
        if (error.status !== 401) continue
        this.#end('signed-out')
        this.#onUnauthenticated()
        return
      }
    }
    this.#end('stopped')
  }

  /** @returns {Promise<Form>} */
  #read() {
    return api('GET', '/api/form', { whose: this.#candidate })
  }

  /** The draft follows what was saved, unless the person went on editing meanwhile. @param {Form} form @param {Notice} [notice] */
  #accept(form, notice) {
    const wentOn = notice === undefined && this.phase !== 'idle' && !sameChoices(this.draft, this.#sent)
    this.saved = form
    if (!wentOn) this.draft = form.choices
    this.#end(notice)
  }

  /** @param {Notice} [notice] */
  #end(notice) {
    this.phase = 'idle'
    this.notice = notice
    this.#onChange()
  }

  /** @param {Phase} phase */
  #enter(phase) {
    this.phase = phase
    this.#onChange()
  }

  /** @param {number} ms */
  async #wait(ms) {
    for (let left = Math.ceil(ms / 1_000); left > 0 && !this.#stopped; left -= 1) {
      this.waitSeconds = left
      this.#enter('waiting')
      await this.#pause(1_000)
    }
  }

  /** @param {number} ms */
  async #pause(ms) {
    await new Promise((resolve) => {
      this.#wake = () => resolve(undefined)
      setTimeout(this.#wake, ms)
    })
  }
}

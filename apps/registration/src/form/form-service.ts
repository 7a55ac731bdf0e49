/**
 * Reading, saving and confirming forms.
 *
 *   save: settings ─▶ choices checked ─▶ form read ─▶ decided (pure) ─▶ put on the version that was decided on
 *                                          ▲                              │ version-mismatch: ours already? else 412
 *                                          └── void: it never counted ◀── │ outcome-unknown: settled
 *
 * The answer goes out when the tier has acknowledged the write. An unknown outcome is settled here, so that a
 * candidate sees it only if the tier itself cannot tell; then reading the form tells.
 */
import type { KeyObject } from 'node:crypto'
import { isSpillwayError } from 'spillway'
import type { Receipt } from 'spillway'
import type { CatalogueSource } from '../catalogue/catalogue-source.ts'
import type { Clock } from '../clock.ts'
import { checkChoices } from '../domain/choices.ts'
import { decideConfirm, decideSave } from '../domain/form.ts'
import type { Form, FormDecision, FormMoment, FormRefusal, StandingForm } from '../domain/form.ts'
import { receiptNumber } from '../domain/receipt-number.ts'
import { Problem } from '../problem.ts'
import type { Settings, SiteSettings } from '../store/site-settings.ts'
import type { Store } from '../store/store.ts'

export interface FormParts {
  readonly store: Store
  readonly settings: Settings
  readonly catalogue: CatalogueSource
  readonly clock: Clock
  readonly receiptKey: KeyObject
  readonly choicesMax: number
}

export interface SavedForm {
  readonly version: number
  readonly form: Form
}

/** A write that turned out void is made once more: nothing else can have been told about it. */
const ATTEMPTS_MAX = 3
const SETTLE_MS = 5_000

export class FormService {
  readonly #parts: FormParts

  constructor(parts: FormParts) {
    this.#parts = parts
  }

  async read(candidate: string): Promise<StandingForm> {
    const record = await this.#parts.store.forms.get(candidate)
    return { version: record?.version ?? 0, form: record?.value }
  }

  /** Nothing is written, and nothing told, before `allowed` is fulfilled. */
  async save(
    candidate: string,
    given: unknown,
    ifVersion: number,
    allowed: Promise<void>,
  ): Promise<SavedForm> {
    const { settings, catalogue, choicesMax, receiptKey } = this.#parts
    const site = await settings.current()
    const checked = checkChoices(given, await catalogue.current(site.catalogueRevision), choicesMax)
    if (!checked.ok) {
      await allowed
      throw new Problem(400, 'invalid-choices', 'The choices cannot be saved as they are.', {
        problems: checked.problems,
      })
    }
    const { choices } = checked
    const receiptOf = receiptNumber.bind(undefined, receiptKey)
    return this.#write(candidate, site, allowed, (standing, moment) =>
      decideSave(candidate, standing, { choices, ifVersion }, moment, receiptOf),
    )
  }

  async confirm(candidate: string, ifVersion: number, allowed: Promise<void>): Promise<SavedForm> {
    const site = await this.#parts.settings.current()
    return this.#write(candidate, site, allowed, (standing, moment) =>
      decideConfirm(standing, ifVersion, moment),
    )
  }

  async #write(
    candidate: string,
    site: SiteSettings,
    allowed: Promise<void>,
    decide: (standing: StandingForm, moment: FormMoment) => FormDecision,
  ): Promise<SavedForm> {
    for (let attempt = 1; ; attempt += 1) {
      const [standing] = await Promise.all([this.read(candidate), allowed])
      const nowMs = this.#parts.clock.now()
      const decision = decide(standing, { window: site.window, sealed: site.sealedAt !== undefined, nowMs })
      if (decision.kind === 'refuse') throw refusal(decision.code, standing, site)
      const { form } = decision
      try {
        const receipt = await this.#put(candidate, form, decision.ifVersion)
        return { version: receipt.version, form }
      } catch (error) {
        if (isSpillwayError(error, 'sealed')) throw refusal('sealed', standing, site)
        if (isSpillwayError(error, 'version-mismatch')) {
          const now = await this.read(candidate)
          // A copy of this very write got there first (its receipt says so): it is saved.
          if (isSame(now.form, form)) return { version: now.version, form }
          throw refusal(now.form?.state === 'confirmed' ? 'form-locked' : 'version-mismatch', now, site)
        }
        if (!isSpillwayError(error, 'void') || attempt >= ATTEMPTS_MAX) throw error
      }
    }
  }

  async #put(candidate: string, form: Form, ifVersion: number): Promise<Receipt> {
    const { forms } = this.#parts.store
    try {
      return await forms.put(candidate, form, { ifVersion })
    } catch (error) {
      if (!isSpillwayError(error, 'outcome-unknown') || error.entry === undefined) throw error
      return this.#parts.store.tier.settle(error.entry, { signal: AbortSignal.timeout(SETTLE_MS) })
    }
  }
}

function isSame(now: Form | undefined, ours: Form): boolean {
  return now?.receipt === ours.receipt && now.state === ours.state && now.confirmedAt === ours.confirmedAt
}

const REFUSALS: Readonly<Record<FormRefusal, readonly [status: number, detail: string]>> = {
  'version-mismatch': [
    412,
    'The form was changed meanwhile, perhaps in another tab: look at it and save again.',
  ],
  'form-locked': [409, 'The form is confirmed and cannot be changed any more.'],
  'window-not-open': [403, 'Forms cannot be saved yet.'],
  'window-closed': [403, 'Forms cannot be saved any more.'],
  sealed: [409, 'The window was closed for good: what came later in order is not taken.'],
  'nothing-to-confirm': [409, 'There is no saved form to confirm.'],
}

function refusal(code: FormRefusal, standing: StandingForm, site: SiteSettings): Problem {
  const [status, detail] = REFUSALS[code]
  const members =
    code === 'version-mismatch' || code === 'form-locked'
      ? { form: shownForm(standing) }
      : { window: site.window }
  return new Problem(status, code, detail, members)
}

/** A form as the API shows it. */
export function shownForm({ version, form }: StandingForm): object {
  return form === undefined ? { version, state: 'not-started', choices: [], saves: 0 } : { version, ...form }
}

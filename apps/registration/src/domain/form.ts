/**
 * A form and what may be done with it, as decisions without any I/O.
 *
 *   not-started ──save──▶ saved ──confirm──▶ confirmed      (locked: no way back but staff's)
 *                          └─save─┘
 *
 * Every decision is made on one version of the form and carries that version as its condition, so that the tier
 * judges it again in the order of the journal: what was decided on an outdated form is refused there, whichever
 * process it went through.
 */
import type { Choice } from './choices.ts'
import type { SavingWindow, WindowState } from './window.ts'
import { windowState } from './window.ts'

export interface Form {
  readonly state: 'saved' | 'confirmed'
  readonly choices: readonly Choice[]
  /** How often it was saved, this time included. */
  readonly saves: number
  readonly receipt: string
  /** Instant of the server. */
  readonly savedAt: string
  readonly confirmedAt?: string
}

/** A form as it stands; version 0 = never saved. */
export interface StandingForm {
  readonly version: number
  readonly form: Form | undefined
}

export type FormRefusal =
  | 'version-mismatch'
  | 'form-locked'
  | 'window-not-open'
  | 'window-closed'
  | 'sealed'
  | 'nothing-to-confirm'

export type FormDecision =
  | { readonly kind: 'write'; readonly form: Form; readonly ifVersion: number }
  | { readonly kind: 'refuse'; readonly code: FormRefusal }

export interface FormMoment {
  readonly window: SavingWindow
  readonly sealed: boolean
  readonly nowMs: number
}

/** `ifVersion` is the version that the candidate had before the eyes. */
export function decideSave(
  candidate: string,
  standing: StandingForm,
  asked: { readonly choices: readonly Choice[]; readonly ifVersion: number },
  moment: FormMoment,
  receiptOf: (candidate: string, savedAt: string, choices: readonly Choice[]) => string,
): FormDecision {
  const refusal = refusalOf(standing, asked.ifVersion, moment)
  if (refusal !== undefined) return { kind: 'refuse', code: refusal }
  const savedAt = new Date(moment.nowMs).toISOString()
  const form: Form = {
    state: 'saved',
    choices: asked.choices,
    saves: (standing.form?.saves ?? 0) + 1,
    receipt: receiptOf(candidate, savedAt, asked.choices),
    savedAt,
  }
  return { kind: 'write', form, ifVersion: standing.version }
}

export function decideConfirm(standing: StandingForm, ifVersion: number, moment: FormMoment): FormDecision {
  const refusal = refusalOf(standing, ifVersion, moment)
  if (refusal !== undefined) return { kind: 'refuse', code: refusal }
  if (standing.form === undefined) return { kind: 'refuse', code: 'nothing-to-confirm' }
  const confirmedAt = new Date(moment.nowMs).toISOString()
  return {
    kind: 'write',
    form: { ...standing.form, state: 'confirmed', confirmedAt },
    ifVersion: standing.version,
  }
}

const CLOSED: Readonly<Record<Exclude<WindowState, 'open'>, FormRefusal>> = {
  before: 'window-not-open',
  closed: 'window-closed',
  sealed: 'sealed',
}

/** The lock before the version: who looks at an old page of a confirmed form has to hear that it is locked. */
function refusalOf(
  standing: StandingForm,
  ifVersion: number,
  { window, sealed, nowMs }: FormMoment,
): FormRefusal | undefined {
  const state = windowState(window, sealed, nowMs)
  if (state !== 'open') return CLOSED[state]
  if (standing.form?.state === 'confirmed') return 'form-locked'
  return standing.version === ifVersion ? undefined : 'version-mismatch'
}

/**
 * The catalogue of events: what the engine tells about itself, for logs, metrics and `status`.
 *
 * An event is never the only answer to a caller; it is what an operator would otherwise have to guess.
 */

export const EVENTS = {
  'store-unavailable': {
    level: 'warn',
    meaning: 'A store does not answer; it is tried again until it does.',
  },
  'store-back': { level: 'info', meaning: 'A store answers again.' },
  'landing-moved': {
    level: 'warn',
    meaning: 'The database was not where this lander believed; it starts again from there.',
  },
  'landing-stopped': { level: 'error', meaning: 'Landing of a partition stands still until somebody acts.' },
  'write-parked': {
    level: 'warn',
    meaning: 'The database does not accept a write as data; it was set aside.',
  },
  'row-newer': {
    level: 'error',
    meaning: 'A row was newer than the journal: something else writes this table.',
  },
  'front-restarted': {
    level: 'warn',
    meaning: 'A partition of the front was missing or unusable and started again.',
  },
  'generation-raised': {
    level: 'warn',
    meaning: 'A new generation began, because loss of journal entries could not be excluded.',
  },
  'append-unknown': { level: 'warn', meaning: 'An append brought no answer; its entries are being settled.' },
  'trim-failed': { level: 'warn', meaning: 'The journal could not be trimmed; it grows until it can.' },
} as const satisfies Record<string, { level: 'info' | 'warn' | 'error'; meaning: string }>

export type EventName = keyof typeof EVENTS

export interface EngineEvent {
  readonly name: EventName
  readonly partition?: number
  readonly detail?: string
  readonly error?: unknown
}

export type Report = (event: EngineEvent) => void

/**
 * The catalogue of errors: every way in which Spillway says no, and what the caller does next.
 *
 * A code is a contract: programs branch on it, the HTTP status and the exit code of the CLI follow from it,
 * and the reference page is made from this table. Codes are few; the detail of an error names the limit, key
 * or setting that was met, and says what to do.
 */

/** What the caller does next. */
export type ErrorKind =
  /** Change the call; sending the same again fails again. */
  | 'fix-the-call'
  /** The thing asked for is not there. */
  | 'missing'
  /** The present state forbids it; read it, decide, call again. */
  | 'conflict'
  /** A stated bound is reached; wait for `retryAfterMs`, then send the same again. */
  | 'over-limit'
  /** Not now; nothing has happened; send the same again later. */
  | 'retry'
  /** It may or may not have happened; settle it or read before sending again. */
  | 'unknown'
  /** Somebody has to look at the stores before anything goes on. */
  | 'operator'
  /** This process is ending; use another one. */
  | 'closed'
  /** A defect of Spillway: report it. */
  | 'bug'

interface CatalogueRow {
  readonly status: number
  readonly kind: ErrorKind
  /** One sentence for the reference page and for OpenAPI. */
  readonly meaning: string
  /** Seconds after which a retry makes sense, where waiting helps. */
  readonly retryAfterSeconds?: number
}

export const ERRORS = {
  invalid: {
    status: 400,
    kind: 'fix-the-call',
    meaning: 'The request, key, value or option breaks a stated rule.',
  },
  unauthenticated: {
    status: 401,
    kind: 'fix-the-call',
    meaning: 'A bearer token is required and was missing or wrong.',
  },
  forbidden: {
    status: 403,
    kind: 'fix-the-call',
    meaning: 'The token is good, but this call is not allowed to it.',
  },
  'not-found': {
    status: 404,
    kind: 'missing',
    meaning: 'No such record, collection, route or parked write.',
  },
  void: {
    status: 404,
    kind: 'missing',
    meaning: 'The settled entry never counted and never will; it is safe to send the write again.',
  },
  'unknown-item': { status: 404, kind: 'missing', meaning: 'No such quota item.' },
  'not-granted': {
    status: 404,
    kind: 'missing',
    meaning: 'This idempotency key has no grant, and is closed now.',
  },
  'method-not-allowed': {
    status: 405,
    kind: 'fix-the-call',
    meaning: 'The path exists, the method does not.',
  },
  sealed: {
    status: 409,
    kind: 'conflict',
    meaning: 'The collection was sealed before this write in journal order.',
  },
  parked: {
    status: 409,
    kind: 'conflict',
    meaning: 'The database does not accept this write as data; it is set aside by key and version.',
  },
  'sold-out': { status: 409, kind: 'conflict', meaning: 'Not enough units are left.' },
  'buyer-limit': {
    status: 409,
    kind: 'conflict',
    meaning: 'This buyer has all the units that one buyer may have.',
  },
  'hold-expired': { status: 409, kind: 'conflict', meaning: 'The hold ended at its deadline.' },
  'hold-cancelled': { status: 409, kind: 'conflict', meaning: 'The hold was cancelled.' },
  'hold-confirmed': { status: 409, kind: 'conflict', meaning: 'The hold is an order already.' },
  'version-mismatch': {
    status: 412,
    kind: 'conflict',
    meaning: 'The condition on the version did not hold in journal order; nothing was changed.',
  },
  'too-large': { status: 413, kind: 'fix-the-call', meaning: 'The value or body is above the stated bound.' },
  'unsupported-media-type': { status: 415, kind: 'fix-the-call', meaning: 'Only application/json is taken.' },
  'idempotency-conflict': {
    status: 422,
    kind: 'fix-the-call',
    meaning: 'This idempotency key was used with another body.',
  },
  overloaded: {
    status: 429,
    kind: 'over-limit',
    meaning: 'A stated bound is reached (the detail names it); nothing has happened.',
    retryAfterSeconds: 1,
  },
  'outcome-unknown': {
    status: 503,
    kind: 'unknown',
    meaning: 'The write may or may not count; settle its entry to learn which.',
    retryAfterSeconds: 1,
  },
  unavailable: {
    status: 503,
    kind: 'retry',
    meaning: 'A store that this call needs does not answer; nothing has happened.',
    retryAfterSeconds: 1,
  },
  'catching-up': {
    status: 503,
    kind: 'retry',
    meaning: 'The front has not reached the position that this call needs.',
    retryAfterSeconds: 1,
  },
  recovering: { status: 503, kind: 'retry', meaning: 'A store is being rebuilt.', retryAfterSeconds: 1 },
  fenced: {
    status: 503,
    kind: 'retry',
    meaning: 'This process speaks for an older generation and must open again.',
    retryAfterSeconds: 1,
  },
  'journal-mismatch': {
    status: 503,
    kind: 'operator',
    meaning: 'Journal and database do not belong together; nothing is skipped, an operator decides.',
  },
  closed: {
    status: 503,
    kind: 'closed',
    meaning: 'This process is ending; nothing has happened.',
    retryAfterSeconds: 1,
  },
  internal: { status: 500, kind: 'bug', meaning: 'A broken invariant: a defect of Spillway.' },
} as const satisfies Record<string, CatalogueRow>

export type ErrorCode = keyof typeof ERRORS

export interface SpillwayErrorOptions {
  readonly cause?: unknown
  /** How long to wait before the same call makes sense again; default: the catalogue's. */
  readonly retryAfterMs?: number
  /** The handle by which an unknown outcome is settled; only with `outcome-unknown`. */
  readonly entry?: string
}

/** The one error class of Spillway: `code` from the catalogue, `detail` for people. */
export class SpillwayError extends Error {
  override readonly name = 'SpillwayError'
  readonly code: ErrorCode
  readonly detail: string
  readonly retryAfterMs: number | undefined
  readonly entry: string | undefined

  constructor(code: ErrorCode, detail: string, options: SpillwayErrorOptions = {}) {
    super(`${code}: ${detail}`, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.detail = detail
    const row: CatalogueRow = ERRORS[code]
    this.retryAfterMs =
      options.retryAfterMs ?? (row.retryAfterSeconds === undefined ? undefined : row.retryAfterSeconds * 1000)
    this.entry = options.entry
  }

  get kind(): ErrorKind {
    return ERRORS[this.code].kind
  }

  get status(): number {
    return ERRORS[this.code].status
  }
}

/** True when `error` is a SpillwayError, of that code if one is given. */
export function isSpillwayError(error: unknown, code?: ErrorCode): error is SpillwayError {
  return error instanceof SpillwayError && (code === undefined || error.code === code)
}

/** Stops on a broken invariant, in production too: going on would turn a defect into wrong data. */
export function invariant(condition: boolean, what: string): asserts condition {
  if (!condition)
    throw new SpillwayError(
      'internal',
      `${what}. This is a defect of Spillway: please report it with this text.`,
    )
}

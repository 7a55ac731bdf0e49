/**
 * Exit codes: a contract that scripts branch on.
 */
import { ERRORS, SpillwayError } from '../errors.ts'
import type { ErrorCode, ErrorKind } from '../errors.ts'

export const EXIT = {
  ok: 0,
  /** It was tried and did not work, or a store or the machine refused. */
  failed: 1,
  /** Wrong arguments, variables or configuration: nothing was tried. */
  usage: 2,
  notFound: 3,
  /** A condition did not hold, or another process holds the folder. */
  conflict: 5,
  /** `verify` found a difference. */
  mismatch: 6,
  /** No answer from the server, or from a store that it needs. */
  unreachable: 7,
} as const

const BY_KIND: Readonly<Record<ErrorKind, number>> = {
  'fix-the-call': EXIT.usage,
  missing: EXIT.notFound,
  conflict: EXIT.conflict,
  'over-limit': EXIT.failed,
  retry: EXIT.failed,
  unknown: EXIT.failed,
  operator: EXIT.failed,
  closed: EXIT.unreachable,
  bug: EXIT.failed,
}

const BY_CODE: Partial<Readonly<Record<ErrorCode, number>>> = {
  unauthenticated: EXIT.failed,
  forbidden: EXIT.failed,
  'idempotency-conflict': EXIT.conflict,
  unavailable: EXIT.unreachable,
}

export function exitCodeOfCode(code: ErrorCode): number {
  return BY_CODE[code] ?? BY_KIND[ERRORS[code].kind]
}

/** A verb's own failure, when the catalogue's mapping does not say it. */
export class VerbFailure extends Error {
  override readonly name = 'VerbFailure'
  readonly exitCode: number

  constructor(exitCode: number, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.exitCode = exitCode
  }
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof VerbFailure) return error.exitCode
  if (error instanceof SpillwayError) return exitCodeOfCode(error.code)
  return EXIT.failed
}

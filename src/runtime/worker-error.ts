/**
 * Errors on their way between threads. A structured clone of an error keeps its message and loses its class and
 * fields, so that SpillwayError and SqliteError travel as plain data and are made again on the other side.
 */
import { ERRORS, SpillwayError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import { SqliteError } from './sqlite-error.ts'

/** A chain of causes longer than this is cut. */
const CAUSES_MAX = 5

export interface PackedError {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  readonly cause: PackedError | undefined
  readonly spillway?: {
    readonly code: ErrorCode
    readonly detail: string
    readonly retryAfterMs: number | undefined
    readonly entry: string | undefined
  }
  readonly sqlite?: { readonly extendedCode: number }
}

export function packError(error: unknown, depth = 0): PackedError {
  if (!(error instanceof Error))
    return { name: 'Error', message: text(error), stack: undefined, cause: undefined }
  const { name, message, stack } = error
  const cause =
    error.cause === undefined || depth >= CAUSES_MAX ? undefined : packError(error.cause, depth + 1)
  const packed = { name, message, stack, cause }
  if (error instanceof SpillwayError) {
    const { code, detail, retryAfterMs, entry } = error
    return { ...packed, spillway: { code, detail, retryAfterMs, entry } }
  }
  if (error instanceof SqliteError) return { ...packed, sqlite: { extendedCode: error.extendedCode } }
  return packed
}

/** The error as it was thrown; one that is neither SpillwayError nor SqliteError keeps its name and message. */
export function unpackError(packed: PackedError): Error {
  const options = packed.cause === undefined ? {} : { cause: unpackError(packed.cause) }
  const error = made(packed, options)
  if (packed.stack !== undefined) error.stack = packed.stack
  return error
}

function made(packed: PackedError, options: { cause?: unknown }): Error {
  const { spillway, sqlite } = packed
  if (spillway !== undefined && Object.hasOwn(ERRORS, spillway.code)) {
    return new SpillwayError(spillway.code, spillway.detail, {
      ...options,
      ...(spillway.retryAfterMs === undefined ? {} : { retryAfterMs: spillway.retryAfterMs }),
      ...(spillway.entry === undefined ? {} : { entry: spillway.entry }),
    })
  }
  if (sqlite !== undefined) return new SqliteError(sqlite.extendedCode, packed.message, options)
  const error = new Error(packed.message, options)
  if (packed.name !== 'Error')
    Object.defineProperty(error, 'name', { value: packed.name, configurable: true, writable: true })
  return error
}

function text(thrown: unknown): string {
  return typeof thrown === 'string' ? thrown : `A value that is no error was thrown: ${String(thrown)}`
}

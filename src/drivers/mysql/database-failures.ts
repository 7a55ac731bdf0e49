/**
 * What an error of MariaDB means for a write, by its number and SQLSTATE:
 *
 *   data      the row is not accepted: constraint, range, length, charset, a trigger's SIGNAL
 *   outage    lost, shut down, read-only, full, locked, deadlock, too many connections, a table that is gone or
 *             changed: nothing happened, it is tried again for as long as it takes
 *   refused   no such user, password or database: the same, but whoever opens the tier is told so at once
 *
 * Numbers: https://mariadb.com/kb/en/mariadb-error-codes/. Everything that is not known to be about data is an
 * outage, because an outage parks nothing.
 */
import { SpillwayError } from '../../errors.ts'

export type FailureKind = 'data' | 'outage' | 'refused'

/** An error as mysql2 gives it; without `errno` of the server it is one of the network or of the client. */
export interface MysqlError extends Error {
  readonly errno?: number
  readonly code?: string
  readonly sqlState?: string
  readonly sqlMessage?: string
}

/** The connection is gone, or was given up at a deadline: what was sent last may still happen. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost'
}

/** A statement that was done, and changed what it was given: a data error that MariaDB calls a warning. */
export class RowWarning extends Error implements MysqlError {
  override readonly name = 'RowWarning'
  readonly errno: number
  readonly code = 'WARNING'
  readonly sqlState = '22000'
  readonly sqlMessage: string

  constructor(errno: number, sqlMessage: string) {
    super(sqlMessage)
    this.errno = errno
    this.sqlMessage = sqlMessage
  }
}

/** Data errors whose SQLSTATE says nothing: no default, truncated, bad value, SIGNAL, row too big, view, partition. */
const DATA = new Set([
  1118, 1169, 1172, 1242, 1263, 1265, 1301, 1329, 1364, 1366, 1369, 1411, 1416, 1526, 1644, 1690, 1748, 3140,
  3819, 4025, 4038, 4078,
])
const DATA_CLASSES = ['22', '23', '44', '45']
const REFUSED = new Set([1044, 1045, 1049, 1698])
/** Denied statements: of tables that somebody with more rights has to make or change. */
const DENIED = new Set([1044, 1142, 1143, 1227, 1370])

export function failureOf(error: unknown): FailureKind {
  const { errno, sqlState = '' } = error as MysqlError
  if (errno === undefined || sqlState === '') return 'outage'
  if (REFUSED.has(errno)) return 'refused'
  return DATA.has(errno) || DATA_CLASSES.includes(sqlState.slice(0, 2)) ? 'data' : 'outage'
}

export function isDenied(error: unknown): boolean {
  return DENIED.has((error as MysqlError).errno ?? 0)
}

/** A table that somebody else has just created. */
export function isThere(error: unknown): boolean {
  return (error as MysqlError).errno === 1050
}

/** No such table, or no such one any more. */
export function isGone(error: unknown): boolean {
  return (error as MysqlError).errno === 1146
}

/** Why a row is not accepted, or undefined where the error is not about its data. */
export function dataCause(error: unknown): string | undefined {
  if (error instanceof SpillwayError) return error.code === 'invalid' ? error.detail : undefined
  return failureOf(error) === 'data' ? textOf(error) : undefined
}

/** `Data too long for column 'name' at row 3`: 3. Counted from 1 within the statement. */
export function rowNamed(error: unknown): number | undefined {
  const match = / at row (\d+)$/.exec((error as MysqlError).sqlMessage ?? '')
  return match === null ? undefined : Number(match[1])
}

/** The error that leaves the driver when nothing has happened for certain. */
export function unavailable(error: unknown): unknown {
  if (error instanceof SpillwayError) return error
  return new SpillwayError(
    'unavailable',
    `MariaDB cannot be used now: ${textOf(error)}. It is tried again.`,
    {
      cause: error,
    },
  )
}

/** The same for whoever opens, prepares or inspects: what no retry can mend is `invalid`. */
export function unusable(error: unknown): unknown {
  if (error instanceof SpillwayError || failureOf(error) !== 'refused') return unavailable(error)
  return new SpillwayError(
    'invalid',
    `MariaDB refuses this user or database: ${textOf(error)}. Correct the URL, or the rights.`,
    { cause: error },
  )
}

function textOf(error: unknown): string {
  const { errno, code, sqlMessage, message } = error as MysqlError
  return errno === undefined || sqlMessage === undefined
    ? `${message}${code === undefined || message.includes(code) ? '' : ` (${code})`}`
    : `${sqlMessage} (${code ?? ''} ${errno})`
}

/**
 * The SQLite binding: synchronous, to be used inside worker threads, exact, and the same on Node and Bun.
 *
 * Both runtimes have the module `node:sqlite`; `bun:sqlite` is not used. Measured on Node 24.21 and Bun 1.4.5, two
 * cores: a probe of 80 edge cases answered the same through `node:sqlite` on both, apart from kinds of values that
 * are refused here anyway, where `bun:sqlite` differs on misses (null), integers (imprecise above 2^53, or all as
 * bigint), undefined and missing parameters, statements that outlive close(), blank SQL, quoting, foreign keys and
 * error codes. It is no slower: upserts of 1,000 rows with 4 columns at 463-497k rows/s with integers bound as
 * bigint, as here, where `bun:sqlite` makes 322-329k.
 *
 * What is still made exact on top of it: parameters (see sqlite-parameters.ts), one error class, `changes` of
 * statements that change nothing, and a bound on the number of prepared statements.
 */
import { resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { StatementSync } from 'node:sqlite'
import { SpillwayError } from '../errors.ts'
import { SqliteError } from './sqlite-error.ts'
import { countParameters, makeBindable } from './sqlite-parameters.ts'
import type { SqliteValue } from './sqlite-parameters.ts'

export { SqliteError } from './sqlite-error.ts'
export type { SqliteValue } from './sqlite-parameters.ts'

/** A row by column name; of two columns with the same name the last one counts. */
export type SqliteRow = Record<string, SqliteValue>

/** Prepared statements of one connection: enough for every statement of a driver in many sizes, small enough to find a leak. */
export const STATEMENTS_MAX = 1_000

export interface SqliteOptions {
  /** Refuses every write with `SQLITE_READONLY`, and does not create the file. Default false. */
  readonly readOnly?: boolean
  /** How long a locked file is waited for, blocking the thread, before `SQLITE_BUSY`. Default 0. */
  readonly busyTimeoutMs?: number
  /** Whether foreign keys that the tables declare are enforced. Default true, as SQL servers do. */
  readonly foreignKeys?: boolean
}

export interface StatementOptions {
  /**
   * Reads every INTEGER as a bigint. Without it integers come as numbers, and one outside ±(2^53 - 1) throws
   * instead of being rounded. Default false.
   */
  readonly bigints?: boolean
}

/** One prepared statement. Not to be used from inside its own results. */
export interface SqliteStatement {
  /** Executes it; `changes` counts the rows that this statement itself inserted, updated or deleted. */
  run(...params: SqliteValue[]): { changes: number }
  /** The first row, or undefined. The statement runs to its first row only. */
  get<Row extends SqliteRow = SqliteRow>(...params: SqliteValue[]): Row | undefined
  /** Every row, at once in memory: bound it with LIMIT. */
  all<Row extends SqliteRow = SqliteRow>(...params: SqliteValue[]): Row[]
  /** Gives its place among the prepared statements back; using it afterwards throws `closed`. Twice is fine. */
  finalize(): void
}

export interface SqliteConnection {
  /** Whether a transaction is open: SQLite ends it by itself on some errors, such as a full disk. */
  readonly inTransaction: boolean
  /** Executes one or more statements without parameters; those before a failing one stay executed. */
  exec(sql: string): void
  /** Prepares one statement, to be kept and used again; at most 1,000 are open at a time. */
  prepare(sql: string, options?: StatementOptions): SqliteStatement
  /** Closes file and statements; an open transaction is rolled back. Twice is fine. */
  close(): void
}

/**
 * Opens the SQLite file `path` (`:memory:` for none), creating it unless `readOnly`. No pragma is set but the
 * options': journal mode and synchronous are the caller's. Throws SqliteError (`SQLITE_CANTOPEN`); that the file
 * is no database shows at the first statement (`SQLITE_NOTADB`).
 */
export function openSqlite(path: string, options: SqliteOptions = {}): SqliteConnection {
  return new Connection(path, options)
}

/** Whether this runtime reads TEXT only up to its first NUL, as Node did before 24.16; asked once, at the first open. */
let nulCutsText: boolean | undefined

function cutsTextAtNul(): boolean {
  const memory = new DatabaseSync(':memory:')
  try {
    return memory.prepare("select 'a' || char(0) as v").get()?.v === 'a'
  } finally {
    memory.close()
  }
}

class Connection implements SqliteConnection {
  readonly #database: DatabaseSync
  readonly #statements = new Set<Statement>()
  #open = true

  constructor(path: string, options: SqliteOptions) {
    // An absolute path is never taken for a `file:` URI.
    const file = path === ':memory:' ? path : resolve(path)
    this.#database = reporting(
      () =>
        new DatabaseSync(file, {
          readOnly: options.readOnly ?? false,
          timeout: options.busyTimeoutMs ?? 0,
          enableForeignKeyConstraints: options.foreignKeys ?? true,
        }),
    )
    nulCutsText ??= cutsTextAtNul()
  }

  get inTransaction(): boolean {
    return this.#open && this.#database.isTransaction
  }

  exec(sql: string): void {
    this.#mustBeOpen()
    reporting(() => this.#database.exec(sql))
  }

  prepare(sql: string, options: StatementOptions = {}): SqliteStatement {
    this.#mustBeOpen()
    if (this.#statements.size >= STATEMENTS_MAX) {
      throw new SpillwayError(
        'internal',
        `${STATEMENTS_MAX} prepared statements are open on one connection: prepare once and keep them, or finalize()`,
      )
    }
    const parameters = countParameters(sql)
    const native = reporting(() => this.#database.prepare(sql))
    if (options.bigints) native.setReadBigInts(true)
    const statement = new Statement(native, sql, parameters, () => this.#statements.delete(statement))
    this.#statements.add(statement)
    return statement
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    for (const statement of this.#statements) statement.finalize()
    reporting(() => this.#database.close())
  }

  #mustBeOpen(): void {
    if (!this.#open) throw new SpillwayError('closed', 'This SQLite connection was closed.')
  }
}

class Statement implements SqliteStatement {
  readonly #sql: string
  readonly #parameters: number
  readonly #changesRows: boolean
  readonly #finalized: () => void
  #native: StatementSync | undefined

  constructor(native: StatementSync, sql: string, parameters: number, finalized: () => void) {
    this.#native = native
    this.#sql = sql
    this.#parameters = parameters
    this.#changesRows = changesRows(sql)
    this.#finalized = finalized
  }

  run(...params: SqliteValue[]): { changes: number } {
    const native = this.#mustBeOpen()
    makeBindable(params, this.#parameters, this.#sql, nulCutsText ?? false)
    try {
      const { changes } = native.run(...params)
      return { changes: this.#changesRows ? Number(changes) : 0 }
    } catch (error) {
      throw reported(error)
    }
  }

  get<Row extends SqliteRow = SqliteRow>(...params: SqliteValue[]): Row | undefined {
    const native = this.#mustBeOpen()
    makeBindable(params, this.#parameters, this.#sql, nulCutsText ?? false)
    try {
      return native.get(...params) as Row | undefined
    } catch (error) {
      throw reported(error)
    }
  }

  all<Row extends SqliteRow = SqliteRow>(...params: SqliteValue[]): Row[] {
    const native = this.#mustBeOpen()
    makeBindable(params, this.#parameters, this.#sql, nulCutsText ?? false)
    try {
      return native.all(...params) as Row[]
    } catch (error) {
      throw reported(error)
    }
  }

  finalize(): void {
    this.#native = undefined
    this.#finalized()
  }

  #mustBeOpen(): StatementSync {
    if (this.#native === undefined) throw new SpillwayError('closed', 'This SQLite statement was finalized.')
    return this.#native
  }
}

/** SQLite keeps the count of the last change; after a statement that cannot change rows it would be repeated. */
function changesRows(sql: string): boolean {
  return /^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/|;)*(?:insert|update|delete|replace|with)\b/i.test(sql)
}

function reporting<T>(act: () => T): T {
  try {
    return act()
  } catch (error) {
    throw reported(error)
  }
}

/** What the runtime threw, as SqliteError where SQLite spoke, else as SpillwayError. */
function reported(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const { code, errcode } = error as { code?: unknown; errcode?: unknown }
  if (code === 'ERR_SQLITE_ERROR' && typeof errcode === 'number') {
    return new SqliteError(errcode, error.message, { cause: error })
  }
  if (code === 'ERR_OUT_OF_RANGE') {
    return new SpillwayError(
      'internal',
      `An integer beyond 2^53 was read without bigints: ${error.message}`,
      { cause: error },
    )
  }
  return new SpillwayError('internal', `The SQLite binding refused a call: ${error.message}`, {
    cause: error,
  })
}

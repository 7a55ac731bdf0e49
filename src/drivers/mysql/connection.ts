/**
 * One connection to MariaDB: prepared statements with a deadline, in a session that is set as rows need it.
 *
 * Nothing is ever sent twice. A call that is not answered in time closes the connection: the server then rolls back
 * whatever was open, as soon as it notices.
 *
 * The session decides what a value means, so nothing of it is left to the server's defaults: strict mode (else
 * MariaDB cuts and rounds), UTC, REPEATABLE READ, waits for locks that end before our deadline does.
 */
import type { Clock } from '../../kit/clock.ts'
import type { Bound, Cell, RawConnection, RawDone, RawOptions } from './client.ts'
import { ConnectionLost } from './database-failures.ts'

export type Row = readonly Cell[]

export interface Done {
  /** Without FOUND_ROWS: 1 for an inserted row, 2 for a changed one, 0 for one that stayed as it was. */
  readonly affected: number
  /** Of `Records: 3  Duplicates: 1  Warnings: 0`: rows that were there and were changed. */
  readonly duplicates: number
  readonly insertId: number
  /** Warnings and notes. */
  readonly warnings: number
}

/** How this server wants an upsert written; MySQL 8.0.20 and later warn about VALUES(). */
export interface Dialect {
  readonly name: 'mariadb' | 'mysql'
  /** Between the rows and ON DUPLICATE KEY. */
  readonly alias: string
  /** A column of the row that was to be inserted. */
  incoming(column: string): string
  /** A collation of utf8mb4 that tells every two strings apart. */
  readonly binaryCollation: string
}

export interface ServerInfo {
  readonly dialect: Dialect
  readonly version: string
  readonly packetBytesMax: number
}

export interface SessionOptions {
  readonly clock: Clock
  /** Of one statement. */
  readonly callMs: number
  /** Transactions begin by themselves and are ended by us; without it every statement is one. */
  readonly transactions: boolean
}

const MARIADB: Dialect = {
  name: 'mariadb',
  alias: '',
  incoming: (column) => `VALUES(${column})`,
  binaryCollation: 'utf8mb4_nopad_bin',
}
const MYSQL: Dialect = {
  name: 'mysql',
  alias: ' AS incoming',
  incoming: (column) => `incoming.${column}`,
  binaryCollation: 'utf8mb4_0900_bin',
}

/** Conversions of mysql2 that would not be exact are off, in a user's pool too. */
const EXACT = {
  rowsAsArray: true,
  supportBigNumbers: true,
  bigNumberStrings: false,
  dateStrings: true,
  typeCast: true,
  nestTables: false,
} as const

const SQL_MODE =
  'STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO'
/** Deadlines of a call that may pass between two statements of a transaction before the server gives it up. */
const IDLE_CALLS = 3
/** A connection that waits for work keeps its session this long, whatever the server's default is. */
const IDLE_SECONDS = 86_400

export class MysqlConnection {
  readonly #raw: RawConnection
  readonly #clock: Clock
  readonly #callMs: number
  #server: ServerInfo = { dialect: MARIADB, version: '', packetBytesMax: 0 }
  #lost: Error | undefined

  /** Takes a connected client and sets its session. */
  static async begin(raw: RawConnection, options: SessionOptions): Promise<MysqlConnection> {
    const connection = new MysqlConnection(raw, options)
    try {
      await connection.#setSession(options)
    } catch (error) {
      connection.destroy()
      throw error
    }
    return connection
  }

  private constructor(raw: RawConnection, { clock, callMs }: SessionOptions) {
    this.#raw = raw
    this.#clock = clock
    this.#callMs = callMs
    raw.on('error', (error) => {
      this.#lost ??= error ?? new ConnectionLost('The connection failed')
    })
    raw.on('end', () => {
      this.#lost ??= new ConnectionLost('The server closed the connection')
    })
  }

  get server(): ServerInfo {
    return this.#server
  }

  get raw(): RawConnection {
    return this.#raw
  }

  /** True when it can be used no more. */
  get lost(): boolean {
    return this.#lost !== undefined
  }

  /** Rows of a prepared SELECT. */
  rows(sql: string, values: readonly Bound[] = []): Promise<Row[]> {
    return this.#call<Row[]>('execute', { ...EXACT, sql, values })
  }

  /** What a prepared statement did. */
  async write(sql: string, values: readonly Bound[]): Promise<Done> {
    return doneOf(await this.#call<RawDone>('execute', { ...EXACT, sql, values }))
  }

  /** A statement that is sent as text: COMMIT, SET, DDL. */
  async run(sql: string): Promise<Done> {
    return doneOf(await this.#call<RawDone>('query', { ...EXACT, sql }))
  }

  /** Rows of a statement that cannot be prepared everywhere. */
  ask(sql: string): Promise<Row[]> {
    return this.#call<Row[]>('query', { ...EXACT, sql })
  }

  /** Closes at once; what is out fails. */
  destroy(): void {
    this.#lost ??= new ConnectionLost('The connection was closed')
    this.#raw.destroy()
    // A half-closed socket would wait for a server that does not answer.
    ;(this.#raw as { stream?: { destroy?(): void } }).stream?.destroy?.()
  }

  #call<T>(kind: 'execute' | 'query', options: RawOptions): Promise<T> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost)
    return new Promise<T>((resolve, reject) => {
      const cancel = this.#clock.after(this.#callMs, () => {
        this.#lost ??= new ConnectionLost(`No answer within ${this.#callMs} ms`)
        reject(this.#lost)
        this.destroy()
      })
      this.#raw[kind](options, (error, result) => {
        cancel()
        if (error === null || error === undefined) resolve(result as T)
        else {
          if ((error as { fatal?: boolean }).fatal === true) this.#lost ??= error
          reject(error)
        }
      })
    })
  }

  async #setSession({ transactions, callMs }: SessionOptions): Promise<void> {
    const [row] = await this.ask('SELECT version(), @@max_allowed_packet')
    const version = String(row?.[0])
    this.#server = {
      dialect: /mariadb/i.test(version) ? MARIADB : MYSQL,
      version,
      packetBytesMax: Number(row?.[1]),
    }
    const lockSeconds = Math.max(1, Math.floor(callMs / 2_000))
    await this.run(`SET SESSION sql_mode = '${SQL_MODE}', time_zone = '+00:00', autocommit = ${transactions ? 0 : 1},
      innodb_lock_wait_timeout = ${lockSeconds}, lock_wait_timeout = ${lockSeconds}, wait_timeout = ${IDLE_SECONDS},
      foreign_key_checks = 1, unique_checks = 1, sql_safe_updates = 0, sql_notes = 1, completion_type = 'NO_CHAIN',
      sql_select_limit = 18446744073709551615`)
    // Long statements end at our deadline, and not before. A transaction whose process lost its network must not hold
    // its position rows against all others for as long as an idle session lives.
    if (this.#server.dialect.name === 'mariadb')
      await this.run(`SET SESSION max_statement_time = 0,
        idle_transaction_timeout = ${Math.max(1, Math.ceil((IDLE_CALLS * callMs) / 1_000))}`)
    await this.run('SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ WRITE')
    await this.run(`SET NAMES utf8mb4 COLLATE utf8mb4_bin`)
  }
}

function doneOf({ affectedRows, insertId, info, warningStatus }: RawDone): Done {
  const duplicates = /Duplicates: (\d+)/.exec(info)
  return {
    affected: affectedRows,
    duplicates: duplicates === null ? 0 : Number(duplicates[1]),
    insertId: Number(insertId),
    warnings: warningStatus,
  }
}

/**
 * The mysql2 client as this driver uses it: loaded when it is needed, and described by the few methods that are
 * called, so that a user's own pool of it is as good as ours.
 */
import type { ConnectionOptions } from 'mysql2'
import { SpillwayError } from '../../errors.ts'
import { didYouMean } from '../../kit/nearest.ts'

/** A value as it is bound. Integers beyond 2^53 go as text; the server converts them exactly where they are stored. */
export type Bound = null | number | string | Buffer
/** A value as it comes back: integers of 64 bits, decimals, dates and times as text, binary columns as Buffers. */
export type Cell = null | number | string | Buffer

/** A result of mysql2: cells of rows as arrays, or what a statement did. */
export interface RawDone {
  readonly affectedRows: number
  readonly insertId: number | string
  readonly info: string
  readonly warningStatus: number
}

type RawCallback = (error: Error | null, result?: unknown) => void

export interface RawOptions {
  readonly sql: string
  readonly values?: readonly Bound[]
  readonly [option: string]: unknown
}

/** What is called of a mysql2 connection (the callback kind). */
export interface RawConnection {
  readonly config: {
    readonly clientFlags: number
    readonly decimalNumbers?: boolean
    readonly jsonStrings?: boolean
  }
  readonly clientEncoding: string
  execute(options: RawOptions, callback: RawCallback): unknown
  query(options: RawOptions, callback: RawCallback): unknown
  on(event: 'error' | 'end', listener: (error?: Error) => void): unknown
  once(event: 'connect' | 'error', listener: (error?: Error) => void): unknown
  off(event: 'error' | 'end' | 'connect', listener: (error?: Error) => void): unknown
  reset(callback: RawCallback): unknown
  destroy(): void
  /** Of connections that a pool gave. */
  release?(): void
}

/** What is called of a mysql2 pool: `createPool({ …, flags: ['-FOUND_ROWS'], jsonStrings: true })`. */
export interface MysqlPool {
  getConnection(callback: (error: Error | null, connection?: unknown) => void): void
}

export interface MysqlAddress {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
  readonly ssl: boolean
}

const PARAMETERS = ['ssl']
const PORT = 3306

/** Takes `mysql://user:password@host:port/database` apart; `?ssl=true` asks for TLS with a verified certificate. */
export function parseMysqlUrl(url: string): MysqlAddress {
  const form = 'write it like mysql://user:password@host:3306/database'
  if (!URL.canParse(url) || !/^(?:mysql|mariadb):$/.test(new URL(url).protocol))
    throw new SpillwayError('invalid', `The URL of the database is not one of MariaDB; ${form}.`)
  const parsed = new URL(url)
  const database = decodeURIComponent(parsed.pathname.slice(1))
  if (database === '' || database.includes('/'))
    throw new SpillwayError(
      'invalid',
      `The URL of the database at ${parsed.host} must name one database; ${form}.`,
    )
  for (const name of parsed.searchParams.keys()) {
    if (!PARAMETERS.includes(name))
      throw new SpillwayError(
        'invalid',
        `The URL of the database at ${parsed.host} has the unknown parameter ${JSON.stringify(name)}.${didYouMean(name, PARAMETERS)}`,
      )
  }
  const ssl = parsed.searchParams.get('ssl') ?? 'false'
  if (!['true', 'false'].includes(ssl))
    throw new SpillwayError(
      'invalid',
      `The URL of the database at ${parsed.host} has ssl=${ssl}: it is ssl=true (TLS with a verified certificate) or ssl=false.`,
    )
  return {
    host: decodeURIComponent(parsed.hostname.replace(/^\[(.*)\]$/, '$1')),
    port: parsed.port === '' ? PORT : Number(parsed.port),
    user: decodeURIComponent(parsed.username),
    password: decodeURIComponent(parsed.password),
    database,
    ssl: ssl === 'true',
  }
}

/** The optional peer. A missing one names its command. */
export async function loadMysql2(): Promise<(options: ConnectionOptions) => RawConnection> {
  try {
    const { createConnection } = await import('mysql2')
    return (options) => createConnection(options) as unknown as RawConnection
  } catch (cause) {
    throw new SpillwayError(
      'invalid',
      'A mysql:// database needs the client mysql2, which is not installed: npm install mysql2',
      { cause },
    )
  }
}

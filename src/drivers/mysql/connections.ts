/**
 * A bounded number of connections, each given to one caller at a time.
 *
 *   take ─▶ idle one ─▶ work ─▶ back            at most `connectionsMax` at once; who comes later waits in line,
 *           or a new one         └ lost: gone   `waitingMax` of them and `waitMs` each, then `unavailable`
 *
 * Connections are made of a URL, or taken out of a pool that the user has made. Those of a pool are kept for as long
 * as the database is open and given back, with their session reset, when it is closed; the pool itself is the user's.
 */
import { SpillwayError } from '../../errors.ts'
import type { Clock } from '../../kit/clock.ts'
import { withDeadline } from '../../kit/clock.ts'
import { loadMysql2, parseMysqlUrl } from './client.ts'
import type { MysqlAddress, MysqlPool, RawConnection } from './client.ts'
import { MysqlConnection } from './connection.ts'
import type { SessionOptions } from './connection.ts'
import { ConnectionLost } from './database-failures.ts'

/** Where connections come from, and where they go when nobody wants them any more. */
export interface MysqlSource {
  /** For people; without the password. */
  readonly name: string
  connect(): Promise<RawConnection>
  giveBack(raw: RawConnection): Promise<void>
}

/** mysql2's constant of the protocol: affected rows would count rows that stayed as they were. */
const FOUND_ROWS = 2
/** Statements of one connection that stay prepared; the server's bound for all is 16,382 by default. */
const PREPARED_MAX = 256

export function sourceOfUrl(url: string, connectMs: number): MysqlSource {
  const address = parseMysqlUrl(url)
  const name = `MariaDB at ${address.host}:${address.port}, database ${address.database}`
  return {
    name,
    connect: async () => connectTo(address, connectMs, await loadMysql2()),
    giveBack: async (raw) => raw.destroy(),
  }
}

async function connectTo(
  address: MysqlAddress,
  connectMs: number,
  createConnection: Awaited<ReturnType<typeof loadMysql2>>,
): Promise<RawConnection> {
  const { ssl, ...where } = address
  const raw = createConnection({
    ...where,
    ...(ssl ? { ssl: {} } : {}),
    charset: 'UTF8MB4_BIN',
    flags: ['-FOUND_ROWS'],
    supportBigNumbers: true,
    bigNumberStrings: false,
    dateStrings: true,
    jsonStrings: true,
    connectTimeout: connectMs,
    maxPreparedStatements: PREPARED_MAX,
  })
  return new Promise((resolve, reject) => {
    const settle = (error?: Error): void => {
      raw.off('connect', onConnect)
      if (error === undefined) resolve(raw)
      else reject(error)
    }
    const onConnect = (): void => settle()
    // This listener stays: an error that nobody listens to would end the process.
    raw.on('error', (error) => settle(error ?? new ConnectionLost('The connection failed')))
    raw.on('end', () => settle(new ConnectionLost('The server closed the connection')))
    raw.once('connect', onConnect)
  })
}

/** Of a pool that the user made with mysql2, or with mysql2/promise. */
export function sourceOfPool(given: MysqlPool, connectMs: number, clock: Clock): MysqlSource {
  const { pool = given } = given as { readonly pool?: MysqlPool }
  const fromPool = (): Promise<RawConnection> =>
    new Promise((resolve, reject) => {
      pool.getConnection((error, connection) => {
        if (error === null || error === undefined) resolve(connection as RawConnection)
        else reject(error)
      })
    })
  return {
    name: 'the MariaDB of the given pool',
    async connect() {
      const late = (): Error => new ConnectionLost(`The pool gave no connection within ${connectMs} ms`)
      const taking = fromPool()
      const raw = await withDeadline(clock, connectMs, taking, late).catch((error: unknown) => {
        taking.then(
          (one) => one.release?.(),
          () => undefined,
        )
        throw error
      })
      const problem = unfit(raw)
      if (problem === undefined) return raw
      raw.release?.()
      throw new SpillwayError('invalid', problem)
    },
    giveBack: (raw) =>
      new Promise((resolve) => {
        raw.reset(() => {
          raw.release?.()
          resolve()
        })
      }),
  }
}

/** Settings of a client that no statement can change. */
function unfit(raw: RawConnection): string | undefined {
  const { clientFlags, decimalNumbers, jsonStrings } = raw.config
  const fix = "make the pool with flags: ['-FOUND_ROWS'] and jsonStrings: true"
  if ((clientFlags & FOUND_ROWS) !== 0)
    return `The given pool counts rows that stayed as they were (FOUND_ROWS), so that landing could not tell them apart: ${fix}.`
  if (jsonStrings !== true)
    return `The given pool takes JSON columns apart, which does not keep their text: ${fix}.`
  if (decimalNumbers === true)
    return 'The given pool turns decimals into numbers (decimalNumbers), which is not exact: leave that option out.'
  return raw.clientEncoding === 'utf8'
    ? undefined
    : `The given pool sends text as ${raw.clientEncoding}: leave its option charset out, or name one of utf8mb4.`
}

export interface ConnectionsOptions extends SessionOptions {
  readonly source: MysqlSource
  readonly connectionsMax: number
  /** How long a caller waits in line. */
  readonly waitMs: number
}

/** Callers in line; each is one read or one landing, and those are bounded themselves. */
const WAITING_MAX = 4_096

interface Waiter {
  /** Its turn came. */
  given: boolean
  resolve(turn: void): void
  reject(error: unknown): void
}

export class MysqlConnections {
  readonly #options: ConnectionsOptions
  readonly #idle: MysqlConnection[] = []
  readonly #line: Waiter[] = []
  #out = 0
  #closed = false
  #drained: (() => void) | undefined

  constructor(options: ConnectionsOptions) {
    this.#options = options
  }

  /** Does `work` with a connection of its own. What it throws is passed on; a lost connection is thrown away. */
  async use<T>(work: (connection: MysqlConnection) => Promise<T>): Promise<T> {
    await this.#turn()
    let connection: MysqlConnection | undefined
    try {
      connection = await this.#connection()
      return await work(connection)
    } finally {
      this.#back(connection)
    }
  }

  /** Waits for those that are out; then no connection is left. */
  async close(): Promise<void> {
    this.#closed = true
    for (const waiter of this.#line.splice(0)) waiter.reject(this.#closedError())
    if (this.#out > 0) await new Promise<void>((resolve) => (this.#drained = resolve))
    const { source } = this.#options
    await Promise.all(this.#idle.splice(0).map((one) => source.giveBack(one.raw).catch(() => undefined)))
  }

  async #turn(): Promise<void> {
    const { clock, waitMs, connectionsMax, source } = this.#options
    if (this.#closed) throw this.#closedError()
    if (this.#out < connectionsMax) {
      this.#out += 1
      return
    }
    const busy = (): SpillwayError =>
      new SpillwayError(
        'unavailable',
        `${source.name}: all ${connectionsMax} connections are busy, and none was free within ${waitMs} ms.`,
      )
    if (this.#line.length >= WAITING_MAX) throw busy()
    let waiter: Waiter | undefined
    const turn = new Promise<void>((resolve, reject) => {
      waiter = { given: false, resolve, reject }
      this.#line.push(waiter)
    })
    try {
      await withDeadline(clock, waitMs, turn, busy)
    } catch (error) {
      const at = this.#line.indexOf(waiter as Waiter)
      if (at >= 0) this.#line.splice(at, 1)
      // Its turn came in the same moment: it goes to the next in line.
      if (waiter?.given === true) this.#back(undefined)
      throw error
    }
  }

  async #connection(): Promise<MysqlConnection> {
    for (let one = this.#idle.pop(); one !== undefined; one = this.#idle.pop()) if (!one.lost) return one
    return MysqlConnection.begin(await this.#options.source.connect(), this.#options)
  }

  /** A turn and its connection come back; the turn goes to the next in line. */
  #back(connection: MysqlConnection | undefined): void {
    if (connection !== undefined && !connection.lost) this.#idle.push(connection)
    const next = this.#line.shift()
    if (next !== undefined) {
      next.given = true
      next.resolve()
      return
    }
    this.#out -= 1
    if (this.#out === 0) this.#drained?.()
  }

  #closedError(): SpillwayError {
    return new SpillwayError('closed', 'The database is closed: nothing has happened.')
  }
}

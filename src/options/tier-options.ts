/**
 * The options of `open`, as plain data; declared once, so that validation, the reference and the command line
 * cannot drift apart.
 */
import type { Collection } from './collection.ts'

export interface TierOptions {
  /** `memory:` now. */
  readonly front: string
  /** `sqlite:PATH` now. */
  readonly journal: string
  /** `sqlite:PATH` now. */
  readonly database: string
  /** Undeclared: every good name is taken and lands as JSON. Declared: others are `invalid`. */
  readonly collections?: readonly Collection<never>[] | readonly Collection[]
  /** Number of partitions; fixed when the journal is made. 1 to 256, default 16. */
  readonly partitions?: number
  /** Memory of the process front in bytes; default 256 MiB. */
  readonly frontBytesMax?: number
  /** Journal bound in bytes; default 8 GiB. At it, writes are `overloaded`. */
  readonly journalBytesMax?: number
  /** Writes waiting for the journal in this process; default 10,000. */
  readonly writesWaitingMax?: number
  /** Parked writes kept; default 10,000. At it, landing of that partition stops and says so. */
  readonly parkedMax?: number
  /** Default 64 MiB. */
  readonly parkedBytesMax?: number
  /** How long `open` waits for stores that do not answer; default 30,000 ms. */
  readonly openTimeoutMs?: number
  /** Begin a new generation where journal and database do not belong together; what is lost is reported. Default false. */
  readonly acceptLoss?: boolean
  /** Which loops this process runs: `all` (default), `api` (no landing), `lander`. */
  readonly role?: 'all' | 'api' | 'lander'
  /** Where the library tells what happens; default: nowhere. */
  readonly logger?: Logger
}

export interface Logger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/**
 * What a program holds after `connect`: a tier in another process, with the record methods of the library. The shapes
 * are the library's own; they are written out here because the client carries no library along.
 *
 * Every method may reject with a `SpillwayError` that has the server's code. `unavailable`: the server could not be
 * reached, nothing has happened. `outcome-unknown` of a write: it was sent and no answer came; with an `entry` it
 * can be settled, without one (the connection broke, or the answer was late) read the record before sending again.
 */
import type { SpillwayError } from '../errors.ts'

export type Stage = 'journaled' | 'visible' | 'landed'

export interface WaitOptions {
  /** 0 to 60,000 ms; default 5,000. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export interface Receipt {
  readonly collection: string
  readonly key: string
  readonly version: number
  /** The stage reached when the receipt was made. */
  readonly stage: Stage
  /**
   * Waits until the write is in the database, or overtaken there by a newer write of its key, by asking for its
   * trace, at first every 5 ms, at last every 250. At the deadline it resolves to the stage reached. Rejects with
   * `parked` when the database does not accept it as data.
   */
  landed(options?: WaitOptions): Promise<Stage>
  /** Waits until readers see it. At the deadline it resolves to the stage reached. */
  visible(options?: WaitOptions): Promise<Stage>
}

export interface WriteOptions {
  /** The version that the record must have in journal order; 0 = it must be absent. Else `version-mismatch`. */
  readonly ifVersion?: number
  /** Gives up waiting; a write that was sent is then `outcome-unknown`. */
  readonly signal?: AbortSignal
}

export interface ReadOptions {
  /** Waits until reads have reached this version: read your own write, from any process. */
  readonly atLeast?: number
  /** Bound on waiting for `atLeast`: 0 to 60,000 ms, default 5,000; then `catching-up`. */
  readonly timeoutMs?: number
  /** `ok`: where the front is away, answer from the database, possibly an older value. */
  readonly stale?: 'ok'
  readonly signal?: AbortSignal
}

export interface SignalOptions {
  readonly signal?: AbortSignal
}

export interface RecordOf<T> {
  readonly key: string
  readonly version: number
  readonly value: T
}

/** A record as the JSON bytes that were put. */
export interface JsonRecord {
  readonly key: string
  readonly version: number
  readonly json: Uint8Array
}

export type BatchWrite<T> =
  | { readonly key: string; readonly value: T; readonly ifVersion?: number }
  | { readonly key: string; readonly delete: true; readonly ifVersion?: number }

export interface SealReceipt {
  readonly collection: string
  /** Of the seal in each partition, by partition number. */
  readonly positions: readonly number[]
}

/** Where a key is now. */
export interface Trace {
  readonly collection: string
  readonly key: string
  readonly partition: number
  readonly front: { readonly state: 'held' | 'absent' | 'miss' | 'away'; readonly version: number | null }
  readonly journal: { readonly end: number; readonly landed: number; readonly pending: number }
  readonly database: { readonly version: number | null }
  readonly parked: { readonly version: number; readonly cause: string } | null
}

export interface Records<T> {
  readonly collection: string
  put(key: string, value: T, options?: WriteOptions): Promise<Receipt>
  /** The same from JSON text, sent as it is. */
  putJson(key: string, json: Uint8Array, options?: WriteOptions): Promise<Receipt>
  delete(key: string, options?: WriteOptions): Promise<Receipt>
  /**
   * Reads, calls `fn`, and writes what it returns on the condition that nothing came between; starts over when
   * something did, up to 64 times (then `version-mismatch`). `undefined` from `fn` deletes.
   */
  update(
    key: string,
    fn: (current: T | undefined) => T | undefined | Promise<T | undefined>,
    options?: SignalOptions,
  ): Promise<Receipt>
  get(key: string, options?: ReadOptions): Promise<RecordOf<T> | undefined>
  /** The same as JSON text, byte for byte as it was put. */
  getJson(key: string, options?: ReadOptions): Promise<JsonRecord | undefined>
  /** In the order of the keys; at most 1,000. */
  getMany(keys: readonly string[], options?: ReadOptions): Promise<(RecordOf<T> | undefined)[]>
  /** Each write on its own, at most 1,000; the outcome of each in order. */
  putMany(writes: readonly BatchWrite<T>[], options?: SignalOptions): Promise<(Receipt | SpillwayError)[]>
  /** Refuses every later write in journal order; the positions are the exact cut. */
  seal(): Promise<SealReceipt>
  trace(key: string): Promise<Trace>
}

/** A collection's definition as the library makes it, as far as types go. */
export interface CollectionOf<T> {
  readonly name: string
  readonly options: {
    readonly schema?: { readonly '~standard': { readonly types?: { readonly output: T } | undefined } }
  }
}

/** One write of a frame; all of one collection, since a frame travels under its collection's path. */
export type AtomicWrite = BatchWrite<unknown> & { readonly collection: string | { readonly name: string } }

export interface ParkedInfo {
  readonly collection: string
  readonly key: string
  readonly version: number
  readonly cause: string
  readonly attempts: number
  readonly bytes: number
  /** ISO instant. */
  readonly at: string
}

export interface Parked {
  list(options?: {
    readonly collection?: string
    readonly after?: string
    readonly limit?: number
  }): Promise<{ items: ParkedInfo[]; next: string | null }>
  /** `json` undefined: a parked delete. Undefined: nothing parked under this key. */
  get(
    collection: string,
    key: string,
  ): Promise<(ParkedInfo & { readonly json: Uint8Array | undefined }) | undefined>
  /** Lands it now, with its frame. Rejects with `not-found`, or `parked` when it is still not accepted. */
  retry(collection: string, key: string): Promise<Receipt>
  /** Writes a newer entry: a delete, or the table's present value. `version` is the parked one that was looked at. */
  resolve(
    collection: string,
    key: string,
    how: { readonly with: 'delete' | 'table'; readonly version: number },
  ): Promise<Receipt>
}

export interface LedgerTotals {
  readonly accepted: number
  readonly landed: number
  readonly superseded: number
  readonly refused: number
  readonly parked: number
  readonly pending: number
}

export interface Status {
  readonly profile: string
  readonly promise: string
  readonly ready: boolean
  readonly generation: number
  readonly totals: LedgerTotals
  readonly partitions: readonly (LedgerTotals & { readonly partition: number; readonly lagMs: number })[]
  readonly drainSeconds: number | null
  readonly notes: readonly string[]
  readonly bounds: Readonly<Record<string, number>>
  readonly usage: { readonly frontBytes: number; readonly journalBytes: number }
}

export interface RemoteTier {
  /** Without a trailing slash. */
  readonly url: string
  records<T>(collection: CollectionOf<T>): Records<T>
  records<T = unknown>(collection: string): Records<T>
  /** One frame: all or nothing. All keys in one partition and one collection, else `invalid`. */
  atomic(writes: readonly AtomicWrite[], options?: SignalOptions): Promise<Receipt[]>
  /** Learns what became of a write that answered `outcome-unknown`: its receipt, its refusal, or `void`. */
  settle(entry: string, options?: SignalOptions): Promise<Receipt>
  readonly parked: Parked
  status(): Promise<Status>
  /** Rejects with the reason when a write would not be taken right now. */
  ready(): Promise<void>
}

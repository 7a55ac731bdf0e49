/**
 * What a program holds after `open`: the public face of the engine, as types.
 *
 * A write goes through the stages journaled → visible → landed. `journaled` is the acknowledgement: from there
 * on it survives what the profile's promise names. Every method may reject with a `SpillwayError`; each says in
 * its comment which codes are the caller's business. `overloaded`, `unavailable`, `catching-up`, `recovering`,
 * `fenced` and `closed` may come from any call and mean that nothing has happened.
 */
import type { SpillwayError } from '../errors.ts'
import type { Collection } from '../options/collection.ts'

export type Stage = 'journaled' | 'visible' | 'landed'

export interface WaitOptions {
  /** 0 to 60,000 ms; default 5,000. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** What a write returns once it is durable. */
export interface Receipt {
  readonly collection: string
  readonly key: string
  /** Of the value that this write made: the position of the write in its partition's journal. */
  readonly version: number
  /** The stage reached when the receipt was made. */
  readonly stage: Stage
  /**
   * Waits until the write is in the database, or overtaken there by a newer write of its key. At the deadline
   * it resolves to the stage reached. Rejects with `parked` when the database does not accept it as data.
   */
  landed(options?: WaitOptions): Promise<Stage>
  /** Waits until readers see it. At the deadline it resolves to the stage reached. */
  visible(options?: WaitOptions): Promise<Stage>
}

export interface WriteOptions {
  /** The version that the record must have in journal order; 0 = it must be absent. Else `version-mismatch`. */
  readonly ifVersion?: number
  /** Gives up waiting; a write that was sent is then unknown (`outcome-unknown` names its entry). */
  readonly signal?: AbortSignal
}

export interface ReadOptions {
  /** Waits until the front has reached this version: read your own write, from any process. */
  readonly atLeast?: number
  /** Bound on waiting for `atLeast` and for fills: 0 to 60,000 ms, default 5,000; then `catching-up`. */
  readonly timeoutMs?: number
  /**
   * `ok`: where the front is away or not caught up for 250 ms, answer from the database, possibly an older value. With
   * `atLeast` the exact answer is waited for first, as long as `timeoutMs` says.
   */
  readonly stale?: 'ok'
  readonly signal?: AbortSignal
}

export interface RecordOf<T> {
  readonly key: string
  readonly version: number
  readonly value: T
}

/** A record as the JSON bytes that were put. Treat the bytes as read-only: they are the front's own. */
export interface JsonRecord {
  readonly key: string
  readonly version: number
  readonly json: Uint8Array
}

/** A record whose JSON was copied to where the caller wanted it. */
export interface JsonCopy {
  readonly version: number
  /** How many there are from where the copy begins. */
  readonly bytes: number
}

export type BatchWrite<T> =
  | { readonly key: string; readonly value: T; readonly ifVersion?: number }
  | { readonly key: string; readonly delete: true; readonly ifVersion?: number }

/** As BatchWrite, of validated-on-arrival JSON text. */
export type JsonWrite =
  | { readonly key: string; readonly json: Uint8Array; readonly ifVersion?: number }
  | { readonly key: string; readonly delete: true; readonly ifVersion?: number }

export interface Records<T> {
  readonly collection: string
  /** Codes: `invalid`, `too-large`, `sealed`, `version-mismatch`, `outcome-unknown`. */
  put(key: string, value: T, options?: WriteOptions): Promise<Receipt>
  /** The same from JSON text: validated, kept byte for byte (unmapped collections give the same bytes back). */
  putJson(key: string, json: Uint8Array, options?: WriteOptions): Promise<Receipt>
  /** Also of an absent record: that is a write like any other. */
  delete(key: string, options?: WriteOptions): Promise<Receipt>
  /**
   * Reads, calls `fn`, and writes what it returns on the condition that nothing came between; starts over when
   * something did, up to 64 times (then `version-mismatch`). `undefined` from `fn` deletes.
   */
  update(
    key: string,
    fn: (current: T | undefined) => T | undefined | Promise<T | undefined>,
    options?: { readonly signal?: AbortSignal },
  ): Promise<Receipt>
  get(key: string, options?: ReadOptions): Promise<RecordOf<T> | undefined>
  getJson(key: string, options?: ReadOptions): Promise<JsonRecord | undefined>
  /**
   * What `getJson` would answer, at once, where this process's own memory holds it: its bytes are copied to `target`
   * from `at` on. Undefined says nothing (not held, absent, compressed, no room): ask `getJson`. For who reads more
   * often than a promise for each read allows. Not there where records are never in this process, as in a client.
   * Throws `invalid`.
   */
  peekInto?(key: string, target: Uint8Array, at: number): JsonCopy | undefined
  /** In the order of the keys; at most 1,000. Each record is as exact as with `get`; together they are no snapshot. */
  getMany(keys: readonly string[], options?: ReadOptions): Promise<(RecordOf<T> | undefined)[]>
  getManyJson(keys: readonly string[], options?: ReadOptions): Promise<(JsonRecord | undefined)[]>
  /** Each write on its own, at most 1,000; the outcome of each in order. */
  putMany(
    writes: readonly BatchWrite<T>[],
    options?: { readonly signal?: AbortSignal },
  ): Promise<(Receipt | SpillwayError)[]>
  putManyJson(
    writes: readonly JsonWrite[],
    options?: { readonly signal?: AbortSignal },
  ): Promise<(Receipt | SpillwayError)[]>
  /** Makes the front forget a key that is landed, so that the next read comes from the table. */
  invalidate(key: string): Promise<void>
  /** Refuses every later write in journal order; the positions are the exact cut. */
  seal(): Promise<SealReceipt>
  trace(key: string): Promise<Trace>
}

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

/** One write of a frame; `collection` by definition or name. */
export type AtomicWrite = { readonly collection: Collection | string } & (
  | { readonly key: string; readonly value: unknown; readonly ifVersion?: number }
  | { readonly key: string; readonly json: Uint8Array; readonly ifVersion?: number }
  | { readonly key: string; readonly delete: true; readonly ifVersion?: number }
)

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
  /** What the profile promises, in a sentence. */
  readonly promise: string
  readonly ready: boolean
  readonly generation: number
  readonly totals: LedgerTotals
  readonly partitions: readonly (LedgerTotals & { readonly partition: number; readonly lagMs: number })[]
  /** Estimated from the present landing rate; null while nothing lands though something is pending. */
  readonly drainSeconds: number | null
  /** What is wrong or slow right now, for people; empty when all is well. */
  readonly notes: readonly string[]
  readonly bounds: Readonly<Record<string, number>>
  readonly usage: { readonly frontBytes: number; readonly journalBytes: number }
}

export interface VerifyReport {
  readonly ok: boolean
  readonly ledger: readonly (LedgerTotals & { readonly partition: number; readonly problem: string | null })[]
  readonly mismatches: readonly {
    readonly collection: string
    readonly key: string
    readonly store: string
    readonly expected: string
    readonly found: string
  }[]
  /** What could not be checked and why, e.g. rows older than Spillway. */
  readonly unchecked: readonly string[]
}

export interface CloseReport {
  /** Writes that are journaled and not landed; they land at the next start. */
  readonly pending: number
  /** False: the database did not answer at the end, so `pending` is what was known before and may be too low. */
  readonly confirmed: boolean
  /** Where they are safe. */
  readonly where: string
}

export interface Tier extends AsyncDisposable {
  /** By definition, or by name: a declared one, or any good name when no collections were declared. */
  records<T = unknown>(collection: Collection<T> | string): Records<T>
  /** One frame: all or nothing, in one partition (else `invalid`). Receipts in order of the writes. */
  atomic(writes: readonly AtomicWrite[], options?: { readonly signal?: AbortSignal }): Promise<Receipt[]>
  /**
   * Learns what became of a write that answered `outcome-unknown`: its receipt, its refusal (rejects with that
   * code), or `void` (it never counts). A frame gives the receipt of its first write.
   */
  settle(entry: string, options?: { readonly signal?: AbortSignal }): Promise<Receipt>
  readonly parked: Parked
  /**
   * From memory, after asking `ready`: up to 5 s where the journal does not answer. That nothing is pending is said only
   * after a look at the database, or with a note that it does not answer, which takes a second.
   */
  status(): Promise<Status>
  /** Rejects with the reason when a write would not be taken right now; really asks the journal, at most once a second. */
  ready(): Promise<void>
  /** Proves ledger and stores against each other at a fixed position; reads every row. */
  verify(options?: {
    readonly signal?: AbortSignal
    readonly onProgress?: (rows: number) => void
  }): Promise<VerifyReport>
  /** Stops taking writes, journals what was admitted, lands what fits in the deadline (default 10 s), closes. */
  close(options?: { readonly drainMs?: number }): Promise<CloseReport>
}

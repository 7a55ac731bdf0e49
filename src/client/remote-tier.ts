/**
 * What a program holds after `connect`: a tier in another process, with the record methods of the library. The types
 * are the library's own, and only its types: the client carries no code of it along.
 *
 * Every method may reject with a `SpillwayError` that has the server's code. `unavailable`: the server could not be
 * reached, nothing has happened. `outcome-unknown` of a write: it was sent and no answer came; with an `entry` it
 * can be settled, without one (the connection broke, or the answer was late) read the record before sending again.
 */
import type { BatchWrite, Records as LibraryRecords, Parked, Receipt, Status } from '../index.ts'

export interface SignalOptions {
  readonly signal?: AbortSignal
}

/**
 * The record methods that travel over HTTP. A receipt's `landed` asks for the trace of its key, at first every 5 ms,
 * at last every 250.
 */
export type Records<T> = Omit<LibraryRecords<T>, 'getManyJson' | 'putManyJson' | 'invalidate'>

/** A collection's definition as the library makes it, as far as types go. */
export interface CollectionOf<T> {
  readonly name: string
  readonly options: {
    readonly schema?: { readonly '~standard': { readonly types?: { readonly output: T } | undefined } }
  }
}

/** One write of a frame; all of one collection, since a frame travels under its collection's path. */
export type AtomicWrite = BatchWrite<unknown> & { readonly collection: string | { readonly name: string } }

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

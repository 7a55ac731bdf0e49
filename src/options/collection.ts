/**
 * A collection: a named set of records with one schema and one table.
 */
import { SpillwayError } from '../errors.ts'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { TableOptions } from '../model/table.ts'

export interface CollectionOptions<T> {
  /**
   * Any Standard Schema. It validates every value at admission; one whose output differs from its input
   * (defaults, coercion) is refused, because the client's own bytes are what is kept.
   */
  readonly schema?: StandardSchemaV1<unknown, T>
  /** The table that the rows live in, field by field; default: JSON in the shared table `spillway_records`. */
  readonly table?: TableOptions
  /** Lands every version into `<table>_history` too. Default false. */
  readonly history?: boolean
  /** Key template whose part decides the partition, e.g. `'{school}'`; default: the whole key. */
  readonly partitionBy?: string
  /** Default `none`. */
  readonly compression?: 'none' | 'gzip' | 'zstd'
  /** Values of fewer bytes are not compressed; default 4,096. */
  readonly compressionThresholdBytes?: number
  /** Largest value in bytes of JSON; default 1 MiB, at most 16 MiB. */
  readonly valueBytesMax?: number
}

/** A collection's definition; `T` is the type of its values. */
export interface Collection<T = unknown> {
  readonly name: string
  readonly options: CollectionOptions<T>
}

const NAME = /^[a-z][a-z0-9_]{0,62}$/

/** Refuses names that URLs, SQL and metrics could not carry unchanged. */
export function checkCollectionName(name: string): void {
  if (!NAME.test(name)) {
    throw new SpillwayError(
      'invalid',
      `Collection name ${JSON.stringify(name.slice(0, 80))} must match [a-z][a-z0-9_]{0,62}.`,
    )
  }
}

/** Declares a collection. Rejects names that do not match `[a-z][a-z0-9_]{0,62}` with `invalid`. */
export function collection<T = unknown>(name: string, options: CollectionOptions<T> = {}): Collection<T> {
  checkCollectionName(name)
  return Object.freeze({ name, options: Object.freeze({ ...options }) })
}

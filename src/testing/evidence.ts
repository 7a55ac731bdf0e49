/** What a run leaves behind for the checkers, and the words that they share. */
import type { StoredEntry } from '../model/entry.ts'
import type { DatabaseState } from './database-state.ts'
import type { FrontPartition } from './front-partition.ts'
import type { History, WriteOp } from './history.ts'
import type { Truth, WriteFate } from './oracle.ts'

export interface FrontAtEnd {
  readonly identity: string
  at(partition: number): FrontPartition
}

export interface Evidence {
  readonly history: History
  readonly truth: Truth
  readonly database: DatabaseState
  /** The fronts that are in use at the end. */
  readonly fronts: readonly FrontAtEnd[]
  /** `collection, key and version` of writes that a failover lost, and their texts: those, and no others. */
  readonly lost: Lost
  /** When everything worked again: from then on every outcome can be learned. */
  readonly healedAt: number
  /** True while the journal still has the entry at this offset: from there it can be read without a gap. */
  reaches(partition: number, offset: number): boolean
  /** Entries that a recovery threw away although nothing was wrong with them. */
  readonly discarded: readonly StoredEntry[]
  /** How much older than the newest a read without `atLeast` may be at this time, in ms: 0 but around a split. */
  staleMsAt(start: number): number
}

export interface Lost {
  readonly versions: ReadonlySet<string>
  readonly texts: ReadonlySet<string>
  /** `collection, key` of lost deletes: while they were there, reads found nothing. */
  readonly deleted: ReadonlySet<string>
}

export type Say = (invariant: string, what: string) => void
export type ByText = ReadonlyMap<string, readonly WriteFate[]>

export function nameOf(of: { readonly collection: string; readonly key: string }): string {
  return `${of.collection}\n${of.key}`
}

export function textsOf(truth: Truth): ByText {
  const byText = new Map<string, WriteFate[]>()
  for (const write of truth.writes) {
    if (write.text === undefined) continue
    const same = byText.get(write.text)
    if (same === undefined) byText.set(write.text, [write])
    else same.push(write)
  }
  return byText
}

export function describe(op: WriteOp): string {
  return `operation ${op.number} at ${op.process} (${op.writes.map((one) => `${one.collection}/${one.key}=${one.text ?? 'delete'}${one.ifVersion === undefined ? '' : ` if ${one.ifVersion}`}`).join(', ')})`
}

export function fatesOf(op: WriteOp, byText: ByText): WriteFate[] {
  return op.writes.flatMap((write) => (write.text === undefined ? [] : (byText.get(write.text) ?? [])))
}

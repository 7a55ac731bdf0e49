/**
 * The read side of a front's port over a partition's state, as fake fronts and the fused fake both have it.
 */
import { ORIGIN, earlierOf } from '../model/position.ts'
import type { FrontRead, FrontReads } from '../ports/front.ts'
import type { RecordRef } from '../model/entry.ts'
import type { FrontPartition } from './front-partition.ts'
import type { Step } from './step-board.ts'
import type { World } from './world.ts'

/** Keys of one call that can be held; beyond it the call answers without holding. */
const HOLDS_MAX = 1_000
const BYTES_MAX = 64 * 2 ** 20

export interface FrontVerbsOptions {
  readonly world: World
  readonly shared: boolean
  /** How eagerly landed keys are dropped on release, 0 to 1. */
  readonly eagerness: number
  call<T>(verb: string, step: Step, effect: () => T): Promise<T>
  at(partition: number): FrontPartition
  identity(): string
  full(): boolean
}

export function frontVerbs(options: FrontVerbsOptions): FrontReads {
  const { world, shared, eagerness, call, at, identity, full } = options
  let reserved = 0
  const read = (partition: number, refs: readonly RecordRef[]): FrontRead => {
    const state = at(partition)
    return { seen: state.seen(identity()), held: refs.map((ref) => state.held(ref)) }
  }
  return {
    shared,
    state: (partition) => call('state', 'gate', () => at(partition).seen(identity())),
    read: (partition, refs) => call('read', 'read', () => read(partition, refs)),
    fill: (partition, of, position, rows) =>
      call('fill', 'fill', () => {
        if (of === identity()) at(partition).fill(position, rows)
        return read(partition, rows)
      }),
    hold: (partition, refs, forMs) =>
      call('hold', 'admit', () => {
        if (refs.length <= HOLDS_MAX) at(partition).hold(refs, world.now + forMs)
        return read(partition, refs)
      }),
    release: (partition, of, to) =>
      call('release', 'trim', () => {
        const state = at(partition)
        const upTo = earlierOf(to, state.mark?.position ?? ORIGIN)
        if (of === identity()) state.release(upTo, world.now, () => world.chance(eagerness))
        return state.seen(identity())
      }),
    invalidate: (partition, of, ref, landed) =>
      call('invalidate', 'fill', () => of === identity() && at(partition).invalidate(ref, landed)),
    refused: (partition, positions) =>
      call('refused', 'settle', () => {
        const state = at(partition)
        return { seen: state.seen(identity()), refused: positions.map((one) => state.refusedSet.has(one)) }
      }),
    snapshot: (partition) =>
      call('snapshot', 'recover', () => ({
        seen: at(partition).seen(identity()),
        fold: at(partition).snapshot(),
      })),
    forgetRefused: (partition, of, upTo) =>
      call('forgetRefused', 'trim', () => {
        if (of === identity()) at(partition).forgetRefused(upTo)
      }),
    reserve: (bytes) => {
      if (full() || reserved + bytes > BYTES_MAX) return false
      reserved += bytes
      return true
    },
    unreserve: (bytes) => {
      reserved -= bytes
    },
    usage: () => ({ bytes: reserved, bytesMax: BYTES_MAX }),
    close: () => Promise.resolve(),
  }
}

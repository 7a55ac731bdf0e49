import type { Cluster } from './cluster.ts'
import type { History } from './history.ts'
import type { World } from './world.ts'

export interface WorkloadOptions {
  readonly world: World
  readonly cluster: Cluster
  readonly history: History
  readonly clients: number
  /** Operations of all clients together. */
  readonly operations: number
  readonly keys: WorkloadKeys
  /** Sealed once, somewhere in the second half. */
  readonly sealed: string | undefined
  readonly thinkMs: number
  readonly poison: number
}

/** Keys of one inner list share a partition, so that frames can hold them. */
export type WorkloadKeys = readonly {
  readonly collection: string
  readonly keys: readonly (readonly string[])[]
}[]

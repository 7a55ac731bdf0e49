import type { Front } from '../../src/ports/front.ts'

export interface FrontUnderTest {
  /** Three partitions, all missing. */
  readonly front: Front
  /** Lets time pass, for holds. */
  elapse(ms: number): Promise<void>
  /** Drops released records as if memory were needed; a front that cannot be asked to leaves it undefined. */
  squeeze?(): Promise<void>
  close(): Promise<void>
}

export interface FrontMaker {
  open(options: { readonly partitions: number; readonly ageMax: number }): Promise<FrontUnderTest>
  /** Runs of the random comparison; default 150. */
  readonly runs?: number
}

/** Small enough that a suite can reach it. */
export const AGE_MAX = 40

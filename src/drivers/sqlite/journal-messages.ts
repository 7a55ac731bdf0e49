/**
 * What journal.ts (caller's thread) and journal-worker.ts say to each other. Entries travel encoded, in one buffer
 * that is moved and not copied; numbers that describe it travel in one flat array.
 */

export interface JournalInit {
  readonly path: string
  readonly partitions: number
  readonly bytesMax: number
  /** Of the file, should it have to be made. */
  readonly newIdentity: string
}

export interface OpenAnswer {
  readonly bytes: number
}

/** Numbers per section of `AppendCall.sections`: partition, entries, where its bytes begin, how many. */
export const SECTION_FIELDS = 4

export interface AppendCall {
  readonly buffer: ArrayBuffer
  readonly sections: readonly number[]
  /** False: control entries only, which may use the reserve past the bound. */
  readonly hasWrites: boolean
}

export interface AppendAnswer {
  /** The caller's, given back to be used again. */
  readonly buffer: ArrayBuffer
  /** Offset of the first entry of each section. */
  readonly firsts: readonly number[]
  readonly bytes: number
}

export interface ReadCall {
  readonly partition: number
  readonly after: number
  readonly entriesMax: number
  readonly bytesMax: number
}

/** Numbers per block of `ReadAnswer.blocks`: offset of its first entry, entries, where its bytes begin, how many. */
export const BLOCK_FIELDS = 4

export interface ReadAnswer {
  readonly buffer: ArrayBuffer
  readonly blocks: readonly number[]
  /** Newest offset of the partition at the time of the read. */
  readonly end: number
}

export interface AtCall {
  readonly partition: number
  readonly offset: number
}

export type TrimCall = AtCall

export interface TrimAnswer {
  readonly bytes: number
}

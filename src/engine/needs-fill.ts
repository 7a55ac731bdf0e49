import type { RecordRef } from '../model/entry.ts'

/** A condition needs keys that the front does not hold; nothing was journaled. Fill them, then write again. */
export class NeedsFill extends Error {
  readonly missing: readonly RecordRef[]

  constructor(missing: readonly RecordRef[]) {
    super('The front lost a key that a condition needs')
    this.missing = missing
  }
}

import type { RecordRef } from '../../model/entry.ts'
import { ORIGIN } from '../../model/position.ts'
import type { Position } from '../../model/position.ts'
import type { Codec, Value } from '../../model/value.ts'
import { HELD_ABSENT } from '../../ports/front.ts'
import type { Held, HeldCopy } from '../../ports/front.ts'
import type { Budget } from './budget.ts'
import { FrontRecord, PLACE, RecordList } from './front-record.ts'
import type { Evictor, Shelf } from './front-record.ts'

/**
 * The records of one partition, by collection and key, and which of them have not landed. Knows nothing of the
 * fold: what a removal means for the floor is the owner's affair.
 */
export class Shelves {
  readonly #budget: Budget
  readonly #evictor: Evictor
  readonly #shelves = new Map<string, Shelf>()
  /** The one that was asked for last: most often it is asked for again. */
  #last: Shelf | undefined
  /** In order of position, because what is written goes to the end. */
  readonly #unlanded = new RecordList(PLACE.unlanded)

  constructor(budget: Budget, evictor: Evictor) {
    this.#budget = budget
    this.#evictor = evictor
  }

  find(ref: RecordRef): FrontRecord | undefined {
    return this.#shelf(ref.collection)?.records.get(ref.key)
  }

  /** A write or delete of the journal: stays until it has landed. */
  put(ref: RecordRef, at: Position, value: Value | undefined): void {
    const record = this.find(ref) ?? this.#add(ref)
    this.#unlist(record)
    this.#set(record, at, value)
    this.#unlanded.append(record)
  }

  /** What the database has of a key that is not held: may go again when memory is needed. */
  fill(ref: RecordRef, held: Held): void {
    const record = this.#add(ref)
    // An absence has no position of its own: the floor is past whatever deleted the key, or it would be held.
    this.#set(record, held.value === undefined ? ORIGIN : held.version, held.value)
    record.touched = true
    this.#budget.offer(record)
  }

  answer(record: FrontRecord): Held {
    record.touched = true
    if (!record.hasValue) return HELD_ABSENT
    const bytes = this.#budget.slabs.read(record)
    return { version: record.at, value: { codec: record.codec as Codec, rawBytes: record.rawBytes, bytes } }
  }

  /** Copies a value that is not compressed and that has room there. */
  copy(record: FrontRecord, target: Uint8Array, at: number): HeldCopy | undefined {
    record.touched = true
    if (!record.hasValue || record.codec !== 0 || record.length > target.length - at) return undefined
    this.#budget.slabs.readInto(record, target, at)
    return { version: record.at, bytes: record.length }
  }

  /** Everything up to `to` has landed and may go when memory is needed. */
  release(to: Position): void {
    for (;;) {
      const record = this.#unlanded.first
      if (record === undefined || record.at > to) return
      this.#unlanded.remove(record)
      this.#budget.offer(record)
    }
  }

  remove(record: FrontRecord): void {
    const { shelf } = record
    this.#forget(record)
    shelf.records.delete(record.key)
    // Without a configuration anybody can name collections: an empty one must not stay for ever.
    if (shelf.records.size > 0) return
    this.#shelves.delete(shelf.collection)
    this.#last = undefined
  }

  clear(): void {
    for (const shelf of this.#shelves.values()) {
      for (const record of shelf.records.values()) this.#forget(record)
    }
    this.#shelves.clear()
    this.#last = undefined
  }

  #shelf(collection: string): Shelf | undefined {
    if (this.#last?.collection !== collection) this.#last = this.#shelves.get(collection)
    return this.#last
  }

  #add(ref: RecordRef): FrontRecord {
    let shelf = this.#shelf(ref.collection)
    if (shelf === undefined) {
      shelf = { evictor: this.#evictor, collection: ref.collection, records: new Map() }
      this.#shelves.set(ref.collection, shelf)
    }
    const record = new FrontRecord(shelf, ref.key)
    shelf.records.set(ref.key, record)
    this.#budget.count(this.#budget.costOf(record))
    return record
  }

  #set(record: FrontRecord, at: Position, value: Value | undefined): void {
    const { slabs } = this.#budget
    const lengthBefore = record.length
    slabs.drop(record)
    record.at = at
    record.hasValue = value !== undefined
    if (value !== undefined) {
      record.codec = value.codec
      record.rawBytes = value.rawBytes
      slabs.put(record, value.bytes)
    }
    this.#budget.count(record.length - lengthBefore)
  }

  #forget(record: FrontRecord): void {
    this.#budget.count(-this.#budget.costOf(record))
    this.#unlist(record)
    this.#budget.slabs.drop(record)
  }

  #unlist(record: FrontRecord): void {
    if (record.place === PLACE.unlanded) this.#unlanded.remove(record)
    this.#budget.withdraw(record)
  }
}

/**
 * Batches of entries as one call of write.lua, in the order in which they are given. What a call costs whoever is in
 * it (the identity, the socket, the fsync) is paid once for all its partitions; of a cluster each is asked by itself.
 */
import { SpillwayError, invariant } from '../../errors.ts'
import type { WriteEntry } from '../../model/entry.ts'
import type { Position, Version } from '../../model/position.ts'
import { ORIGIN, plus } from '../../model/position.ts'
import type { FrontSeen } from '../../ports/front.ts'
import type { FusedBatch } from '../../ports/fused.ts'
import type { CommandBytes } from './command-bytes.ts'
import { bareEntries, nameOf } from './layout.ts'
import type { RedisStore, Reply } from './store.ts'

export type WrittenBatch =
  | { readonly kind: 'fenced'; readonly seen: FrontSeen }
  | {
      readonly kind: 'written'
      readonly seen: FrontSeen
      readonly before: Position
      /** As write.lua gives them. */
      readonly verdicts: string
      readonly missing: string
    }

/** Writes of one frame, as arguments of one XADD and one MSET in Lua, whose stack holds 8,000. */
const FRAME_WRITES_MAX = 3_000
/** Identity, generation, position, two counts, the entries and whether it is plain; of a plain one four more. */
const ARGUMENTS_OF_BATCH = 7
const ARGUMENTS_OF_PLAIN = 4
/** A plain batch is one block of the stream, and one call of each command: as write.lua bounds them. */
const PLAIN_BYTES_MAX = 256 * 1024
const PLAIN_WRITES_MAX = 1_500
const LENGTH_BYTES = 2
/** Bytes of one character, at most. */
const UTF8_MAX = 3

export class WriteLane {
  readonly #store: RedisStore
  readonly #ageMax: number
  /** Writes of each partition that are out. */
  readonly #out: Float64Array

  constructor(store: RedisStore, ageMax: number) {
    this.#store = store
    this.#ageMax = ageMax
    this.#out = new Float64Array(store.partitions)
  }

  async write(batches: readonly FusedBatch[]): Promise<WrittenBatch[]> {
    const store = this.#store
    invariant(!store.cluster || batches.length === 1, 'A cluster was given several partitions in one call')
    for (const { entries } of batches) mustFit(entries)
    let args = 2
    for (const { entries } of batches) {
      args += ARGUMENTS_OF_BATCH + valuesOf(entries)
      if (isPlain(entries)) args += ARGUMENTS_OF_PLAIN + writesOf(entries)
    }
    const partitions = batches.map(({ partition }) => partition)
    const write = (out: CommandBytes): void => {
      out.text(store.waitReplicas).text(this.#ageMax)
      for (const batch of batches) this.#write(out, batch)
    }
    const calling = store.writeMany('write', partitions, { args, write }, anyWritten)
    this.#count(batches, 1)
    const [who, live, ...groups] = await calling.finally(() => this.#count(batches, -1))
    return (groups as Reply[]).map(([kind, text, before, verdicts, missing], index) => {
      const seen = store.seen(partitions[index] as number, who, text)
      switch (String(kind)) {
        case 'fenced':
          return { kind: 'fenced', seen }
        case 'replicas':
          throw store.lacksReplicas(live)
        default:
          return {
            kind: 'written',
            seen,
            before: Number(String(before)) as Position,
            verdicts: String(verdicts),
            missing: String(missing),
          }
      }
    })
  }

  #count(batches: readonly FusedBatch[], times: 1 | -1): void {
    const out = this.#out
    for (const { partition, entries } of batches)
      out[partition] = (out[partition] ?? 0) + times * writesOf(entries)
  }

  /** Values get the versions that they will have if nobody else wrote since the last answer, and nothing is refused. */
  #write(out: CommandBytes, { partition, identity, generation, entries }: FusedBatch): void {
    const last = this.#store.lastSeen(partition)
    const expected = plus(last?.seen.mark?.position ?? ORIGIN, this.#out[partition] ?? 0)
    out.text(identity).text(generation).text(expected).text(entries.length)
    const bare = bareEntries(entries)
    out.bytes(bare).text(valuesOf(entries))
    let version: Version = expected
    for (const { writes } of entries) {
      for (const { value } of writes) {
        version = plus(version, 1)
        if (value !== undefined) out.stored(version, value)
      }
    }
    if (!isPlain(entries)) out.text(0)
    else {
      out
        .text(1)
        .text(last?.epoch ?? '')
        .text(lastStart(bare))
      this.#writePlain(out, this.#store.valuePrefix(partition, last?.epoch ?? ''), entries)
    }
  }

  /** What a script that has nothing to judge hands on as it is. */
  #writePlain(out: CommandBytes, keyPrefix: Buffer, entries: readonly WriteEntry[]): void {
    let knownEnd = Number.POSITIVE_INFINITY
    let room = 0
    for (const entry of entries) {
      knownEnd = Math.min(knownEnd, entry.knownEnd)
      for (const { collection, key } of entry.writes)
        room += LENGTH_BYTES + UTF8_MAX * (collection.length + 1 + key.length)
    }
    out.text(knownEnd)
    const names = Buffer.allocUnsafe(room)
    const ends: number[] = []
    let at = 0
    for (const { writes } of entries) {
      for (const write of writes) {
        const length = names.write(nameOf(write), at + LENGTH_BYTES)
        names.writeUInt16LE(length, at)
        at += LENGTH_BYTES + length
        ends.push(at)
      }
    }
    out.bytes(names.subarray(0, at))
    let from = LENGTH_BYTES
    for (const end of ends) {
      out.joined(keyPrefix, names.subarray(from, end))
      from = end + LENGTH_BYTES
    }
  }
}

/** Where the last of several entries begins; each begins with the length of the rest of it. */
function lastStart(entries: Buffer): number {
  let at = 0
  for (;;) {
    const next = at + 4 + entries.readUInt32LE(at)
    if (next >= entries.byteLength) return at
    at = next
  }
}

/** Unconditional puts, few enough: as long as nobody else has written, there is nothing to judge. */
function isPlain(entries: readonly WriteEntry[]): boolean {
  let bytes = 0
  let count = 0
  for (const { writes } of entries) {
    for (const { value, ifVersion } of writes) {
      if (value === undefined || ifVersion !== undefined) return false
      bytes += value.bytes.byteLength
      count += 1
    }
  }
  return count > 0 && count <= PLAIN_WRITES_MAX && bytes <= PLAIN_BYTES_MAX
}

function writesOf(entries: readonly WriteEntry[]): number {
  let count = 0
  for (const { writes } of entries) count += writes.length
  return count
}

function valuesOf(entries: readonly WriteEntry[]): number {
  let values = 0
  for (const { writes } of entries) for (const { value } of writes) if (value !== undefined) values += 1
  return values
}

function mustFit(entries: readonly WriteEntry[]): void {
  for (const { writes } of entries)
    if (writes.length > FRAME_WRITES_MAX)
      throw new SpillwayError(
        'unavailable',
        `A frame of ${writes.length} writes is above ${FRAME_WRITES_MAX}, the most that Redis takes at once.`,
      )
}

function anyWritten([, , ...groups]: Reply): boolean {
  return (groups as Reply[]).some(([kind]) => String(kind) === 'written')
}

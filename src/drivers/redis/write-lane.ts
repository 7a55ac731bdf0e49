/**
 * Batches of entries as one call of write.lua, in the order in which they are given. What a call costs whoever is in
 * it (the identity, the socket, the fsync) is paid once for all its partitions; of a cluster each is asked by itself.
 */
import { invariant } from '../../errors.ts'
import { EntryWriter } from '../../model/entry-codec.ts'
import type { Position, Version } from '../../model/position.ts'
import { ORIGIN, plus } from '../../model/position.ts'
import type { FrontSeen } from '../../ports/front.ts'
import type { FusedBatch } from '../../ports/fused.ts'
import type { CommandBytes } from './command-bytes.ts'
import { nameOf } from './layout.ts'
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
export const FRAME_WRITES_MAX = 3_000
/** Identity, generation, position, two counts, the entries and whether it is plain; of a plain one four more. */
const ARGUMENTS_OF_BATCH = 7
const ARGUMENTS_OF_PLAIN = 4
/** A plain batch is one block of the stream, and one call of each command: as write.lua bounds them. */
const PLAIN_BYTES_MAX = 256 * 1024
const PLAIN_WRITES_MAX = 1_500
const LENGTH_BYTES = 2
/** Entries without values, and names, of most batches; both grow. */
const SCRATCH_BYTES = 64 * 1024
/** Bytes of one character, at most. */
const UTF8_MAX = 3

/** A batch, and what its arguments are, found out by one look at its writes. */
interface Measured extends FusedBatch {
  readonly writes: number
  readonly values: number
  readonly names: number
  /** Unconditional puts, few enough: as long as nobody else has written, there is nothing to judge. */
  readonly plain: boolean
}

export class WriteLane {
  readonly #store: RedisStore
  readonly #ageMax: number
  /** Writes of each partition that are out. */
  readonly #out: Float64Array
  readonly #entries = new EntryWriter(new ArrayBuffer(SCRATCH_BYTES))
  #names = Buffer.allocUnsafeSlow(SCRATCH_BYTES)

  constructor(store: RedisStore, ageMax: number) {
    this.#store = store
    this.#ageMax = ageMax
    this.#out = new Float64Array(store.partitions)
  }

  async write(batches: readonly FusedBatch[]): Promise<WrittenBatch[]> {
    const store = this.#store
    invariant(!store.cluster || batches.length === 1, 'A cluster was given several partitions in one call')
    const measured = batches.map(measure)
    let args = 2
    for (const { values, plain } of measured)
      args += ARGUMENTS_OF_BATCH + values + (plain ? ARGUMENTS_OF_PLAIN + values : 0)
    const partitions = batches.map(({ partition }) => partition)
    const write = (out: CommandBytes): void => {
      out.text(store.waitReplicas).text(this.#ageMax)
      for (const batch of measured) this.#write(out, batch)
    }
    const calling = store.writeMany('write', partitions, { args, write }, anyWritten)
    this.#count(measured, 1)
    const [who, live, ...groups] = await calling.finally(() => this.#count(measured, -1))
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

  #count(batches: readonly Measured[], times: 1 | -1): void {
    const out = this.#out
    for (const { partition, writes } of batches) out[partition] = (out[partition] ?? 0) + times * writes
  }

  /** Values get the versions that they will have if nobody else wrote since the last answer, and nothing is refused. */
  #write(out: CommandBytes, batch: Measured): void {
    const { partition, identity, generation, entries, values, plain } = batch
    const last = this.#store.lastSeen(partition)
    const expected = plus(last?.seen.mark?.position ?? ORIGIN, this.#out[partition] ?? 0)
    const bare = this.#entries
    bare.rewind()
    let lastEntry = 0
    for (const entry of entries) {
      lastEntry = bare.length
      bare.write(entry, true)
    }
    out.text(identity).text(generation).text(expected).text(entries.length).entries(bare).text(values)
    let version: Version = expected
    for (const { writes } of entries) {
      for (const { value } of writes) {
        version = plus(version, 1)
        if (value !== undefined) out.stored(version, value)
      }
    }
    if (!plain) out.text(0)
    else {
      const epoch = last?.epoch ?? ''
      out.text(1).text(epoch).text(lastEntry)
      this.#writePlain(out, this.#store.valuePrefix(partition, epoch), batch)
    }
  }

  /** What a script that has nothing to judge hands on as it is. */
  #writePlain(out: CommandBytes, keyPrefix: Buffer, batch: Measured): void {
    if (this.#names.byteLength < batch.names) this.#names = Buffer.allocUnsafeSlow(batch.names)
    const names = this.#names
    let knownEnd = Number.POSITIVE_INFINITY
    let at = 0
    for (const entry of batch.entries) {
      knownEnd = Math.min(knownEnd, entry.knownEnd)
      for (const write of entry.writes) {
        const length = names.write(nameOf(write), at + LENGTH_BYTES)
        names.writeUInt16LE(length, at)
        at += LENGTH_BYTES + length
      }
    }
    out.text(knownEnd).bytes(names.subarray(0, at))
    for (let from = 0; from < at;) {
      const end = from + LENGTH_BYTES + names.readUInt16LE(from)
      out.joined(keyPrefix, names, from + LENGTH_BYTES, end)
      from = end
    }
  }
}

function measure(batch: FusedBatch): Measured {
  const { partition, identity, generation, entries } = batch
  let writes = 0
  let values = 0
  let names = 0
  let bytes = 0
  let longest = 0
  let conditional = false
  for (const { writes: each } of entries) {
    longest = Math.max(longest, each.length)
    writes += each.length
    for (const { collection, key, value, ifVersion } of each) {
      names += LENGTH_BYTES + UTF8_MAX * (collection.length + 1 + key.length)
      if (ifVersion !== undefined) conditional = true
      if (value === undefined) continue
      values += 1
      bytes += value.bytes.byteLength
    }
  }
  invariant(longest <= FRAME_WRITES_MAX, `A frame of ${longest} writes is too long for one call`)
  const puts = !conditional && values === writes && writes > 0
  const plain = puts && writes <= PLAIN_WRITES_MAX && bytes <= PLAIN_BYTES_MAX
  return { partition, identity, generation, entries, writes, values, names, plain }
}

function anyWritten([, , ...groups]: Reply): boolean {
  return (groups as Reply[]).some(([kind]) => String(kind) === 'written')
}

/**
 * The truth of a run, worked out from the journal alone by a fold that shares no line with the engine's: what
 * became of every write, what every key went through, and what the counters must say.
 *
 * It is deliberately plain: voids are never forgotten here (whoever forgets them must come to the same verdicts by
 * the rule of age), and every key keeps all of its versions.
 */
import type { StoredEntry, WriteEntry } from '../model/entry.ts'

const GENERATION_SPAN = 2 ** 37

export type Fate = 'applied' | 'refused' | 'void'

export interface WriteFate {
  readonly partition: number
  readonly version: number
  readonly entry: string
  readonly fate: Fate
  /** Of a refusal. */
  readonly code: 'sealed' | 'version-mismatch' | undefined
  readonly collection: string
  readonly key: string
  /** JSON text; undefined deletes. */
  readonly text: string | undefined
}

export interface Truth {
  /** All writes in journal order, partition by partition. */
  readonly writes: readonly WriteFate[]
  /** By `collection\nkey`: the applied writes, oldest first. */
  readonly keys: ReadonlyMap<string, readonly WriteFate[]>
  /** By entry id: what became of it; an id may stand in the journal once only. */
  readonly entries: ReadonlyMap<string, readonly WriteFate[]>
  readonly partitions: readonly PartitionTruth[]
  /** True where refused writes never enter the journal (the fused shape). */
  readonly judgesAtAppend: boolean
}

export interface PartitionTruth {
  readonly end: number
  readonly accepted: number
  readonly refused: number
  readonly voided: number
  readonly control: number
  /** Of the first seal of each collection. */
  readonly seals: ReadonlyMap<string, number>
}

export function truthOf(
  journals: readonly (readonly StoredEntry[])[],
  ageMax: number,
  judgesAtAppend = false,
): Truth {
  const writes: WriteFate[] = []
  const keys = new Map<string, WriteFate[]>()
  const entries = new Map<string, WriteFate[]>()
  const partitions = journals.map((journal, partition) => foldPartition(journal, partition, ageMax, writes))
  for (const write of writes) {
    const ofEntry = entries.get(write.entry)
    if (ofEntry === undefined) entries.set(write.entry, [write])
    else ofEntry.push(write)
    if (write.fate !== 'applied') continue
    const name = `${write.collection}\n${write.key}`
    const ofKey = keys.get(name)
    if (ofKey === undefined) keys.set(name, [write])
    else ofKey.push(write)
  }
  return { writes, keys, entries, partitions, judgesAtAppend }
}

function foldPartition(
  journal: readonly StoredEntry[],
  partition: number,
  ageMax: number,
  writes: WriteFate[],
): PartitionTruth {
  let end = 0
  let voided = 0
  let refused = 0
  let accepted = 0
  let control = 0
  const voids = new Set<string>()
  const seals = new Map<string, number>()
  const versions = new Map<string, number>()
  for (const { entry } of journal) {
    const generation = Math.floor(end / GENERATION_SPAN)
    if (entry.kind === 'opening' && entry.generation > generation) {
      end = entry.generation * GENERATION_SPAN
      continue
    }
    const first = end + 1
    if (entry.kind !== 'write') {
      end = first
      control += 1
      if (entry.kind === 'void') voids.add(entry.target)
      if (entry.kind === 'seal' && !seals.has(entry.collection)) seals.set(entry.collection, first)
      continue
    }
    end += entry.writes.length
    const [fate, code] = judge(entry, first, generation)
    if (fate === 'void') voided += entry.writes.length
    else accepted += entry.writes.length
    if (fate === 'refused') refused += entry.writes.length
    entry.writes.forEach((write, index) => {
      const { collection, key, value } = write
      const text = value === undefined ? undefined : Buffer.from(value.bytes).toString()
      writes.push({ partition, version: first + index, entry: entry.id, fate, code, collection, key, text })
      if (fate === 'applied') versions.set(`${collection}\n${key}`, value === undefined ? 0 : first + index)
    })
  }
  return { end, accepted, refused, voided, control, seals }

  function judge(entry: WriteEntry, first: number, generation: number): [Fate, WriteFate['code']] {
    const stale = Math.floor(entry.knownEnd / GENERATION_SPAN) < generation || first - entry.knownEnd > ageMax
    if (voids.has(entry.id) || stale) return ['void', undefined]
    if (entry.writes.some((write) => seals.has(write.collection))) return ['refused', 'sealed']
    const failed = entry.writes.some(
      ({ collection, key, ifVersion }) =>
        ifVersion !== undefined && (versions.get(`${collection}\n${key}`) ?? 0) !== ifVersion,
    )
    return failed ? ['refused', 'version-mismatch'] : ['applied', undefined]
  }
}

/**
 * Random calls of several processes at one fused front-journal, for fused-twins.ts: what each of them knows, which is
 * often less than what is true, and batches of all kinds; most are plain (unconditional puts), as in a spike.
 */
import type { Random } from '../../src/kit/random.ts'
import type { ControlEntry, RecordRef, Write, WriteEntry } from '../../src/model/entry.ts'
import { ABSENT, ORIGIN, generationOf, plus, position } from '../../src/model/position.ts'
import type { Position, Version } from '../../src/model/position.ts'
import { CODEC } from '../../src/model/value.ts'
import type { Value } from '../../src/model/value.ts'
import type { FusedFront } from '../../src/ports/fused.ts'
import { ref } from './line.ts'

export const SEALABLE = 'exams'
const COLLECTIONS = ['forms', 'forms', 'forms', SEALABLE] as const
const KEYS = ['a', 'b', 'c', 'd', 'e', '__proto__', 'key\0nul', 'né 😀', '\uffff', 'k'.repeat(512)] as const

export const REFS: readonly RecordRef[] = ['forms', SEALABLE].flatMap((collection) =>
  KEYS.map((key) => ref(key, collection)),
)

/** What a process believes of one partition. */
export interface Belief {
  identity: string
  generation: number
  known: Position
}

export interface Process {
  readonly fused: FusedFront
  readonly beliefs: readonly Belief[]
}

interface Spoken {
  readonly process: Process
  readonly partition: number
  readonly identity: string
  readonly generation: number
}

export type Ask =
  | (Spoken & { readonly kind: 'write'; readonly entries: readonly WriteEntry[] })
  | (Spoken & { readonly kind: 'control'; readonly entry: ControlEntry })
  | (Spoken & { readonly kind: 'read'; readonly refs: readonly RecordRef[] })

export interface RoundsOptions {
  readonly random: Random
  readonly ageMax: number
  /** Of the value that is held now, as far as a writer can know; undefined: none is. */
  versionOf(partition: number, ref: RecordRef): Version | undefined
}

export class Rounds {
  readonly #options: RoundsOptions
  #ids = 0
  #values = 0

  constructor(options: RoundsOptions) {
    this.#options = options
  }

  chance(probability: number): boolean {
    return this.#options.random.float() < probability
  }

  integer(below: number): number {
    return this.#options.random.integer(below)
  }

  pick<T>(from: readonly T[]): T {
    return from[this.integer(from.length)] as T
  }

  /** One call of a process; `plain` is how often a batch has nothing to judge. */
  ask(process: Process, partition: number, plain: number, controls: boolean): Ask {
    const { identity, generation } = process.beliefs[partition] as Belief
    const spoken = { process, partition, identity, generation }
    const dice = this.integer(100)
    if (controls && dice < 9) return { ...spoken, kind: 'control', entry: this.#control() }
    if (dice < 18) return { ...spoken, kind: 'read', refs: REFS.filter(() => this.chance(0.4)) }
    const entries = this.chance(plain) ? this.#plain(process, partition) : this.#mixed(process, partition)
    return { ...spoken, kind: 'write', entries }
  }

  /** Void most often names an entry that is to come, or one that is there already. */
  #control(): ControlEntry {
    const id = this.newId()
    const dice = this.integer(20)
    if (dice === 0) return { kind: 'seal', id, collection: SEALABLE }
    if (dice < 12)
      return { kind: 'void', id, target: `entry-${Math.max(0, this.#ids - 1 + this.integer(10))}` }
    return { kind: 'marker', id }
  }

  newId(): string {
    this.#ids += 1
    return `entry-${this.#ids}`
  }

  #plain(process: Process, partition: number): WriteEntry[] {
    const count = 1 + this.integer(this.chance(0.1) ? 60 : 8)
    const large = this.chance(0.02)
    return Array.from({ length: count }, () => {
      const names = this.#names(this.chance(0.1) ? 2 + this.integer(3) : 1)
      return this.#entry(
        process,
        partition,
        names.map((name) => ({ ...name, value: this.#value(large), ifVersion: undefined })),
        0.02,
      )
    })
  }

  #mixed(process: Process, partition: number): WriteEntry[] {
    return Array.from({ length: 1 + this.integer(6) }, () => {
      const names = this.#names(this.chance(0.3) ? 2 + this.integer(3) : 1)
      const writes = names.map((name): Write => {
        const value = this.chance(0.7) ? this.#value(false) : undefined
        return { ...name, value, ifVersion: this.#condition(partition, name) }
      })
      return this.#entry(process, partition, writes, 0.15)
    })
  }

  #entry(process: Process, partition: number, writes: readonly Write[], late: number): WriteEntry {
    const { known } = process.beliefs[partition] as Belief
    let knownEnd = known
    if (this.chance(late)) {
      const { ageMax } = this.#options
      knownEnd = this.chance(0.8)
        ? (Math.max(ORIGIN, known - this.integer(Math.min(ageMax, 10_000) * 2)) as Position)
        : position(Math.max(0, generationOf(known) - 1), this.integer(50))
    }
    return { kind: 'write', id: this.newId(), knownEnd, writes }
  }

  #names(count: number): RecordRef[] {
    const names = new Map<string, RecordRef>()
    while (names.size < count) {
      const one = ref(this.pick(KEYS), this.pick(COLLECTIONS))
      names.set(`${one.collection}\0${one.key}`, one)
    }
    return [...names.values()]
  }

  #condition(partition: number, name: RecordRef): Version | undefined {
    const dice = this.integer(10)
    if (dice < 4) return undefined
    const held = this.#options.versionOf(partition, name) ?? ABSENT
    if (dice < 8) return held
    return dice < 9 ? ABSENT : plus(held, 1)
  }

  /** Bytes that name the write, packed in any way that a value may be. */
  #value(large: boolean): Value {
    this.#values += 1
    const length = large ? 40_000 : this.chance(0.1) ? 1 : 10 + this.integer(600)
    const bytes = Buffer.alloc(length, `"${this.#values} é"`)
    const codec = this.pick([CODEC.plain, CODEC.plain, CODEC.plain, CODEC.gzip, CODEC.zstd])
    return { codec, rawBytes: codec === CODEC.plain ? length : length + this.integer(3), bytes }
  }
}

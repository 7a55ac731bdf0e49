/**
 * A simulated front that several processes share, or that one has for itself: a server with an identity and its
 * partitions, which can lose its memory, go back to an older dump, fail over, and split in two.
 *
 *   split:  some processes talk to the old server, the others to the promoted copy, until the split heals and
 *           the old server is gone, with all that only it had seen
 */
import { AGE_MAX } from '../model/fold.ts'
import type { ApplyRequest, ApplyResult, FoldSnapshot, Front, FrontSeen } from '../ports/front.ts'
import { FrontPartition, sameMark } from './front-partition.ts'
import { frontVerbs } from './front-verbs.ts'
import { Link } from './link.ts'
import type { Weather } from './link.ts'
import { FAIR } from './link.ts'
import type { SimProcess } from './process.ts'
import type { StepBoard } from './step-board.ts'
import type { World } from './world.ts'

/** Dumps that are kept to go back to. */
const DUMPS_MAX = 8

export class FrontServer {
  identity: string
  partitions: FrontPartition[]

  constructor(identity: string, partitions: FrontPartition[]) {
    this.identity = identity
    this.partitions = partitions
  }

  at(partition: number): FrontPartition {
    const found = this.partitions[partition]
    if (found === undefined) throw new Error(`The simulated front has no partition ${partition}`)
    return found
  }

  seen(partition: number): FrontSeen {
    return this.at(partition).seen(this.identity)
  }

  apply(request: ApplyRequest): ApplyResult {
    const at = this.at(request.partition)
    if (request.identity !== this.identity || at.mark === undefined || !sameMark(at.mark, request.from)) {
      return { kind: 'turned-away', seen: at.seen(this.identity) }
    }
    const { verdicts, missing } = at.apply(request)
    const seen = at.seen(this.identity)
    return missing.length === 0
      ? { kind: 'applied', seen, verdicts }
      : { kind: 'needs-fill', seen, verdicts, missing }
  }

  copyPartitions(): FrontPartition[] {
    return this.partitions.map((one) => one.copy())
  }
}

export interface FakeFrontOptions {
  readonly world: World
  readonly board: StepBoard
  readonly partitions: number
  /** False: one process has it for itself, without a wire. */
  readonly shared: boolean
  /** How eagerly landed keys are dropped on release, 0 to 1; default 0.3. */
  readonly releaseEagerness?: number
  readonly ageMax?: number
}

/** Where the processes of a simulation find the front, and what faults do to it. */
export class FakeFront {
  readonly #options: FakeFrontOptions
  readonly #dumps: FrontPartition[][] = []
  readonly #onOldSide = new Set<SimProcess>()
  #server: FrontServer
  #oldServer: FrontServer | undefined
  #identities = 0
  readonly fairWeather: Weather = FAIR
  weather: Weather = FAIR
  /** Of single processes: their way to it is cut off, or bad. */
  readonly weatherOf = new Map<SimProcess, Weather>()
  /** Reservations are turned away while true. */
  full = false

  constructor(options: FakeFrontOptions) {
    this.#options = options
    this.#server = new FrontServer(
      this.#nextIdentity(),
      Array.from({ length: options.partitions }, () => new FrontPartition(options.ageMax ?? AGE_MAX)),
    )
  }

  get server(): FrontServer {
    return this.#server
  }

  get split(): boolean {
    return this.#oldServer !== undefined
  }

  #nextIdentity(): string {
    this.#identities += 1
    return `front-${this.#identities}`
  }

  serverOf(process: SimProcess): FrontServer {
    return this.#oldServer !== undefined && this.#onOldSide.has(process) ? this.#oldServer : this.#server
  }

  /** Keeps a copy that the front may go back to later. */
  dump(): void {
    this.#dumps.push(this.#server.copyPartitions())
    if (this.#dumps.length > DUMPS_MAX) this.#dumps.shift()
  }

  /** Emptied: by a restart without a dump (another identity), or by a flush (the same one). */
  lose(identity: 'same' | 'other'): void {
    const empty = Array.from(
      { length: this.#options.partitions },
      () => new FrontPartition(this.#options.ageMax ?? AGE_MAX),
    )
    this.#replace(identity === 'same' ? this.#server.identity : this.#nextIdentity(), empty)
  }

  /** Back to a dump, as after the promotion of a replica that lagged. */
  goBack(): void {
    const dump = this.#dumps.length === 0 ? undefined : this.#options.world.pick(this.#dumps)
    this.#replace(
      this.#nextIdentity(),
      (dump ?? []).map((one) => one.copy()),
    )
  }

  /** The promotion of a replica that had everything. */
  flip(): void {
    this.#replace(this.#nextIdentity(), this.#server.copyPartitions())
  }

  splitOff(stayBehind: readonly SimProcess[], older: boolean): void {
    if (this.#oldServer !== undefined) return
    const before = this.#server
    if (older) this.goBack()
    else this.flip()
    this.#oldServer = before
    for (const process of stayBehind) this.#onOldSide.add(process)
  }

  healSplit(): void {
    this.#oldServer = undefined
    this.#onOldSide.clear()
  }

  #replace(identity: string, partitions: FrontPartition[]): void {
    while (partitions.length < this.#options.partitions)
      partitions.push(new FrontPartition(this.#options.ageMax ?? AGE_MAX))
    this.#server = new FrontServer(identity, partitions)
  }

  /** The port as one process sees it. */
  connect(process: SimProcess): Front {
    const { world, board, shared } = this.#options
    const eagerness = this.#options.releaseEagerness ?? 0.3
    const link = new Link({
      process,
      store: 'front',
      weather: () => this.weatherOf.get(process) ?? this.weather,
      board,
    })
    // What one process has for itself answers at once: there is nothing between it and its memory.
    const call: Link['call'] = shared ? (verb, step, effect) => link.call(verb, step, effect) : local
    const server = (): FrontServer => this.serverOf(process)
    const reads = frontVerbs({
      world,
      shared,
      eagerness,
      call,
      at: (partition) => server().at(partition),
      identity: () => server().identity,
      full: () => this.full,
    })
    return {
      ...reads,
      start: (partition, fold: FoldSnapshot) =>
        call('start', 'recover', () => {
          server().at(partition).start(fold)
          return server().seen(partition)
        }),
      discard: (partition, identity) =>
        call('discard', 'recover', () => {
          const at = server()
          if (identity === at.identity) at.at(partition).discard()
          return at.seen(partition)
        }),
      apply: (request) => call('apply', 'apply', () => server().apply(request)),
    }
  }
}

function local<T>(_verb: string, _step: string, effect: () => T): Promise<T> {
  try {
    return Promise.resolve(effect())
  } catch (error) {
    return Promise.reject(error as Error)
  }
}

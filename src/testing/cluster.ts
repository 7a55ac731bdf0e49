/**
 * The processes of a run: each opens the engine on the simulated stores, dies, and comes back as a new one.
 */
import { isSpillwayError } from '../errors.ts'
import type { History } from './history.ts'
import { SimProcess } from './process.ts'
import type { Subject } from './subject.ts'
import type { World } from './world.ts'

export class SimNode {
  readonly name: string
  process: SimProcess
  /** Undefined while it is opening or dead. */
  subject: Subject | undefined
  /** Lives: the first is 1. */
  life = 0
  /** Callers in flight learn that nobody will answer. */
  #died: (() => void)[] = []

  constructor(name: string, process: SimProcess) {
    this.name = name
    this.process = process
  }

  onDeath(tell: () => void): void {
    this.#died.push(tell)
  }

  die(): void {
    this.process.kill()
    this.subject = undefined
    const died = this.#died
    this.#died = []
    for (const tell of died) tell()
  }
}

export interface ClusterOptions {
  readonly world: World
  readonly history: History
  readonly nodes: number
  /** Opens the engine for one process; every store it uses is connected through that process. */
  open(process: SimProcess): Promise<Subject>
}

/** A process that cannot open tries again after this long. */
const REOPEN_MS = 200

export class Cluster {
  readonly #options: ClusterOptions
  readonly nodes: SimNode[]
  /** Restarts that failed, for the report of a run that never came up. */
  lastOpenError: unknown

  constructor(options: ClusterOptions) {
    this.#options = options
    this.nodes = Array.from({ length: options.nodes }, (_, at) => {
      const name = `p${at + 1}`
      return new SimNode(name, new SimProcess(options.world, name))
    })
    for (const node of this.nodes) this.#start(node)
  }

  /** Nodes that could take a call. */
  get up(): SimNode[] {
    return this.nodes.filter((node) => node.subject !== undefined)
  }

  crash(node: SimNode, downMs: number): void {
    if (!node.process.alive) return
    node.die()
    this.#options.world.schedule(downMs, () => {
      node.process = new SimProcess(this.#options.world, node.name)
      this.#start(node)
    })
  }

  #start(node: SimNode): void {
    const { world } = this.#options
    const { process } = node
    node.life += 1
    world.note(`${node.name} starts life ${node.life}`)
    const attempt = async (): Promise<void> => {
      try {
        const subject = await this.#options.open(process)
        if (!process.alive) return
        node.subject = subject
        world.note(`${node.name} is open`)
      } catch (error) {
        this.lastOpenError = error
        if (!process.alive) return
        world.note(`${node.name} could not open: ${String(error).slice(0, 200)}`)
        if (isDefect(error)) {
          this.#options.history.bugs.push(`${node.name} could not open: ${String(error)}`)
        }
        process.deliverAfter(REOPEN_MS, () => void attempt())
      }
    }
    process.deliverAfter(0, () => void attempt())
  }
}

/** Outages are the simulation's own doing; a mismatch, a broken invariant or a slip of the code never is. */
function isDefect(error: unknown): boolean {
  if (isSpillwayError(error)) return error.code === 'journal-mismatch' || error.code === 'internal'
  return !(error instanceof Error) || !error.message.includes('(simulated)')
}

/** The reads of a workload: what was asked, and what the front said, down to each version. */
import { isSpillwayError } from '../errors.ts'
import { LOST } from './caller.ts'
import type { Caller } from './caller.ts'
import type { SimNode } from './cluster.ts'
import type { ReadOp } from './history.ts'
import type { WorkloadOptions } from './workload-options.ts'

export class WorkloadReads {
  readonly #options: WorkloadOptions
  readonly #caller: Caller

  constructor(options: WorkloadOptions, caller: Caller) {
    this.#options = options
    this.#caller = caller
  }

  /** A collection's key, with those that share its partition. */
  any(): { collection: string; key: string; group: readonly string[] } {
    const { world, keys } = this.#options
    const { collection, keys: groups } = world.pick(keys)
    const group = world.pick(groups)
    return { collection, key: world.pick(group), group }
  }

  /** Every key of a collection. */
  async all(node: SimNode, number: number, collection: string, known: Map<string, number>): Promise<void> {
    const keys = this.#options.keys
      .filter((one) => one.collection === collection)
      .flatMap((one) => one.keys.flat())
    await this.one(node, number, collection, keys, known, undefined)
  }

  /** One key; `exact` asks for at least the version that the client knows of it. */
  async get(node: SimNode, known: Map<string, number>, number: number, exact: boolean): Promise<void> {
    const { collection, key } = this.any()
    const version = known.get(`${collection}\n${key}`)
    const atLeast = exact && version !== undefined && version > 0 ? version : undefined
    await this.one(node, number, collection, [key], known, atLeast)
  }

  async one(
    node: SimNode,
    number: number,
    collection: string,
    keys: readonly string[],
    known: Map<string, number>,
    atLeast: number | undefined,
  ): Promise<void> {
    const { world, history } = this.#options
    const op: ReadOp = history.add({
      kind: 'read',
      number,
      process: node.name,
      start: world.now,
      end: -1,
      collection,
      keys,
      atLeast,
      outcome: undefined,
      code: undefined,
    })
    const result = await this.#caller.call(node, (subject) => subject.get(collection, keys, atLeast))
    op.end = world.now
    if (!result.ok) {
      op.code = isSpillwayError(result.error) ? result.error.code : undefined
      if (result.error !== LOST) this.#caller.failure(result.error)
      return
    }
    op.outcome = result.value
    op.keys.forEach((key, index) => known.set(`${collection}\n${key}`, op.outcome?.[index]?.version ?? 0))
  }
}

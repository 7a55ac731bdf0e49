/**
 * What the clients of a run do: a few of them, in closed loops, on so few keys that they keep getting in each
 * other's way. Every value names the operation that wrote it, so that every read tells which write it saw.
 */
import { isSpillwayError } from '../errors.ts'
import type { RecordRef } from '../model/entry.ts'
import { Caller, receiptOf } from './caller.ts'
import type { SimNode } from './cluster.ts'
import type { AskedWrite, SettleOp, WriteOp, WriteOutcome } from './history.ts'
import type { SimProcess } from './process.ts'
import type { Receipt } from './subject.ts'
import type { WorkloadOptions } from './workload-options.ts'
import { WorkloadReads } from './workload-reads.ts'

const WATCH_MS = 50
/** Times that a client asks for an outcome; stores that work again answer at the first. */
const SETTLES_MAX = 4

export class Workload {
  readonly #options: WorkloadOptions
  /** The clients live outside: no fault of the simulation touches them. */
  readonly #outside: SimProcess
  readonly #caller: Caller
  readonly #reads: WorkloadReads
  readonly #unsettled: WriteOp[] = []
  #numbers = 0
  #started = 0
  #running = 0
  #settling = 0
  /** What clients wait for now, for the report of a run that hangs. */
  readonly waits = new Map<number, string>()

  constructor(options: WorkloadOptions, outside: SimProcess) {
    this.#options = options
    this.#outside = outside
    this.#caller = new Caller(options.history)
    this.#reads = new WorkloadReads(options, this.#caller)
  }

  start(): void {
    for (let client = 0; client < this.#options.clients; client += 1) {
      this.#running += 1
      void this.#client(client).finally(() => {
        this.#running -= 1
      })
    }
    void this.#watch()
  }

  /** Every record from every process that is up: what they say at the end has to be what the journal says. */
  audit(): void {
    for (const node of this.#options.cluster.up) {
      for (const { collection } of this.#options.keys)
        this.#count(this.#reads.all(node, 0, collection, new Map()))
    }
  }

  /** One put of a hand-made trace; its caller gives up after `patienceMs`, if that is given. */
  async putFrom(
    node: SimNode,
    ref: RecordRef,
    how: { readonly patienceMs?: number; readonly ifVersion?: number } = {},
  ): Promise<void> {
    const { patienceMs, ifVersion } = how
    this.#settling += 1
    const number = (this.#numbers += 1)
    const text = this.#text(number, 0)
    const op = this.#options.history.add(
      newWrite(number, node, this.#options.world.now, [{ ...ref, text, ifVersion }]),
    )
    const signal = patienceMs === undefined ? undefined : this.#caller.impatience(node, patienceMs)
    const result = await this.#caller.call(node, (subject) => subject.write(op.writes, signal))
    op.end = this.#options.world.now
    op.outcome = result.ok ? receiptOf(result.value) : this.#caller.failure(result.error)
    if (op.outcome.kind === 'unknown') this.#unsettled.push(op)
    this.#settling -= 1
  }

  /** One read of a hand-made trace. */
  async readFrom(node: SimNode, ref: RecordRef): Promise<void> {
    this.#settling += 1
    await this.#reads.one(node, 0, ref.collection, [ref.key], new Map(), undefined)
    this.#settling -= 1
  }

  /** Settles what is unknown so far, at this process. */
  async settleFrom(node: SimNode): Promise<void> {
    for (const op of this.#unsettled.splice(0)) await this.#settle(op, node)
  }

  /** All operations were started and have ended; outcomes may still be settled. */
  get idle(): boolean {
    return this.#running === 0
  }

  get finished(): boolean {
    return this.#running === 0 && this.#settling === 0
  }

  /** Asks again for every outcome that was unknown, settled since or not: the answer has to be the same. */
  settleAll(): void {
    for (const op of this.#unsettled.splice(0)) {
      this.#count(this.#settle(op))
    }
  }

  /** What is parked lands, if the database takes it now. */
  retryParked(): void {
    this.#count(this.#retryParked())
  }

  async #client(client: number): Promise<void> {
    const { world, operations, thinkMs } = this.#options
    const known = new Map<string, number>()
    while (this.#started < operations) {
      this.#started += 1
      const node = await this.#node(client)
      const number = (this.#numbers += 1)
      this.waits.set(number, `client ${client} at ${node.name}`)
      try {
        await this.#act(node, known, number)
      } catch (error) {
        this.#options.history.bugs.push(
          `operation ${number} threw ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
        )
      }
      this.waits.delete(number)
      await this.#outside.clock.sleep(world.between(0, thinkMs * 2))
    }
  }

  /** A run has not ended before this has. */
  #count(work: Promise<unknown>): void {
    this.#settling += 1
    void work.finally(() => {
      this.#settling -= 1
    })
  }

  /** Reads everything all the time: a value that does not count is seen while it is there. */
  async #watch(): Promise<void> {
    const { world, keys, operations, cluster } = this.#options
    while (this.#started < operations) {
      const { up } = cluster
      if (up.length > 0)
        this.#count(this.#reads.all(world.pick(up), 0, world.pick(keys).collection, new Map()))
      await this.#outside.clock.sleep(WATCH_MS)
    }
  }

  /** Mostly the client's own process, now and then another. */
  async #node(client: number): Promise<SimNode> {
    const { world, cluster } = this.#options
    for (;;) {
      const own = cluster.nodes[client % cluster.nodes.length] as SimNode
      const { up } = cluster
      if (own.subject !== undefined && !world.chance(0.2)) return own
      if (up.length > 0) return world.pick(up)
      await this.#outside.clock.sleep(20)
    }
  }

  #act(node: SimNode, known: Map<string, number>, number: number): Promise<void> {
    const { world, sealed, operations } = this.#options
    if (sealed !== undefined && this.#started === Math.floor(operations * 0.7))
      return this.#seal(node, sealed)
    const dice = world.random.integer(100)
    if (dice < 20) return this.#put(node, known, number, undefined)
    if (dice < 35) return this.#put(node, known, number, 'condition')
    if (dice < 41) return this.#delete(node, known, number, false)
    if (dice < 46) return this.#delete(node, known, number, true)
    if (dice < 54) return this.#frame(node, known, number)
    if (dice < 58) return this.#many(node, known, number)
    if (dice < 66) return this.#update(node, known, number)
    if (dice < 80) return this.#reads.get(node, known, number, false)
    if (dice < 91) return this.#reads.get(node, known, number, true)
    if (dice < 96) return this.#reads.all(node, number, this.#reads.any().collection, known)
    if (dice < 98) return this.#invalidate(node)
    return this.#parked(node)
  }

  #text(number: number, part: number, mayPoison = true): string {
    const poison = mayPoison && this.#options.world.chance(this.#options.poison)
    return poison ? `{"op":${number},"part":${part},"poison":true}` : `{"op":${number},"part":${part}}`
  }

  #condition(known: Map<string, number>, name: string): number {
    const { world } = this.#options
    const last = known.get(name) ?? 0
    const dice = world.random.integer(10)
    if (dice < 6) return last
    if (dice < 9) return 0
    return Math.max(0, last - world.random.integer(3))
  }

  async #put(
    node: SimNode,
    known: Map<string, number>,
    number: number,
    how: 'condition' | undefined,
  ): Promise<void> {
    const { collection, key } = this.#reads.any()
    const ifVersion = how === undefined ? undefined : this.#condition(known, `${collection}\n${key}`)
    const text = this.#text(number, 0)
    await this.#write(node, known, number, [{ collection, key, text, ifVersion }])
  }

  async #delete(
    node: SimNode,
    known: Map<string, number>,
    number: number,
    conditional: boolean,
  ): Promise<void> {
    const { collection, key } = this.#reads.any()
    const ifVersion = conditional ? this.#condition(known, `${collection}\n${key}`) : undefined
    await this.#write(node, known, number, [{ collection, key, text: undefined, ifVersion }])
  }

  async #frame(node: SimNode, known: Map<string, number>, number: number): Promise<void> {
    const { world } = this.#options
    const { collection, group } = this.#reads.any()
    const conditional = world.chance(0.4)
    const writes = group.slice(0, 2 + world.random.integer(2)).map((key, part): AskedWrite => {
      const text = world.chance(0.85) ? this.#text(number, part) : undefined
      const ifVersion =
        conditional && world.chance(0.5) ? this.#condition(known, `${collection}\n${key}`) : undefined
      return { collection, key, text, ifVersion }
    })
    await this.#write(node, known, number, writes)
  }

  /** Writes of one call that are on their own: each has its own outcome. */
  async #many(node: SimNode, known: Map<string, number>, number: number): Promise<void> {
    const { collection } = this.#reads.any()
    const { history, world } = this.#options
    const asked = this.#options.keys
      .filter((one) => one.collection === collection)
      .flatMap((one) => one.keys.flat())
      .slice(0, 3)
    const ops = asked.map((key, part) => {
      const writes = [{ collection, key, text: this.#text(number, part), ifVersion: undefined }]
      return history.add(newWrite(number, node, world.now, writes))
    })
    await Promise.all(
      ops.map(async (op) => {
        const result = await this.#caller.call(node, (subject) => subject.write(op.writes))
        this.#ended(op, result.ok ? receiptOf(result.value) : this.#caller.failure(result.error), known)
      }),
    )
  }

  async #update(node: SimNode, known: Map<string, number>, number: number): Promise<void> {
    const { history, world } = this.#options
    const { collection, key } = this.#reads.any()
    let tries = 0
    const op: WriteOp = history.add({ ...newWrite(number, node, world.now, []), retried: true })
    const result = await this.#caller.call(node, (subject) =>
      subject.update({ collection, key }, () => {
        const text = this.#text(number, tries)
        tries += 1
        op.writes = [{ collection, key, text, ifVersion: undefined }]
        return text
      }),
    )
    this.#ended(op, result.ok ? receiptOf(result.value) : this.#caller.failure(result.error), known)
  }

  async #write(
    node: SimNode,
    known: Map<string, number>,
    number: number,
    writes: readonly AskedWrite[],
  ): Promise<void> {
    const { history, world } = this.#options
    const op = history.add(newWrite(number, node, world.now, writes))
    const signal = world.chance(0.06) ? this.#caller.impatience(node, world.between(0, 60)) : undefined
    const result = await this.#caller.call(node, (subject) => subject.write(writes, signal))
    this.#ended(op, result.ok ? receiptOf(result.value) : this.#caller.failure(result.error), known)
    if (result.ok && world.chance(0.1)) await this.#landed(node, writes[0] as AskedWrite, result.value)
  }

  async #landed(node: SimNode, write: AskedWrite, receipt: Receipt): Promise<void> {
    const result = await this.#caller.call(node, (subject) =>
      subject.landed(write, receipt.versions[0] as number, 500),
    )
    if (!result.ok && !isSpillwayError(result.error, 'parked')) this.#caller.failure(result.error)
  }

  #ended(op: WriteOp, outcome: WriteOutcome, known: Map<string, number>): void {
    const { world } = this.#options
    op.end = world.now
    op.outcome = outcome
    if (outcome.kind === 'receipt') {
      op.writes.forEach((write, index) => {
        known.set(
          `${write.collection}\n${write.key}`,
          write.text === undefined ? 0 : (outcome.versions[index] as number),
        )
      })
    }
    if (outcome.kind !== 'unknown' || outcome.entry === undefined) return
    this.#unsettled.push(op)
    if (world.chance(0.6)) {
      const pauseMs = world.chance(0.5) ? 0 : world.between(0, 3_000)
      this.#count(this.#outside.clock.sleep(pauseMs).then(() => this.#settle(op)))
    }
  }

  async #settle(of: WriteOp, at?: SimNode): Promise<void> {
    const { world, history } = this.#options
    const { outcome } = of
    if (outcome?.kind !== 'unknown' || outcome.entry === undefined) return
    const entry = outcome.entry
    for (let tries = 0; tries < SETTLES_MAX; tries += 1) {
      const node = at ?? (await this.#node(world.random.integer(100)))
      const op: SettleOp = history.add({
        kind: 'settle',
        number: of.number,
        process: node.name,
        start: world.now,
        end: world.now,
        of,
        outcome: undefined,
      })
      const result = await this.#caller.call(node, (subject) => subject.settle(entry))
      op.end = world.now
      op.outcome = result.ok
        ? receiptOf(result.value)
        : isSpillwayError(result.error, 'void')
          ? { kind: 'void' }
          : this.#caller.failure(result.error)
      const { kind } = op.outcome
      // Sometimes it is asked again, elsewhere: the answer has to be the same.
      if ((kind === 'receipt' || kind === 'void' || kind === 'refused') && world.chance(0.7)) return
      await this.#outside.clock.sleep(world.between(10, 500))
    }
  }

  async #seal(node: SimNode, collection: string): Promise<void> {
    const result = await this.#caller.call(node, (subject) => subject.seal(collection))
    if (!result.ok) this.#caller.failure(result.error)
  }

  async #invalidate(node: SimNode): Promise<void> {
    const { collection, key } = this.#reads.any()
    const result = await this.#caller.call(node, (subject) => subject.invalidate({ collection, key }))
    if (!result.ok) this.#caller.failure(result.error)
  }

  async #parked(node: SimNode): Promise<void> {
    const { world, history } = this.#options
    const listed = await this.#caller.call(node, (subject) => subject.parked())
    if (!listed.ok) {
      this.#caller.failure(listed.error)
      return
    }
    if (listed.value.length === 0) return
    const item = world.pick(listed.value)
    const dice = world.random.integer(3)
    if (dice > 0) history.resolved.add(`${item.collection}\n${item.key}`)
    const result = await this.#caller.call(node, (subject) =>
      dice === 0 ? subject.retry(item) : subject.resolve(item, dice === 1 ? 'delete' : 'table'),
    )
    if (!result.ok && !isSpillwayError(result.error, 'not-found') && !isSpillwayError(result.error, 'parked'))
      this.#caller.failure(result.error)
  }

  async #retryParked(): Promise<void> {
    for (let tries = 0; tries < 50; tries += 1) {
      const node = await this.#node(0)
      const listed = await this.#caller.call(node, (subject) => subject.parked())
      if (listed.ok && listed.value.length === 0) return
      const items = listed.ok ? listed.value : []
      for (const item of items) await this.#caller.call(node, (subject) => subject.retry(item))
      await this.#outside.clock.sleep(50)
    }
  }
}

function newWrite(number: number, node: SimNode, now: number, writes: readonly AskedWrite[]): WriteOp {
  return {
    kind: 'write',
    number,
    process: node.name,
    start: now,
    end: now,
    writes,
    outcome: undefined,
    retried: false,
  }
}

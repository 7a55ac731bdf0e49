/**
 * The real driver and its scripts beside the simulator's fused store: random calls of three processes at once, while
 * scripts are forgotten, connections cut, memory refused, generations raised and a call fails in its middle.
 */
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { afterAll, expect, onTestFinished, test, vi } from 'vitest'
import { openRedisFused } from '../../../src/drivers/redis/fused.ts'
import { systemClock } from '../../../src/kit/clock.ts'
import { seededRandom } from '../../../src/kit/random.ts'
import { ORIGIN } from '../../../src/model/position.ts'
import { FakeFused } from '../../../src/testing/fake-fused.ts'
import { CALM, SimProcess, StepBoard, World } from '../../../src/testing/index.ts'
import { REFS, Rounds } from '../../conformance/fused-rounds.ts'
import type { Ask, Belief, Process } from '../../conformance/fused-rounds.ts'
import { writeBatch } from '../../conformance/fused-under-test.ts'
import { Twins } from '../../conformance/fused-twins.ts'
import type { Met, Raised, Told } from '../../conformance/fused-twins.ts'
import { privateRedis } from '../../servers/private-servers.ts'
import { newNamespace, plainClient } from './redis-store.ts'

// A real server, on machines that may be busy.
vi.setConfig({ testTimeout: 90_000 })

const PARTITIONS = 3
const PROCESSES = 3
const ROUNDS = 60
const SEEDS = seedsOf(process.env.TWINS_SEEDS ?? '1-8')

const redis = await privateRedis({
  appendfsync: 'no',
  maxmemoryPolicy: 'noeviction',
  args: ['--enable-debug-command', 'local'],
})
const admin = plainClient(redis.url)
const plainBatches = countPlain()
afterAll(() => admin.disconnect())

const met: Met = new Map()

test.each(SEEDS)('seed %i: what the real scripts do is what the simulator takes them to do', async (seed) => {
  const run = await Run.begin(seed)
  for (let round = 1; round <= ROUNDS; round += 1) {
    try {
      await run.round()
    } catch (error) {
      throw new Error(`Round ${round} of seed ${seed} (TWINS_SEEDS=${seed}) differs`, { cause: error })
    }
  }
  await run.end()
  expect(run.twins.met.get('applied')).toBeGreaterThan(ROUNDS)
  for (const [name, times] of run.twins.met) met.set(name, (met.get(name) ?? 0) + times)
})

test('these seeds met every verdict, and batches that were handed on unparsed', () => {
  const must = [
    'applied',
    'void',
    'void by name',
    'sealed',
    'version-mismatch',
    'needs-fill',
    'fenced',
    'control',
    'read',
    'fill',
  ]
  for (const name of [...must, 'raise that keeps', 'raise that empties', 'no answer, and done', 'overloaded'])
    expect(met.get(name) ?? 0, name).toBeGreaterThan(0)
  expect(plainBatches()).toBeGreaterThan(20 * SEEDS.length)
})

interface Disturbance {
  /** Beside the calls, the generation of a partition is raised. */
  readonly raise?: boolean
  readonly disturb?: () => Promise<unknown>
  /** Once all calls have ended, before anybody looks. */
  readonly mend?: () => Promise<unknown>
}

class Run {
  readonly twins: Twins
  readonly #namespace: string
  readonly #processes: readonly Process[]
  readonly #fake: FakeFused
  readonly #rounds: Rounds

  static async begin(seed: number): Promise<Run> {
    const random = seededRandom(seed)
    const ageMax = random.integer(2) === 0 ? 200 : 2 ** 20
    const namespace = newNamespace()
    const opened: Awaited<ReturnType<typeof openRedisFused>>[] = []
    const open = async (releaseShare = 0.5): Promise<(typeof opened)[number]> => {
      const options = { url: redis.url, namespace, partitions: PARTITIONS, ageMax, releaseShare }
      opened.push(await openRedisFused({ ...options, clock: systemClock }))
      return opened.at(-1) as (typeof opened)[number]
    }
    const world = new World({ seed, eventsMax: Number.MAX_SAFE_INTEGER })
    const board = new StepBoard(world)
    onTestFinished(async () => {
      for (const one of opened) await one.front.close()
    })
    const fake = new FakeFused({ world, board, partitions: PARTITIONS, ageMax, releaseEagerness: 0 })
    fake.weather = CALM
    const processes: Process[] = []
    for (let n = 0; n < PROCESSES; n += 1) {
      const beliefs = Array.from({ length: PARTITIONS }, (): Belief => ({
        identity: '',
        generation: 0,
        known: ORIGIN,
      }))
      processes.push({ fused: await open(), beliefs })
    }
    const twin = fake.connect(new SimProcess(world, 'twin'))
    const twins = new Twins({ processes, observer: await open(0), twin, fake, world })
    const rounds = new Rounds({
      random,
      ageMax,
      versionOf: (partition, ref) => twins.heldOf(partition, ref)?.version,
    })
    const run = new Run(twins, namespace, processes, fake, rounds)
    await twins.renamed()
    for (let partition = 0; partition < PARTITIONS; partition += 1) await run.#raiseAlone(partition)
    return run
  }

  private constructor(
    twins: Twins,
    namespace: string,
    processes: readonly Process[],
    fake: FakeFused,
    rounds: Rounds,
  ) {
    this.twins = twins
    this.#namespace = namespace
    this.#processes = processes
    this.#fake = fake
    this.#rounds = rounds
  }

  async round(): Promise<void> {
    const rounds = this.#rounds
    const dice = rounds.integer(100)
    if (dice < 4) await this.#rename()
    else if (dice < 12) await this.#quietly()
    else if (dice < 18) await this.#calls({ raise: true })
    else if (dice < 23) await this.#calls({ disturb: () => admin.script('FLUSH') })
    else if (dice < 30) await this.#calls({ disturb: cut })
    else if (dice < 34) await this.#full()
    else if (dice < 38) await this.#failing()
    else await this.#calls({})
    await this.#answering()
    await this.twins.compare()
  }

  /** Everything lands: then nothing counts as a burden any more, and every value may go. */
  async end(): Promise<void> {
    const all = await openRedisFused({
      url: redis.url,
      namespace: this.#namespace,
      partitions: PARTITIONS,
      releaseShare: 0,
      clock: systemClock,
    })
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const { identity } = await all.front.state(partition)
      const seen = await all.front.release(partition, identity, this.twins.end(partition))
      expect(seen.floor).toBe(this.twins.end(partition))
      await all.collect(partition)
    }
    expect(all.front.unlandedBytes()).toBe(0)
    await all.front.close()
    for (const key of await admin.keys(`${this.#namespace}:*:v*:*`))
      expect(await admin.pttl(key), key).toBeGreaterThan(0)
  }

  /** Calls of one or several processes, in one or several steps; overlapping in either case. */
  async #calls({ raise = false, disturb, mend }: Disturbance): Promise<void> {
    const rounds = this.#rounds
    const active = rounds.chance(0.6) ? [rounds.pick(this.#processes)] : this.#processes
    const plain = rounds.chance(0.6) ? 1 : 0.6
    const controls = rounds.chance(0.3)
    const telling: Promise<Told>[] = []
    let raising: Promise<Raised> | undefined
    let disturbing: Promise<unknown> | undefined
    const steps = 1 + rounds.integer(4)
    for (let step = 0; step < steps; step += 1) {
      for (const one of active) {
        const asks: Ask[] = []
        for (let partition = 0; partition < PARTITIONS; partition += 1)
          if (rounds.chance(0.6)) asks.push(rounds.ask(one, partition, plain, controls))
        telling.push(...Twins.tell(asks))
      }
      if (raise && step === 0) raising = this.#raise(rounds.integer(PARTITIONS))
      if (disturb !== undefined && step === 0) {
        if (rounds.chance(0.5)) await turn()
        disturbing = disturb().catch(() => undefined)
      }
      const pause = rounds.integer(3)
      if (pause === 1) await turn()
      if (pause === 2 && telling.length > 0) await Promise.race(telling)
    }
    await disturbing
    const raised = await raising
    const told = await Promise.all(telling)
    await mend?.()
    for (const { said } of told)
      if ('nothing' in said) this.twins.met.set(said.nothing, (this.twins.met.get(said.nothing) ?? 0) + 1)
    await this.twins.replay(told, raised)
    for (const one of told) this.#learn(one)
    if (raised !== undefined)
      for (const one of this.#processes) if (rounds.chance(0.7)) Twins.teach(one, raised)
    await this.#refresh()
  }

  #raise(partition: number): Promise<Raised> {
    const rounds = this.#rounds
    const keep = rounds.chance(0.6)
    return this.twins.raise(rounds.pick(this.#processes), partition, keep, this.twins.fold(partition))
  }

  async #raiseAlone(partition: number): Promise<void> {
    const raised = await this.#raise(partition)
    await this.twins.replay([], raised)
    for (const one of this.#processes) Twins.teach(one, raised)
  }

  #learn({ ask, said }: Told): void {
    if (!('result' in said) || said.result.kind === 'fenced') return
    const belief = ask.process.beliefs[ask.partition] as Belief
    const at = said.result.seen.mark?.position ?? ORIGIN
    if (ask.generation === belief.generation && at > belief.known) belief.known = at
  }

  /** Some of those who believe what is not true any more look again. */
  async #refresh(): Promise<void> {
    for (const one of this.#processes) {
      for (const [partition, belief] of one.beliefs.entries()) {
        const { generation, openedFor } = this.#fake.server.partitions[partition] as {
          generation: number
          openedFor: string
        }
        if (openedFor !== this.#fake.server.identity || belief.generation === generation) continue
        if (!this.#rounds.chance(0.5)) continue
        const seen = await one.fused.front.state(partition).catch(() => undefined)
        if (seen === undefined) continue
        Object.assign(belief, { identity: seen.identity, generation, known: seen.mark?.position ?? ORIGIN })
      }
    }
  }

  /** Single steps, which nothing runs beside. */
  async #quietly(): Promise<void> {
    const rounds = this.#rounds
    const partition = rounds.integer(PARTITIONS)
    const one = rounds.pick(this.#processes)
    const dice = rounds.integer(4)
    if (dice === 0) await this.#raiseAlone(partition)
    else if (dice === 1) await this.twins.land(one, partition, rounds.integer(100))
    else if (dice === 2) await this.twins.invalidate(one, partition, rounds.pick(REFS))
    else {
      const refs = REFS.filter(() => rounds.chance(0.5))
      await this.twins.fill(one, partition, refs, rounds.chance(0.5))
    }
  }

  /** The same server under another name: nobody is let in before the generation is raised. */
  async #rename(): Promise<void> {
    await admin.call('DEBUG', 'CHANGE-REPL-ID')
    this.#fake.failover(false)
    await this.twins.renamed()
    await this.#calls({})
    for (let partition = 0; partition < PARTITIONS; partition += 1) await this.#raiseAlone(partition)
  }

  async #full(): Promise<void> {
    await admin.config('SET', 'maxmemory', 1)
    try {
      await this.#calls({})
    } finally {
      await admin.config('SET', 'maxmemory', 0)
    }
  }

  /** A partition whose stream cannot be appended to: its part of a call fails after others have had effect. */
  async #failing(): Promise<void> {
    const log = `${this.#namespace}:{${this.#rounds.integer(PARTITIONS)}}:log`
    await admin.rename(log, `${log}-away`)
    await admin.set(log, 'not a stream')
    await this.#calls({
      mend: async () => {
        await admin.del(log)
        await admin.rename(`${log}-away`, log)
      },
    })
  }

  async #answering(): Promise<void> {
    for (const { fused } of this.#processes) {
      for (;;) {
        const ready = await Promise.all([fused.front.state(0), writeBatch(fused, 0, 'nobody', 0, [])]).catch(
          () => undefined,
        )
        if (ready !== undefined) break
        await turn()
      }
    }
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/** Of the commands that scripts call: one look at voids and seals, and then nothing but the writes. */
function countPlain(): () => number {
  let plain = 0
  let looked = false
  const socket = connect(redis.port, '127.0.0.1')
  socket.write('MONITOR\r\n')
  createInterface({ input: socket }).on('line', (line) => {
    const [, command, args = ''] = /^\+[\d.]+ \[0 lua\] "(\w+)" (.*)$/.exec(line) ?? []
    if (command === undefined) return
    if (looked && command === 'XADD') plain += 1
    looked = command === 'EXISTS' && args.endsWith(':seals"') && args.includes(':voids"')
  })
  afterAll(() => socket.destroy())
  return () => plain
}

/** Cuts the connections of the driver, all at once. */
async function cut(): Promise<void> {
  const clients = String(await admin.call('CLIENT', 'LIST')).split('\n')
  const ids = clients.flatMap((line) => /^id=(\d+) .* name=spillway-/.exec(line)?.[1] ?? [])
  await Promise.all(ids.map((id) => admin.call('CLIENT', 'KILL', 'ID', id)))
}

function seedsOf(range: string): number[] {
  const [from = 1, to = from] = range.split('-').map(Number)
  return Array.from({ length: to - from + 1 }, (_, n) => from + n)
}

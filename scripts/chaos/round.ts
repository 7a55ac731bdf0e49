/**
 * One round: a profile's servers under load, one fault, and the verdict.
 *
 *   open ─▶ load ─▶ prepare ─▶ landing held ─▶ strike ─▶ heal ─▶ all serve again ─▶ a little more load
 *                                                │                    └▶ drain ─▶ last reads ─▶ stop ─▶ verify
 *                                                └ counts only with writes un-landed and requests in flight
 *
 * From `heal` on nobody does anything: that pending reaches zero is itself part of the verdict.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readNow } from '../../test/scenarios/verdict.ts'
import type { Found, HistoryEvent } from '../../test/scenarios/verdict.ts'
import { cacheFolder } from '../repo.ts'
import { Dice, seedOf } from './dice.ts'
import type { Fault, Promised, Strike } from './fault.ts'
import { judgeRound } from './judge.ts'
import type { Window } from './judge.ts'
import type { ProfileName } from './profiles.ts'
import { Sessions } from './sessions.ts'
import { World } from './world.ts'
import type { WorldOptions } from './world.ts'

const WARM_UP_WRITES = 150
const MORE_LOAD_MS = 800
const UNLANDED_MIN = 5
const WAIT_MS_MAX = 30_000
const HOLD_MS_MAX = 5_000
/** A partition with nothing to land looks every five seconds whether the database has gone back. */
const IDLE_LOOK_MS = 6_500
const POLL_MS = 25
const BREACHES_SHOWN = 12
const TRIES_MAX = 3

export interface RoundOptions {
  readonly fault: Fault
  readonly profile: ProfileName
  readonly seed: number
  readonly round: number
  readonly pauseMs: number
  /** For tests of the verdict. */
  readonly appendfsync?: WorldOptions['appendfsync']
  /** For tests of the verdict: called when everything is landed and before it is judged. */
  tamper?(world: World): Promise<void>
}

export interface RoundResult {
  readonly fault: string
  readonly profile: ProfileName
  readonly promised: Promised
  /** Writes un-landed and requests in flight at the fault; a round without both does not count. */
  readonly unlanded: number
  readonly inFlight: number
  readonly counts: boolean
  readonly breaches: readonly string[]
  readonly lost: number
  readonly reports: number
  readonly acknowledged: number
  readonly reads: number
  readonly unknown: number
  readonly settled: number
  /** From the end of the heal until every process had acknowledged a write again. */
  readonly recoveredMs: number
  readonly tookMs: number
  readonly nodes: string
  /** Where history and logs of a failed round are. */
  readonly kept: string | undefined
}

/** Runs the round again, by other dice, where nothing was un-landed or in flight at the fault; so often at most. */
export async function runUntilItCounts(
  options: Omit<RoundOptions, 'round'>,
  each: (result: RoundResult) => void = () => undefined,
): Promise<RoundResult> {
  for (let round = 0; ; round += 1) {
    const result = await runRound({ ...options, round })
    each(result)
    if (result.counts || result.breaches.length > 0 || round === TRIES_MAX - 1) return result
  }
}

export async function runRound(options: RoundOptions): Promise<RoundResult> {
  const { fault, profile } = options
  const promised = fault.promised[profile]
  if (promised === undefined) throw new Error(`Profile ${profile} does not have the fault ${fault.name}`)
  const began = performance.now()
  const dice = new Dice(seedOf(options.seed, fault.name, profile, options.round))
  const world = await World.open(profile, dice, {
    needsReplica: fault.needsReplica ?? false,
    ...(fault.runtime === undefined ? {} : { runtime: fault.runtime }),
    ...(options.appendfsync === undefined ? {} : { appendfsync: options.appendfsync }),
  })
  const clients = new Sessions(world.targets, dice)
  const course: Course = { unlanded: 0, inFlight: 0, recoveredMs: 0, finalReads: [], breaches: [] }
  try {
    try {
      await runCourse(options, world, clients, dice, course)
    } catch (error) {
      course.breaches.push(
        `the round did not come to its end: ${error instanceof Error ? error.message : String(error)}`,
      )
    }
    const reports = world.nodes.reduce((count, node) => count + reportsIn(node.log()), 0)
    const judged = judgeRound({
      events: clients.events,
      finalReads: course.finalReads,
      rows: course.rows ?? new Map(),
      window: promised === 'bounded' ? course.window : undefined,
      unreplicatedReads: profile === 'redis+wait' ? course.window : undefined,
      reports,
    })
    const breaches = [...course.breaches, ...judged.breaches, ...alarms(world, clients, fault)]
    return {
      fault: fault.name,
      profile,
      promised,
      unlanded: course.unlanded,
      inFlight: course.inFlight,
      counts: course.unlanded > 0 && course.inFlight > 0,
      breaches,
      lost: judged.lost,
      reports,
      acknowledged: judged.acknowledged,
      reads: judged.reads,
      unknown: clients.events.filter(({ outcome }) => outcome === 'unknown').length,
      settled: clients.settled,
      recoveredMs: course.recoveredMs,
      tookMs: performance.now() - began,
      nodes: world.nodes.map(({ name, runtime }) => `${name}/${runtime}`).join(' '),
      kept: breaches.length === 0 ? undefined : keep(options, world, clients, course, breaches),
    }
  } finally {
    await world.close()
  }
}

/** What a round has come to so far. */
interface Course {
  unlanded: number
  inFlight: number
  recoveredMs: number
  window?: Window
  rows?: ReadonlyMap<string, Found>
  finalReads: HistoryEvent[][]
  readonly breaches: string[]
}

async function runCourse(
  { fault, pauseMs, round, tamper }: RoundOptions,
  world: World,
  clients: Sessions,
  dice: Dice,
  course: Course,
): Promise<void> {
  const load = clients.run()
  try {
    await until('the load runs', () => clients.acknowledged >= WARM_UP_WRITES)
    let held: { readonly landed: Window['landed']; release(): Promise<void> } | undefined
    const holdLanding = async (): Promise<void> => {
      if (held !== undefined) return
      const { release } = await world.holdLanding()
      await until('writes are un-landed', async () => (await unlandedIn(world)) >= UNLANDED_MIN, HOLD_MS_MAX)
      course.unlanded = await unlandedIn(world)
      held = { landed: await world.rows(), release }
    }
    const strike: Strike = {
      world,
      clients,
      dice,
      pauseMs,
      survivesUpTo: undefined,
      wrongSide: [],
      aofBytesKept: 0,
      paused: undefined,
      holdLanding,
      releaseLanding: async () => held?.release(),
    }
    await fault.prepare?.(strike)
    await holdLanding()
    await until('requests are in flight', () => clients.inFlight > 0)
    course.inFlight = clients.inFlight
    const at = clients.mark()
    await fault.strike(strike)
    await strike.releaseLanding()
    await fault.heal?.(strike)
    const healed = performance.now()
    let probes = 0
    await until('every process takes writes again', () => clients.probe(`${round}-${++probes}`))
    course.recoveredMs = performance.now() - healed
    course.window = {
      from: strike.survivesUpTo ?? 0,
      fault: at,
      until: clients.mark(),
      landed: held?.landed ?? new Map(),
      wrongSide: strike.wrongSide,
    }
    await sleep(MORE_LOAD_MS)
  } finally {
    load.stop()
    await load.done
  }
  if (fault.databaseGoesBack === true) await sleep(IDLE_LOOK_MS)
  await until('pending is zero in every process', async () => {
    const all = await world.statuses()
    return all.every((status) => status?.totals.pending === 0 && status.totals.parked === 0)
  })
  await tamper?.(world)
  for (const { name, url } of world.targets) {
    const reads = await readNow(url ?? '', clients.events)
    course.finalReads.push(reads.map((read) => ({ ...read, via: name })))
  }
  course.rows = await world.rows()
  const ends = await Promise.all(world.nodes.map(async (node) => ({ node, ended: await node.stop() })))
  for (const { node, ended } of ends)
    if (ended?.code !== 0) course.breaches.push(`${node.name} stopped with ${JSON.stringify(ended)}`)
  const verified = await world.verify()
  if (verified.code !== 0)
    course.breaches.push(`verify: exit ${verified.code}: ${(verified.out || verified.err).slice(0, 600)}`)
  else {
    const { ledger } = JSON.parse(verified.out) as { ledger: { partition: number; pending: number }[] }
    for (const { partition, pending } of ledger)
      if (pending > 0)
        course.breaches.push(`verify: partition ${partition} has ${pending} pending, and status said none`)
  }
}

/** What is accepted and in no table yet, as the processes say that land. */
async function unlandedIn(world: World): Promise<number> {
  const statuses = await world.statuses()
  return Math.max(0, ...statuses.map((status) => status?.totals.pending ?? 0))
}

async function until(what: string, check: () => Promise<boolean> | boolean, ms = WAIT_MS_MAX): Promise<void> {
  const deadline = performance.now() + ms
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`Never came: ${what}`)
    await sleep(POLL_MS)
  }
}

/** Lines of a log that say that acknowledged writes are lost. */
function reportsIn(log: ReturnType<World['nodes'][number]['log']>): number {
  return log.filter(({ event, detail }) => event === 'generation-raised' && detail?.includes('lost') === true)
    .length
}

/** What a history cannot show: answers nobody should see, and alarms of the servers. */
function alarms(world: World, clients: Sessions, fault: Fault): string[] {
  const found = clients.surprises.map((surprise) => `an answer that should not be: ${surprise}`)
  for (const node of world.nodes) {
    for (const { event, detail } of node.errors())
      found.push(`${node.name} logged an error: ${event ?? ''} ${detail ?? ''}`)
  }
  const unanswered = clients.answers.get('no answer') ?? 0
  if (fault.gentle === true && unanswered > 0) found.push(`${unanswered} requests got no answer`)
  return [...new Set(found)]
}

function keep(
  { fault, profile, seed, round }: RoundOptions,
  world: World,
  clients: Sessions,
  course: Course,
  breaches: readonly string[],
): string {
  const name = `${fault.name}-${profile}-${seed}-${round}`.replace(/[^a-z0-9-]+/g, '-')
  const folder = join(cacheFolder, 'chaos', name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const lines = (events: readonly object[]): string =>
    events.map((event) => `${JSON.stringify(event)}\n`).join('')
  writeFileSync(join(folder, 'history.jsonl'), lines(clients.events))
  writeFileSync(join(folder, 'final-reads.jsonl'), lines(course.finalReads.flat()))
  writeFileSync(
    join(folder, 'round.json'),
    JSON.stringify(
      {
        breaches: breaches.slice(0, BREACHES_SHOWN),
        window: course.window,
        answers: [...clients.answers],
        rows: [...(course.rows ?? [])],
      },
      (_, value: unknown) => (value instanceof Map ? [...value] : value),
      2,
    ),
  )
  for (const node of world.nodes) writeFileSync(join(folder, `${node.name}.log`), node.said())
  return folder
}

/**
 * One round: a profile's servers under load, one fault, and the verdict.
 *
 *   open ─▶ load ─▶ prepare ─▶ landing held ─▶ strike ─▶ heal ─▶ all serve again ─▶ a little more load
 *                                                │                    └▶ drain ─▶ last reads ─▶ stop ─▶ verify
 *                                                └ counts only with writes un-landed and requests in flight
 *
 * From `heal` on nobody does anything: that pending reaches zero is itself part of the verdict.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { readNow } from '../../test/scenarios/verdict.ts'
import type { Course, Phase, RoundOptions, RoundResult } from './course.ts'
import { Dice, seedOf } from './dice.ts'
import type { Fault, Promised, Strike } from './fault.ts'
import { judgeRound, reportedIn, unlandedOf } from './judge.ts'
import type { ReportedLoss, Window } from './judge.ts'
import { folderOf, keptIn } from './kept-round.ts'
import { Sessions } from './sessions.ts'
import { World } from './world.ts'

const WARM_UP_WRITES = 150
const MORE_LOAD_MS = 800
const UNLANDED_MIN = 5
const WAIT_MS_MAX = 30_000
const HOLD_MS_MAX = 5_000
/** A partition with nothing to land looks every five seconds whether the database has gone back. */
const IDLE_LOOK_MS = 6_500
const POLL_MS = 25
const TRIES_MAX = 3

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
  const world = await opened(options, dice)
  if (world instanceof Error) return neverBegun(options, promised, world, performance.now() - began)
  const clients = new Sessions(world.targets, dice)
  const course: Course = {
    unlanded: 0,
    inFlight: 0,
    recoveredMs: 0,
    finalReads: [],
    breaches: [],
    phases: [{ name: 'servers', ms: performance.now() - began }],
  }
  try {
    try {
      await unlessGivenUp(runCourse(options, world, clients, dice, course), options.signal)
    } catch (error) {
      options.signal?.throwIfAborted()
      course.breaches.push(
        `the round did not come to its end: ${error instanceof Error ? error.message : String(error)}`,
      )
    }
    const reports = world.nodes.flatMap((node) => lossesIn(node.log()))
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
      reports: reports.length,
      acknowledged: judged.acknowledged,
      reads: judged.reads,
      unknown: clients.events.filter(({ outcome }) => outcome === 'unknown').length,
      settled: clients.settled,
      recoveredMs: course.recoveredMs,
      tookMs: performance.now() - began,
      phases: course.phases,
      nodes: world.nodes.map(({ name, runtime }) => `${name}/${runtime}`).join(' '),
      kept:
        breaches.length === 0 && options.keep !== true
          ? undefined
          : keptIn(folderOf(options), { world, clients, course, breaches }),
    }
  } finally {
    await world.close()
  }
}

/** An error: what kept the servers from starting. */
async function opened({ fault, profile, ...options }: RoundOptions, dice: Dice): Promise<World | Error> {
  try {
    return await World.open(profile, dice, {
      ...options,
      needsReplica: fault.needsReplica ?? false,
      needsRival: fault.needsRival ?? false,
    })
  } catch (error) {
    options.signal?.throwIfAborted()
    return error instanceof Error ? error : new Error(String(error))
  }
}

function neverBegun(
  { fault, profile }: RoundOptions,
  promised: Promised,
  error: Error,
  tookMs: number,
): RoundResult {
  const nothing = {
    unlanded: 0,
    inFlight: 0,
    lost: 0,
    reports: 0,
    acknowledged: 0,
    reads: 0,
    unknown: 0,
    settled: 0,
  }
  return {
    ...nothing,
    fault: fault.name,
    profile,
    promised,
    counts: false,
    breaches: [`the round did not begin: ${error.message}`],
    recoveredMs: 0,
    tookMs,
    phases: [],
    nodes: '',
    kept: undefined,
  }
}

/** What goes on after it was given up meets closed servers, which is nobody's business any more. */
async function unlessGivenUp(course: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return course
  course.catch(() => undefined)
  const { promise, reject } = Promise.withResolvers<never>()
  const giveUp = (): void => reject(signal.reason as Error)
  signal.addEventListener('abort', giveUp)
  if (signal.aborted) giveUp()
  try {
    await Promise.race([course, promise])
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}

async function runCourse(
  { fault, pauseMs, round, waitMs = WAIT_MS_MAX, tamper }: RoundOptions,
  world: World,
  clients: Sessions,
  dice: Dice,
  course: Course,
): Promise<void> {
  let since = performance.now()
  const ends = (name: Phase['name']): void => {
    course.phases.push({ name, ms: performance.now() - since })
    since = performance.now()
  }
  const load = clients.run()
  try {
    await until('the load runs', () => clients.acknowledged >= WARM_UP_WRITES, waitMs)
    let held: { readonly landed: Window['landed']; release(): Promise<void> } | undefined
    const holdLanding = async (): Promise<void> => {
      if (held !== undefined) return
      const { release } = await world.holdLanding()
      await until('writes are un-landed', async () => (await unlandedIn(world)) >= UNLANDED_MIN, HOLD_MS_MAX)
      const landed = await world.rows()
      course.unlanded = unlandedOf(clients.events, landed)
      held = { landed, release }
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
    await until('requests are in flight', () => clients.inFlight > 0, waitMs)
    course.inFlight = clients.inFlight
    ends('load')
    const at = clients.mark()
    await fault.strike(strike)
    await strike.releaseLanding()
    await fault.heal?.(strike)
    ends('fault')
    const healed = performance.now()
    let probes = 0
    await until('every process takes writes again', () => clients.probe(`${round}-${++probes}`), waitMs)
    course.recoveredMs = performance.now() - healed
    course.window = {
      from: strike.survivesUpTo ?? 0,
      fault: at,
      until: clients.mark(),
      landed: held?.landed ?? new Map(),
      wrongSide: strike.wrongSide,
    }
    await sleep(MORE_LOAD_MS)
    ends('again')
  } finally {
    load.stop()
    await load.done
  }
  if (fault.databaseGoesBack === true) await sleep(IDLE_LOOK_MS)
  const landed = async (): Promise<boolean> => {
    const all = await world.statuses()
    return all.every((status) => status?.totals.pending === 0 && status.totals.parked === 0)
  }
  await until('pending is zero in every process', landed, waitMs)
  ends('drain')
  await tamper?.(world)
  for (const { name, url } of world.targets) {
    const reads = await readNow(url ?? '', clients.events)
    course.finalReads.push(reads.map((read) => ({ ...read, via: name })))
  }
  course.rows = await world.rows()
  const stopped = await Promise.all(world.nodes.map(async (node) => ({ node, ended: await node.stop() })))
  for (const { node, ended } of stopped)
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
  ends('verdict')
}

/** What is accepted and in no table yet, as the processes say that land. */
async function unlandedIn(world: World): Promise<number> {
  const statuses = await world.statuses()
  return Math.max(0, ...statuses.map((status) => status?.totals.pending ?? 0))
}

async function until(what: string, check: () => Promise<boolean> | boolean, ms: number): Promise<void> {
  const deadline = performance.now() + ms
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`Never came: ${what}`)
    await sleep(POLL_MS)
  }
}

function lossesIn(log: ReturnType<World['nodes'][number]['log']>): ReportedLoss[] {
  return log.flatMap(({ event, detail = '' }) => (event === 'generation-raised' ? reportedIn(detail) : []))
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

/** Puts together the parts for a fused front-journal, and finds out who answers and for which generation. */
import { withDeadline } from '../kit/clock.ts'
import { BackgroundLoop } from '../kit/lifecycle.ts'
import { SpillwayError, isSpillwayError } from '../errors.ts'
import { countOf, generationOf } from '../model/position.ts'
import type { Position } from '../model/position.ts'
import type { FusedFront } from '../ports/fused.ts'
import type { FrontSeen } from '../ports/front.ts'
import { lastFailure } from './asked.ts'
import type { EngineContext } from './context.ts'
import { FollowPace } from './follow-pace.ts'
import type { Acknowledged } from './fused-loss.ts'
import { lossSince } from './fused-loss.ts'
import { Outage } from './outage.ts'
import { OwnedStream } from './owned-stream.ts'
import { FusedPartitionRuntime } from './partition-fused.ts'
import { raiseGeneration } from './recover-fused.ts'
import type { Raised } from './recover-fused.ts'
import { Settler } from './settle.ts'
import type { Shape } from './shape.ts'
import { FusedWriter } from './write-fused.ts'

export interface FusedShapeOptions {
  readonly context: EngineContext
  readonly fused: FusedFront
  /** Takes over a store that holds the stream of another tier. */
  readonly acceptLoss: boolean
  readonly lands: boolean
  hasHistory(collection: string): boolean
}

const RECOVER_ATTEMPTS_MAX = 8

export async function openFusedShape(options: FusedShapeOptions): Promise<Shape> {
  const { context, fused, lands, hasHistory } = options
  const pace = new FollowPace({ clock: context.clock, ...context.settings })
  const stream = new OwnedStream(context, fused, options.acceptLoss)
  let recovering: Promise<void> | undefined
  const recover = (): Promise<void> => {
    recovering ??= recoverAll(context, fused, stream, partitions).finally(() => {
      recovering = undefined
    })
    return recovering
  }
  const partitions: FusedPartitionRuntime[] = []
  const raised = await adoptable(context, fused, stream, () => [])
  stream.opened()
  const rows = await context.database.partitions()
  for (const row of rows) {
    partitions.push(
      new FusedPartitionRuntime({
        context,
        partition: row.partition,
        fused,
        journal: stream.journal,
        row,
        lands,
        hasHistory,
        recover,
        onMoved: () => pace.hurry(),
      }),
    )
  }
  adopt(partitions, raised)
  const writes: FusedWriter = new FusedWriter({ context, fused, partitions, settler: () => settler, recover })
  const settler: Settler = new Settler({
    context,
    journal: stream.journal,
    front: fused.front,
    writes,
    judged: true,
    sealedAt: () => undefined,
    reach: (partition, position) =>
      withDeadline(context.clock, context.settings.visibleWaitMs, (signal) =>
        (partitions[partition] as FusedPartitionRuntime).reached(position, signal),
      ),
  })
  let lookedAt = context.clock.monotonic()
  const outage = new Outage({ report: context.report, store: 'front and journal' })
  const follow = new BackgroundLoop({
    name: 'following the stream',
    clock: context.clock,
    random: context.random,
    run: async (signal) => {
      await outage.watch(async () => {
        await Promise.all(partitions.map((one) => one.follow()))
        // A store that changed while nobody read or wrote is recovered all the same, or landing would wait for ever.
        if (partitions.some((one) => !one.gate.open)) await recover()
      })
      for (const one of partitions) if (one.end > one.landed.position) one.lander.wake()
      if (context.clock.monotonic() - lookedAt >= context.settings.idleLookMs) {
        lookedAt = context.clock.monotonic()
        const rows = await context.database.partitions()
        // A database that went back may have lost the very raise: its generation has to be issued again.
        const moved = rows.some((row) => row.generation !== partitions[row.partition]?.generation)
        const used = partitions.some((one) => isUsed(context, one.end))
        if (moved || used) {
          for (const one of partitions) one.distrust()
          return
        }
      }
      await pace.pause(signal)
    },
  })
  return {
    front: fused.front,
    journal: stream.journal,
    partitions,
    writes,
    settler,
    judged: true,
    frameWritesMax: fused.frameWritesMax,
    get generation() {
      return Math.max(...partitions.map((one) => one.generation))
    },
    // An empty batch is judged like a full one (identity, generation, memory, replicas), and leaves nothing behind
    // that would have to land.
    probe: async () => {
      const [one] = partitions as [FusedPartitionRuntime]
      const { partition, identity, generation } = one
      const [result] = await fused.write([{ partition, identity, generation, entries: [] }])
      if (result?.kind === 'fenced') await recover()
    },
    start: () => {
      follow.start()
      if (lands) for (const one of partitions) one.lander.start()
    },
    stop: async () => {
      await follow.stop()
      await Promise.all(partitions.map((one) => one.stop()))
    },
    close: () => fused.front.close(),
  }
}

async function recoverAll(
  context: EngineContext,
  fused: FusedFront,
  stream: OwnedStream,
  partitions: readonly FusedPartitionRuntime[],
): Promise<void> {
  const had = () => partitions.map((one) => one.acknowledged)
  const before = Math.max(0, ...partitions.map((one) => one.generation))
  const raised = await adoptable(context, fused, stream, had)
  if (!raised.here && raised.generation > before) {
    const lost = await lossSince(context, fused, had(), raised.generation).catch(() => [
      'what it lost could not be read: the store does not answer',
    ])
    const detail = [`generation ${raised.generation}, by another process`, ...lost].join('; ')
    if (lost.length > 0) context.report({ name: 'generation-raised', detail })
  }
  adopt(partitions, raised)
}

/** The generation to speak for: the database's, if every partition of what answers takes it; else one raised now. */
async function adoptable(
  context: EngineContext,
  fused: FusedFront,
  stream: OwnedStream,
  acknowledged: () => readonly Acknowledged[],
): Promise<Raised> {
  let failure: unknown
  for (let attempt = 1; attempt <= RECOVER_ATTEMPTS_MAX; attempt += 1) {
    try {
      await stream.claim()
      const rows = await context.database.partitions()
      const generation = Math.max(0, ...rows.map((row) => row.generation))
      const looks = rows.length === fused.partitions && !stream.foreign
      const seen = looks ? await takes(context, fused, generation) : undefined
      if (seen !== undefined) return { generation, seen, here: false }
      return await raiseGeneration(context, fused, stream, acknowledged)
    } catch (error) {
      if (isSpillwayError(error, 'journal-mismatch')) throw error
      failure = error
      await context.clock.sleep(context.settings.retryBaseMs * attempt)
    }
  }
  throw new SpillwayError(
    'recovering',
    `The store changed and could not be recovered yet; nothing has happened, retry. ${lastFailure(failure)}`,
    { cause: failure },
  )
}

/** Its positions would run out: the next generation begins in good time, and nothing of it is lost. */
function isUsed(context: EngineContext, end: Position): boolean {
  return countOf(end) > context.settings.countMax / 2
}

/** What every partition answered to an empty write, a pure comparison of identity and generation; undefined: fenced. */
async function takes(
  context: EngineContext,
  fused: FusedFront,
  generation: number,
): Promise<readonly FrontSeen[] | undefined> {
  const results = await Promise.all(
    Array.from({ length: fused.partitions }, async (_, partition) => {
      const { identity, mark } = await fused.front.state(partition)
      if (mark === undefined || generationOf(mark.position) !== generation) return undefined
      if (isUsed(context, mark.position)) return undefined
      const [result] = await fused.write([{ partition, identity, generation, entries: [] }])
      return result?.kind === 'written' ? result.seen : undefined
    }),
  )
  const seen = results.filter((one) => one !== undefined)
  return seen.length === fused.partitions ? seen : undefined
}

/** Only the very answer that was compared is believed: whoever answers the next call may be another store. */
function adopt(partitions: readonly FusedPartitionRuntime[], { generation, seen }: Raised): void {
  for (const [partition, one] of partitions.entries()) one.adopt(seen[partition] as FrontSeen, generation)
}

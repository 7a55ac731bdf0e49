/** Puts together the parts for a front beside a separate journal, and opens the generation where that is due. */
import { withDeadline } from '../kit/clock.ts'
import { SpillwayError } from '../errors.ts'
import type { ControlEntry, EntryId, PlacedEntry } from '../model/entry.ts'
import { generationOf } from '../model/position.ts'
import type { Front } from '../ports/front.ts'
import type { Journal } from '../ports/journal.ts'
import { untilStoresAnswer } from './asked.ts'
import { appendLane } from './append-lane.ts'
import type { EngineContext } from './context.ts'
import { SeparatePartitionRuntime } from './partition.ts'
import type { Recovered } from './recover.ts'
import { recoverPositions } from './recover.ts'
import { Settler } from './settle.ts'
import type { Shape } from './shape.ts'
import { SeparateWriter } from './write-separate.ts'

export interface SeparateShapeOptions {
  readonly context: EngineContext
  readonly front: Front
  readonly journal: Journal
  readonly acceptLoss: boolean
  readonly lands: boolean
  hasHistory(collection: string): boolean
}

export async function openSeparateShape(options: SeparateShapeOptions): Promise<Shape> {
  const { context, front, journal, lands } = options
  const recovered = await untilStoresAnswer(context, () =>
    recoverPositions(context, journal, journal.partitions, options.acceptLoss),
  )
  const identities = await Promise.all(
    recovered.rows.map((row) => journal.info(row.partition).then((info) => info.identity)),
  )
  const partitions: SeparatePartitionRuntime[] = recovered.rows.map(
    (row, partition) =>
      new SeparatePartitionRuntime({
        context,
        partition,
        identity: identities[partition] as string,
        row,
        front,
        journal,
        lands,
        hasHistory: options.hasHistory,
        marker: () => control(partition, (id) => ({ kind: 'marker', id })),
      }),
  )
  const lanes = Array.from({ length: journal.lanes }, (_, lane) =>
    appendLane({ context, journal, lane, partitions }),
  )
  const writes: SeparateWriter = new SeparateWriter({
    context,
    partitions,
    lanes,
    laneOf: (partition) => lanes[journal.laneOf(partition)] as (typeof lanes)[number],
    settler: () => settler,
  })
  const settler: Settler = new Settler({
    context,
    journal,
    front,
    writes,
    judged: false,
    sealedAt: (partition, collection) => partitions[partition]?.sealedAt(collection),
    reach: (partition, position) =>
      withDeadline(context.clock, context.settings.visibleWaitMs, (signal) =>
        (partitions[partition] as SeparatePartitionRuntime).reached(position, signal),
      ),
  })
  function control(partition: number, make: (id: EntryId) => ControlEntry): Promise<PlacedEntry> {
    return writes.control(partition, make)
  }

  try {
    await begin(context, partitions, writes, recovered)
  } catch (error) {
    writes.close()
    await Promise.all(partitions.map((one) => one.stop()))
    throw error
  }
  return {
    front,
    journal,
    partitions,
    writes,
    settler,
    judged: false,
    frameWritesMax: undefined,
    get generation() {
      return partitions.reduce((max, one) => Math.max(max, generationOf(one.end)), recovered.generation)
    },
    // A marker is a real append: nothing less shows that a write would be durable.
    probe: async () => {
      await writes.control(0, (id) => ({ kind: 'marker', id }))
    },
    start: () => {
      for (const partition of partitions) partition.start()
    },
    stop: async () => {
      await Promise.all(partitions.map((partition) => partition.stop()))
    },
    close: async () => {
      await front.close()
      await journal.close()
    },
  }
}

/** Every partition is read to its end and its generation opened; then the front is brought there and the gate proven. */
async function begin(
  context: EngineContext,
  partitions: readonly SeparatePartitionRuntime[],
  writes: SeparateWriter,
  recovered: Recovered,
): Promise<void> {
  await Promise.all(
    partitions.map(async (one, partition) => {
      await one.tail.read()
      if (generationOf(one.end) < recovered.generation) {
        await writes.control(partition, (id) => ({ kind: 'opening', id, generation: recovered.generation }))
      }
    }),
  )
  const late = (): SpillwayError =>
    new SpillwayError(
      'catching-up',
      'The front did not reach the end of the journal within recoverTimeoutMs; try again.',
    )
  await withDeadline(
    context.clock,
    context.settings.recoverTimeoutMs,
    async (signal) => {
      await Promise.all(partitions.map((one) => one.catchUp(signal)))
      await Promise.all(partitions.map((one) => one.confirm()))
    },
    late,
  )
}

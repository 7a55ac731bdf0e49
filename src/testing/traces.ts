/**
 * Hand-made traces: orders of events so rare that random search may need tens of thousands of runs to meet them,
 * written down once. They run in the same world as the random runs and are judged by the same checkers.
 */
import { CALM, CUT } from './link.ts'
import type { Weather } from './link.ts'
import type { SimNode } from './cluster.ts'
import { planSettings } from './open-simulated.ts'
import { SimProcess } from './process.ts'
import { Run } from './run.ts'
import type { SimResult } from './run.ts'
import { Workload } from './workload.ts'
import { World } from './world.ts'

interface Trace {
  /** Positions that are kept in the journal behind what has landed. */
  readonly trimMargin: number
  readonly script: (scene: Scene) => Promise<void>
}

const RECORD = { collection: 'plain', key: 'p0k0' }
const OTHER = { collection: 'plain', key: 'p0k1' }
const RUN_MS = 60_000
const FAR: Weather = { ...CALM, latencyMs: [400, 400.001] }

/** A stage on which a script moves three processes by hand: one partition, calm weather, everything one at a time. */
class Scene {
  readonly run: Run
  readonly workload: Workload
  readonly outside: SimProcess

  constructor(trimMargin: number) {
    const { settings, ...plan } = planSettings(new World({ seed: 1 }))
    this.run = new Run({
      seed: 1,
      shape: 'separate',
      plan: {
        ...plan,
        partitions: 1,
        ageMax: 24,
        releaseEagerness: 1,
        settings: {
          ...settings,
          ageMax: 24,
          trimMargin,
          releaseMargin: 0,
          applyEntriesMax: 1,
          landRowsMax: 100,
          appendEntriesMax: 1,
          followMs: 20_000,
          visibleWaitMs: 2_000,
          settleWaitMs: 2_000,
        },
      },
    })
    const { world, cluster, history, stage } = this.run
    for (const store of [stage.front, stage.journal, stage.database])
      if (store !== undefined) store.weather = CALM
    this.outside = new SimProcess(world, 'clients')
    this.workload = new Workload(
      {
        world,
        cluster,
        history,
        clients: 0,
        operations: 0,
        keys: [],
        sealed: undefined,
        thinkMs: 0,
        poison: 0,
      },
      this.outside,
    )
  }

  node(number: 1 | 2 | 3): SimNode {
    return this.run.cluster.nodes[number - 1] as SimNode
  }

  sleep(ms: number): Promise<void> {
    return this.outside.clock.sleep(ms)
  }

  /** Looks every few ms until something holds. */
  async when(holds: () => boolean): Promise<void> {
    while (!holds()) await this.sleep(5)
  }
}

/**
 * The database is ahead of the front, because who lands cannot reach it; a reader's fill is newer than `through`.
 * Were it taken, the next apply would put the older value over it.
 *
 *   front    K missing ────────── fill K=3? ── apply 2: K=2 ──── apply 3: K=3
 *   database          K=3 landed ──┘                └ read again: 2 after 3
 */
async function fillFromAhead(scene: Scene): Promise<void> {
  const { front } = scene.run.stage
  if (front === undefined) return
  const [first, reader, lander] = [scene.node(1), scene.node(2), scene.node(3)]
  await scene.workload.putFrom(first, RECORD)
  await scene.when(() => scene.run.drained)
  for (let tries = 0; tries < 20 && front.server.at(0).held(RECORD) !== undefined; tries += 1) {
    await scene.workload.putFrom(first, OTHER)
    await scene.when(() => scene.run.drained)
    await scene.sleep(20)
  }
  // The reader has just proven that its front is caught up: it may serve for a second.
  await scene.workload.putFrom(reader, OTHER)
  await scene.workload.putFrom(first, OTHER)
  front.weatherOf.set(first.process, FAR)
  front.weatherOf.set(lander.process, CUT)
  void scene.workload.putFrom(first, RECORD)
  await scene.sleep(10)
  void scene.workload.putFrom(first, RECORD)
  await scene.sleep(20)
  void scene.workload.putFrom(lander, OTHER)
  await scene.when(() => scene.run.drained)
  for (let reads = 0; reads < 80; reads += 1) {
    void scene.workload.readFrom(reader, RECORD)
    await scene.sleep(10)
  }
  front.weatherOf.clear()
}

/**
 * A writer sleeps with an entry in its queue; its caller gives up and settles it elsewhere: void. Were the known
 * end stamped when the entry is sent, it would count after its void has been forgotten.
 */
async function sleepingWriter(scene: Scene): Promise<void> {
  const { journal } = scene.run.stage
  const [writer, settler] = [scene.node(1), scene.node(2)]
  journal?.weatherOf.set(writer.process, FAR)
  void scene.workload.putFrom(writer, OTHER)
  await scene.sleep(10)
  const given = scene.workload.putFrom(writer, RECORD, { patienceMs: 20 })
  await given
  writer.process.pause(4_000)
  await scene.workload.settleFrom(settler)
  for (let writes = 0; writes < 30; writes += 1) await scene.workload.putFrom(settler, OTHER)
  await scene.sleep(6_000)
  journal?.weatherOf.clear()
}

/**
 * A settler has found its entry, and waits so long for the verdict that the refusal is forgotten meanwhile. Whoever
 * kept no `refusedFrom` would take "not among the refused" for "applied".
 */
async function sleepingSettler(scene: Scene): Promise<void> {
  const { front, journal, database } = scene.run.stage
  const [writer, settler] = [scene.node(1), scene.node(2)]
  await scene.workload.putFrom(writer, RECORD)
  // Only the writer lands, so that it is the one that knows what may be forgotten.
  for (const node of [settler, scene.node(3)]) database.weatherOf.set(node.process, CUT)
  journal?.weatherOf.set(writer.process, FAR)
  await scene.workload.putFrom(writer, RECORD, { patienceMs: 50, ifVersion: 0 })
  await scene.sleep(1_000)
  journal?.weatherOf.clear()
  front?.weatherOf.set(settler.process, CUT)
  const settled = scene.workload.settleFrom(settler)
  for (let batch = 0; batch < 4; batch += 1) {
    for (let writes = 0; writes < 30; writes += 1) await scene.workload.putFrom(writer, OTHER)
    await scene.sleep(250)
  }
  database.weatherOf.clear()
  await settled
  front?.weatherOf.clear()
}

export const TRACES: Readonly<Record<string, Trace>> = {
  'a fill from ahead of the front': { trimMargin: 2_000, script: fillFromAhead },
  'a writer that sleeps with an old known end': { trimMargin: 2_000, script: sleepingWriter },
  'a settler that sleeps until the refusal is forgotten': { trimMargin: 20, script: sleepingSettler },
}

/** Plays a trace to its end, lets everything land, and judges it. */
export async function playTrace(name: string): Promise<SimResult> {
  const trace = TRACES[name]
  if (trace === undefined) throw new Error(`No trace is called ${JSON.stringify(name)}`)
  const scene = new Scene(trace.trimMargin)
  const { run, workload } = scene
  await run.until(() => run.allOpen, RUN_MS, 'not all processes came up')
  let ended = false
  void trace.script(scene).finally(() => {
    ended = true
  })
  await run.until(() => ended && workload.finished, RUN_MS, 'the trace did not end')
  run.healedAt = run.world.now
  await run.until(() => run.drained, RUN_MS, 'not everything landed')
  return run.judge()
}

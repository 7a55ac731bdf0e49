/**
 * One seed: a world, its stores and processes, clients and faults; then everything heals, has to drain, and is judged.
 *
 *   start ──▶ clients and faults ──▶ heal ──▶ unknown outcomes are settled, landing drains ──▶ checkers
 *
 * Safety is judged over the whole run. That nothing hangs and everything lands (I10) is demanded of the part after
 * `heal`, within a bound of virtual time.
 */
import { heal, planFaults } from './faults.ts'
import type { Shape, Stage } from './faults.ts'
import { keysFor } from './open-simulated.ts'
import { SimProcess } from './process.ts'
import { Run } from './run.ts'
import type { SimResult } from './run.ts'
import { Workload } from './workload.ts'

export interface SimulateOptions {
  readonly seed: number
  readonly shape: Shape
  /** Default 220. */
  readonly operations?: number
  /** Default 5 to 8. */
  readonly faults?: number
  /** Lines of trace that are kept; default 60. */
  readonly tailLines?: number
}

/** Virtual time that a healed world has to drain. */
const DRAIN_MS = 90_000
/** Late appends arrive up to this long after their error. */
const LATE_MS = 2_500
const CLIENTS_MS = 120_000
const FAULTS_SPAN_MS = 2_000

export async function simulate(options: SimulateOptions): Promise<SimResult> {
  const run = new Run({ seed: options.seed, shape: options.shape, tailLines: options.tailLines })
  const { world, stage, cluster, history, plan } = run
  const { database } = stage
  const workload = new Workload(
    {
      world,
      cluster,
      history,
      clients: 8,
      operations: options.operations ?? 220,
      keys: keysFor(plan.partitions),
      sealed: world.chance(0.3) ? 'forms' : undefined,
      thinkMs: 50,
      poison: world.chance(0.5) ? 0.06 : 0,
    },
    new SimProcess(world, 'clients'),
  )

  await run.until(() => cluster.up.length > 0, 60_000, 'no process came up')
  keepDumps(stage)
  const faults = options.faults ?? 5 + world.random.integer(4)
  planFaults(stage, faults, FAULTS_SPAN_MS)
  workload.start()
  const struck = (): boolean => workload.idle && stage.board.strikes >= faults
  await run.until(struck, CLIENTS_MS, 'the clients did not end')

  heal(stage)
  run.healedAt = world.now
  world.note('healed')
  workload.settleAll()
  const lateUntil = world.now + LATE_MS
  const settled = (): boolean => workload.finished && world.now >= lateUntil
  await run.until(settled, DRAIN_MS, 'operations did not end after everything healed')

  database.rejecting = world.chance(0.5)
  if (!database.rejecting) workload.retryParked()
  const landed = (): boolean => workload.finished && run.allOpen && run.drained
  await run.until(landed, DRAIN_MS, 'not everything landed after everything healed')
  workload.audit()
  await run.until(landed, DRAIN_MS, 'the last reads did not end, or what they appended did not land')
  if (run.hangs) for (const wait of workload.waits.values()) history.bugs.push(`still waiting: ${wait}`)
  return run.judge()
}

/** Copies that front and database may go back to, now and then while faults may strike. */
function keepDumps({ world, front, fused, database }: Stage): void {
  const again = (): void => {
    if (world.chance(0.5)) front?.dump()
    if (world.chance(0.5)) fused?.dump()
    if (world.chance(0.5)) database.dump()
    if (world.now < 10_000) world.schedule(world.between(50, 300), again)
  }
  again()
}

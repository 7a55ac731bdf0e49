/** What /metrics says: the server's own counts, the tier's ledger and lag, and the process. */
import { Gauge, Registry, collectDefaultMetrics } from 'prom-client'
import type { Metric } from 'prom-client'
import { DURATION_BUCKETS } from './meter.ts'
import type { Meter } from './meter.ts'
import type { Status, Tier } from '../index.ts'

/** A timer that only measures; finer ones keep an idle process awake. */
const EVENT_LOOP_LOOK_MS = 100

type Labels = Readonly<Record<string, string | number>>
interface Sample {
  readonly metricName?: string
  readonly labels: Labels
  readonly value: number
}

/**
 * A metric whose samples are made when it is scraped, from numbers kept elsewhere. The registry asks a metric for
 * nothing but its name and `get`.
 */
function scraped(
  registry: Registry,
  name: string,
  type: 'counter' | 'histogram',
  help: string,
  samples: () => Sample[],
): void {
  const metric = { name, get: async () => ({ name, help, type, aggregator: 'sum', values: samples() }) }
  registry.registerMetric(metric as unknown as Metric)
}

function countsOf(counts: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(counts).map(([outcome, value]) => ({ labels: { outcome }, value }))
}

function requestCounts({ routes }: Meter): Sample[] {
  return routes.flatMap(({ route, method, statuses }) =>
    [...statuses.entries()]
      .filter(([, value]) => value > 0)
      .map(([status, value]) => ({ labels: { route, method, status }, value })),
  )
}

/** The buckets of a Prometheus histogram are cumulative. */
function requestDurations({ routes }: Meter): Sample[] {
  const name = 'spillway_request_duration_seconds'
  return routes
    .filter(({ requests }) => requests > 0)
    .flatMap(({ route, method, buckets, seconds, requests }) => {
      let below = 0
      const samples: Sample[] = DURATION_BUCKETS.map((le, index) => {
        below += buckets[index] as number
        return { metricName: `${name}_bucket`, labels: { le, route, method }, value: below }
      })
      return [
        ...samples,
        { metricName: `${name}_bucket`, labels: { le: '+Inf', route, method }, value: requests },
        { metricName: `${name}_sum`, labels: { route, method }, value: seconds },
        { metricName: `${name}_count`, labels: { route, method }, value: requests },
      ]
    })
}

const LEDGER = ['accepted', 'landed', 'superseded', 'refused', 'parked', 'pending'] as const

function statusGauges(registry: Registry): (status: Status) => void {
  const registers = [registry]
  const gauge = <L extends string>(name: string, help: string, labelNames: L[]): Gauge<L> =>
    new Gauge({ name, help, labelNames, registers })
  const ledger = gauge(
    'spillway_ledger',
    'Writes by what became of them; accepted is the sum of the others.',
    ['partition', 'state'],
  )
  const lag = gauge('spillway_landing_lag_seconds', 'Age of the oldest write that is not in the database.', [
    'partition',
  ])
  const drain = gauge(
    'spillway_drain_seconds',
    'Time to land all that is pending, at the present rate; NaN while nothing lands.',
    [],
  )
  const ready = gauge('spillway_ready', '1 when a write would be taken.', [])
  const generation = gauge('spillway_generation', 'Generation of the journal.', [])
  const front = gauge('spillway_front_bytes', 'Memory of the front.', [])
  const journal = gauge('spillway_journal_bytes', 'Size of the journal.', [])
  const bound = gauge('spillway_bound', 'Stated bounds, by name.', ['name'])
  return (status) => {
    for (const one of status.partitions) {
      for (const state of LEDGER) ledger.set({ partition: one.partition, state }, one[state])
      lag.set({ partition: one.partition }, one.lagMs / 1000)
    }
    drain.set(status.drainSeconds ?? Number.NaN)
    ready.set(status.ready ? 1 : 0)
    generation.set(status.generation)
    front.set(status.usage.frontBytes)
    journal.set(status.usage.journalBytes)
    for (const [name, value] of Object.entries(status.bounds)) bound.set({ name }, value)
  }
}

/** The text of a scrape. Each asks the tier's status once, which is answered from memory. */
export function metricsText(tier: Tier, meter: Meter): () => Promise<string> {
  const registry = new Registry()
  scraped(registry, 'spillway_writes_total', 'counter', 'Writes over HTTP by outcome.', () =>
    countsOf(meter.writes),
  )
  scraped(registry, 'spillway_reads_total', 'counter', 'Records read over HTTP by outcome.', () =>
    countsOf(meter.reads),
  )
  scraped(registry, 'spillway_requests_total', 'counter', 'Requests by route and status.', () =>
    requestCounts(meter),
  )
  scraped(
    registry,
    'spillway_request_duration_seconds',
    'histogram',
    'Time from request to reply; of replies that come at once every 16th is timed.',
    () => requestDurations(meter),
  )
  const setStatus = statusGauges(registry)
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: EVENT_LOOP_LOOK_MS })
  return async () => {
    setStatus(await tier.status())
    return registry.metrics()
  }
}

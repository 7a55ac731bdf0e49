import { expect, test } from 'vitest'
import { SpillwayError } from '../../src/errors.ts'
import { DURATION_BUCKETS, RouteMeter } from '../../src/server/meter.ts'
import { FakeTier } from './fake-tier.ts'
import { serve } from './service.ts'

const K = '/v1/records/forms/k'

async function scraped(send: Awaited<ReturnType<typeof serve>>['send']): Promise<Map<string, number>> {
  const { text } = await send('GET', '/metrics')
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    samples.map((line) => [
      line.slice(0, line.lastIndexOf(' ')),
      Number(line.slice(line.lastIndexOf(' ') + 1)),
    ]),
  )
}

test('writes and reads are counted by outcome, batches item by item', async () => {
  const tier = new FakeTier()
  const { send } = await serve(tier)
  await send('PUT', K, { body: '1' })
  await send('PUT', K, { body: '1', headers: { 'if-match': '"0"' } })
  tier.failNext = { error: new SpillwayError('outcome-unknown', 'x', { entry: 'e' }), effect: true }
  await send('DELETE', K)
  tier.failNext = { error: new SpillwayError('overloaded', 'x'), effect: false }
  await send('PUT', K, { body: '1' })
  await send('POST', '/v1/records/forms/batch', {
    body: {
      writes: [
        { key: 'a', value: 1 },
        { key: 'a', value: 1, ifVersion: 0 },
        { key: '', value: 1 },
      ],
    },
  })
  await send('GET', '/v1/records/forms/a')
  await send('POST', '/v1/records/forms/get', { body: { keys: ['a', 'b'] } })
  const samples = await scraped(send)
  const writes = (outcome: string) => samples.get(`spillway_writes_total{outcome="${outcome}"}`)
  expect(['visible', 'landed', 'journaled', 'refused', 'unknown', 'rejected', 'parked'].map(writes)).toEqual([
    2, 0, 0, 2, 1, 2, 0,
  ])
  const reads = (outcome: string) => samples.get(`spillway_reads_total{outcome="${outcome}"}`)
  expect(['found', 'absent', 'failed'].map(reads)).toEqual([2, 1, 0])
})

test('requests are counted by route and status, durations in cumulative buckets', async () => {
  const { send } = await serve(new FakeTier())
  await send('GET', K)
  await send('PUT', K, { body: '1' })
  await send('GET', K)
  await send('GET', '/nowhere')
  const samples = await scraped(send)
  expect(samples.get('spillway_requests_total{route="getRecord",method="GET",status="200"}')).toBe(1)
  expect(samples.get('spillway_requests_total{route="getRecord",method="GET",status="404"}')).toBe(1)
  expect(samples.get('spillway_requests_total{route="none",method="",status="404"}')).toBe(1)
  const of = (suffix: string) => samples.get(`spillway_request_duration_seconds_${suffix}`)
  expect(of('count{route="getRecord",method="GET"}')).toBe(2)
  expect(of('bucket{le="+Inf",route="getRecord",method="GET"}')).toBe(2)
  expect(of('bucket{le="60",route="getRecord",method="GET"}')).toBe(2)
  expect(of('sum{route="getRecord",method="GET"}')).toBeGreaterThan(0)
})

test('replies that come at once are counted one by one, though few of them are timed', async () => {
  const { send } = await serve(new FakeTier())
  const before = performance.now()
  for (let n = 0; n < 40; n += 1) await send('GET', '/nowhere')
  const tookSeconds = (performance.now() - before) / 1_000
  const samples = await scraped(send)
  expect(samples.get('spillway_requests_total{route="none",method="",status="404"}')).toBe(40)
  const of = (suffix: string) => samples.get(`spillway_request_duration_seconds_${suffix}`)
  expect(of('count{route="none",method=""}')).toBe(40)
  expect(of('bucket{le="60",route="none",method=""}')).toBe(40)
  expect(of('sum{route="none",method=""}')).toBeGreaterThan(0)
  // A sample stands for sixteen.
  expect(of('sum{route="none",method=""}')).toBeLessThan(16 * tookSeconds)
})

test('a timed reply that came at once stands for those after it; what had to wait stands for itself', () => {
  const meter = new RouteMeter('r', 'GET')
  meter.sample(2, 200)
  meter.observe(70, 200)
  meter.repeat(404)
  expect(meter.seconds).toBeCloseTo(0.074, 9)
  expect([meter.requests, meter.statuses[200], meter.statuses[404]]).toEqual([3, 2, 1])
  expect(DURATION_BUCKETS.filter((_, index) => meter.buckets[index] !== 0)).toEqual([0.0025, 0.1])
  expect(meter.buckets.reduce((sum, count) => sum + count)).toBe(3)
})

test('the ledger, lag, drain time, sizes and bounds of the tier are gauges', async () => {
  const tier = new FakeTier()
  const { send } = await serve(tier)
  await send('PUT', K, { body: '1' })
  const samples = await scraped(send)
  expect(samples.get('spillway_ledger{partition="0",state="pending"}')).toBe(1)
  expect(samples.get('spillway_landing_lag_seconds{partition="0"}')).toBe(0)
  expect(samples.get('spillway_drain_seconds')).toBeNaN()
  for (const name of [
    'spillway_ready',
    'spillway_generation',
    'spillway_front_bytes',
    'spillway_journal_bytes',
    'spillway_bound{name="valueBytesMax"}',
  ]) {
    expect(samples.has(name), name).toBe(true)
  }
  tier.land()
  expect((await scraped(send)).get('spillway_drain_seconds')).toBe(0)
})

test('the process is measured: memory, processor, event loop delay', async () => {
  const { send } = await serve(new FakeTier())
  const samples = await scraped(send)
  for (const name of [
    'process_resident_memory_bytes',
    'process_cpu_seconds_total',
    'nodejs_eventloop_lag_p99_seconds',
  ])
    expect(samples.get(name), name).toBeGreaterThanOrEqual(0)
})

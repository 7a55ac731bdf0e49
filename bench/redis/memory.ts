/** Memory of Redis per record once it has landed, against a plain SET of the same key and value. */
import { setTimeout as sleep } from 'node:timers/promises'
import { form } from '../form.ts'
import { msOfCalls } from '../in-flight.ts'
import type { Bench, Finding, Size } from '../result.ts'
import { seriesOf } from '../rounds.ts'
import { recordsOf } from '../scratch.ts'
import { startServers } from './servers.ts'
import type { Servers } from './servers.ts'

/** So many that what is kept behind landing (4,096 positions a partition) is small beside them. */
const SIZES = [
  { valueBytes: 100, records: 500_000 },
  { valueBytes: 500, records: 500_000 },
  { valueBytes: 4_096, records: 100_000 },
] as const
const TIMES_MAX = 1.2
const LOOK_MS = 50

const keyOf = (n: number): string => `candidate-${String(n).padStart(8, '0')}`

async function usedMemory(servers: Servers): Promise<number> {
  await servers.redis.ask('MEMORY PURGE')
  const info = await servers.redis.ask('INFO memory')
  return Number(/used_memory:(\d+)/.exec(info)?.[1])
}

async function plainBytes(servers: Servers, valueBytes: number, records: number): Promise<number> {
  await servers.empty()
  const before = await usedMemory(servers)
  const { Redis } = await import('ioredis')
  const client = new Redis(servers.redis.url)
  await msOfCalls(256, records, (n) => client.set(keyOf(n), JSON.stringify(form(n, valueBytes))))
  client.disconnect()
  return ((await usedMemory(servers)) - before) / records
}

async function recordBytes(servers: Servers, valueBytes: number, records: number): Promise<number> {
  await servers.empty()
  const before = await usedMemory(servers)
  const tier = await servers.open('all')
  await msOfCalls(256, records, (n) => recordsOf(tier).put(keyOf(n), form(n, valueBytes)))
  while ((await tier.status()).totals.pending > 0) await sleep(LOOK_MS)
  await tier.close()
  return ((await usedMemory(servers)) - before) / records
}

async function run(size: Size): Promise<Finding> {
  await using servers = await startServers()
  const found = []
  for (const { valueBytes, records: full } of SIZES) {
    const records = size === 'tiny' ? 500 : full
    const plain = await plainBytes(servers, valueBytes, records)
    const record = await recordBytes(servers, valueBytes, records)
    found.push({ valueBytes, plain: Math.round(plain), record: Math.round(record), times: record / plain })
  }
  const worst = Math.max(...found.map((one) => one.times))
  return {
    headline: Object.fromEntries(
      found.map(({ valueBytes, plain, record, times }) => [
        `values of ${valueBytes} B`,
        `${record} B a record = ${times.toFixed(2)} x a plain SET (${plain} B)`,
      ]),
    ),
    goals: [{ text: `${TIMES_MAX} x a plain SET at most, once landed`, met: worst <= TIMES_MAX }],
    settings: { records: SIZES.map((one) => one.records).join(' '), keyBytes: keyOf(0).length },
    series: Object.fromEntries(
      found.map(({ valueBytes, plain, record }) => [`bytes${valueBytes}`, seriesOf([plain, record])]),
    ),
    numbers: Object.fromEntries(found.map(({ valueBytes, times }) => [`times${valueBytes}`, times])),
  }
}

export const redisMemory: Bench = {
  name: 'redis-memory',
  measures: 'memory of Redis per landed record against a plain SET',
  run,
}

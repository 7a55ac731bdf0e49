/**
 * A Redis Cluster of one's own on loopback: masters that share all 16,384 slots evenly, and the same number of
 * replicas for each. What redis-cli --cluster create does, done by hand, because it is five commands and one wait:
 * every node gets its slots and an epoch of its own, meets the first one, and is ready when it sees them all.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startRedis } from './redis-server.ts'
import type { RedisOptions, RedisServer } from './redis-server.ts'

const slots = 16_384
const readyMsMax = 30_000
const askEveryMs = 50

export type RedisClusterOptions = Omit<RedisOptions, 'port' | 'replicaOf' | 'cluster' | 'detached'> & {
  /** Default 3, the fewest that can vote a replica into office. */
  masters?: number
  replicasPerMaster?: number
}

export type RedisCluster = {
  /** The URL of the first master; a client of a cluster finds the others from any of them. */
  readonly url: string
  readonly masters: RedisServer[]
  /** In the order of the masters that they follow. */
  readonly replicas: RedisServer[]
  stop: () => Promise<void>
  [Symbol.asyncDispose]: () => Promise<void>
}

const ok = async (node: RedisServer, command: string) => {
  const answer = await node.ask(command)
  if (answer !== '+OK') throw new Error(`Redis on port ${node.port} answered ${command} with ${answer}`)
}

/** A bulk string's text, without its length. */
const textOf = (answer: string): string => answer.replace(/^\$\d+\r\n/, '')

const until = async (what: string, holds: () => Promise<boolean>) => {
  const deadline = performance.now() + readyMsMax
  while (!(await holds())) {
    if (performance.now() > deadline)
      throw new Error(`the Redis Cluster did not get ready within ${readyMsMax / 1_000} s: ${what}`)
    await sleep(askEveryMs)
  }
}

const formCluster = async (masters: RedisServer[], replicas: RedisServer[]) => {
  const nodes = [...masters, ...replicas]
  const share = slots / masters.length
  for (const [index, node] of nodes.entries()) await ok(node, `CLUSTER SET-CONFIG-EPOCH ${index + 1}`)
  for (const [index, master] of masters.entries()) {
    const range = `${Math.round(index * share)} ${Math.round((index + 1) * share) - 1}`
    await ok(master, `CLUSTER ADDSLOTSRANGE ${range}`)
  }
  const [first] = masters
  if (first === undefined) throw new Error('a Redis Cluster needs at least one master')
  for (const node of nodes.slice(1)) {
    await ok(first, `CLUSTER MEET 127.0.0.1 ${node.port} ${node.busPort}`)
  }
  const sees = (node: RedisServer, count: number) => async () =>
    (await node.ask('CLUSTER INFO')).includes(`cluster_known_nodes:${count}\r`)
  for (const node of nodes) await until('the nodes do not know one another', sees(node, nodes.length))

  for (const [index, replica] of replicas.entries()) {
    const master = masters[index % masters.length] ?? first
    await ok(replica, `CLUSTER REPLICATE ${textOf(await master.ask('CLUSTER MYID'))}`)
  }
  for (const replica of replicas) {
    await until('a replica is not in sync', async () =>
      (await replica.ask('INFO replication')).includes('master_link_status:up'),
    )
  }
  for (const node of nodes) {
    await until('slots are not covered', async () =>
      (await node.ask('CLUSTER INFO')).includes('cluster_state:ok'),
    )
  }
}

/** Starts a cluster and resolves when every node serves; what was started is stopped again if one does not. */
export const startRedisCluster = async (options: RedisClusterOptions): Promise<RedisCluster> => {
  const { masters: mastersCount = 3, replicasPerMaster = 0, folder, ...rest } = options
  const started = await Promise.allSettled(
    Array.from({ length: mastersCount * (1 + replicasPerMaster) }, (_, index) =>
      startRedis({ ...rest, folder: join(folder, `node-${index + 1}`), cluster: true }),
    ),
  )
  const nodes = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const stop = async () => void (await Promise.all(nodes.map((node) => node.stop())))
  const masters = nodes.slice(0, mastersCount)
  const replicas = nodes.slice(mastersCount)
  try {
    for (const one of started) if (one.status === 'rejected') throw one.reason
    await formCluster(masters, replicas)
  } catch (error) {
    await stop()
    throw error
  }
  return { url: masters[0]?.url ?? '', masters, replicas, stop, [Symbol.asyncDispose]: stop }
}

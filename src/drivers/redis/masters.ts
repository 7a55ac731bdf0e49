/** Asks what a Redis says of itself, once, by a connection that is made for it: the server, or every master of a cluster. */
import type { Redis } from 'ioredis'
import { connectRedis, isCluster } from './connection.ts'
import { placeOf } from './place.ts'
import type { RedisStoreOptions } from './store.ts'

const WAIT_MS = 5_000

/** The answer of each, in the order of the nodes. Rejects as `connectRedis` does, and with what `ask` rejects with. */
export async function askMasters<T>(
  options: RedisStoreOptions,
  name: string,
  ask: (node: Redis, nodes: number, cluster: boolean) => Promise<T>,
): Promise<T[]> {
  const { url } = placeOf(options)
  const { clock, client } = options
  const connection = await connectRedis({
    ...(url === undefined ? {} : { url }),
    ...(client === undefined ? {} : { client }),
    clock,
    connectTimeoutMs: options.connectTimeoutMs ?? WAIT_MS,
    callTimeoutMs: options.callTimeoutMs ?? WAIT_MS,
    name,
  })
  try {
    const nodes = isCluster(connection) ? connection.nodes('master') : [connection]
    return await Promise.all(nodes.map((node) => ask(node, nodes.length, isCluster(connection))))
  } finally {
    connection.disconnect()
  }
}

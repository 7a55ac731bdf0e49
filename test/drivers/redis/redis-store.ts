/** What tests of the Redis drivers do to a server beside the driver. */
import { Redis } from 'ioredis'

let namespaces = 0

/** Tests of a file share its server, not its keys. */
export function newNamespace(): string {
  namespaces += 1
  return `test-${namespaces}`
}

/** A client of the test's own, that behaves as a user's would: with ioredis's defaults. */
export function plainClient(url: string): Redis {
  return new Redis(url, { protocol: 2 })
}

/** Drops every value that has a TTL, as an eviction policy `volatile-*` may at any time. */
export async function evictLanded(client: Redis, namespace: string): Promise<number> {
  let dropped = 0
  for (const key of await client.keys(`${namespace}:*:v*`)) {
    if ((await client.pttl(key)) < 0) continue
    await client.del(key)
    dropped += 1
  }
  return dropped
}

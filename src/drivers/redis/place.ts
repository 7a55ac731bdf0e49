/** Where a Redis is, and what Spillway's keys in it begin with. */
import { SpillwayError } from '../../errors.ts'
import type { RedisClient } from './connection.ts'

export interface RedisPlace {
  /** `redis://[user:password@]host:port/db?namespace=…`; or `client`. */
  readonly url?: string
  /** A Redis or Cluster of ioredis that is already configured: its settings are taken, it is never closed. */
  readonly client?: RedisClient
  /** Before all keys; default `spillway`. */
  readonly namespace?: string
}

const NAMESPACE = /^[A-Za-z0-9_.-]{1,64}$/

/** The address without what is ours in it, and the namespace. */
export function placeOf({ url, client, namespace }: RedisPlace): { url?: string; namespace: string } {
  if ((url === undefined) === (client === undefined))
    throw new SpillwayError('invalid', 'Redis is named either by url or by client.')
  if (url === undefined) return { namespace: named(namespace) }
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined || !/^rediss?:$/.test(parsed.protocol) || !/^(\/\d*)?$/.test(parsed.pathname))
    throw new SpillwayError('invalid', 'A Redis URL is redis://[user:password@]host:port/db?namespace=name.')
  const own = parsed.searchParams.get('namespace') ?? undefined
  parsed.searchParams.delete('namespace')
  return { url: parsed.href, namespace: named(namespace ?? own) }
}

function named(namespace: string = 'spillway'): string {
  if (NAMESPACE.test(namespace)) return namespace
  throw new SpillwayError(
    'invalid',
    `A namespace is 1 to 64 letters, digits, '_', '.' or '-'; "${namespace}" is not.`,
  )
}

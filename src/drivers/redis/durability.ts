/**
 * Whether a Redis keeps what is entrusted to it: looked at once, before the first write.
 *
 *   as journal  appendonly no                        refused
 *               appendonly yes, appendfsync always   what the profile promises
 *                               appendfsync everysec only if asked for by name: two seconds may go with the machine
 *                               appendfsync no       refused
 *   always      maxmemory-policy allkeys-*           refused: it drops writes that have not landed, and says nothing
 *   CONFIG forbidden (managed servers)               nobody can tell: believed, and said
 *
 * A setting that somebody changes later is found by `spillway doctor`.
 */
import { SpillwayError } from '../../errors.ts'
import type { RedisClient } from './connection.ts'
import { askMasters } from './masters.ts'
import { noAnswer } from './redis-failures.ts'
import type { RedisStoreOptions } from './store.ts'

type AppendFsync = 'always' | 'everysec'

const FORBIDDEN = /^(NOPERM|ERR unknown command|ERR.*not allowed)/i

/**
 * Asks the server, or every master of a cluster; `wanted` of a journal. Rejects with `invalid` where a setting is
 * weaker, `unavailable` where a server does not answer. False: it may not be asked.
 */
export async function requireSettings(
  options: RedisStoreOptions,
  wanted: AppendFsync | undefined,
): Promise<boolean> {
  const asked = await askMasters(options, 'spillway-settings', (node) => requireOf(node, wanted))
  return asked.every(Boolean)
}

async function requireOf(node: RedisClient, wanted: AppendFsync | undefined): Promise<boolean> {
  let settings: Map<string, string>
  try {
    settings = new Map([
      ...(await settingsOf(node, 'append*')),
      ...(await settingsOf(node, 'maxmemory-policy')),
    ])
  } catch (error) {
    if (error instanceof Error && FORBIDDEN.test(error.message)) return false
    throw noAnswer(error)
  }
  const [written, fsync] = [settings.get('appendonly'), settings.get('appendfsync')]
  const policy = settings.get('maxmemory-policy')
  if (policy === undefined || written === undefined || fsync === undefined) return false
  if (policy.startsWith('allkeys'))
    throw new SpillwayError(
      'invalid',
      `Redis has maxmemory-policy = ${policy}, which drops writes that have not landed. CONFIG SET maxmemory-policy volatile-lru and CONFIG REWRITE (or set it in redis.conf).`,
    )
  if (wanted === undefined) return true
  if (written === 'yes' && (fsync === 'always' || fsync === wanted)) return true
  const [shown, mend, risk] =
    written === 'yes'
      ? [`appendfsync = ${fsync}`, 'CONFIG SET appendfsync always', 'the last seconds of them']
      : [`appendonly = ${written}`, 'CONFIG SET appendonly yes', 'all of them']
  const accept =
    written === 'yes' && fsync === 'everysec'
      ? " Or accept it by name: appendfsync: 'everysec' (--appendfsync everysec)."
      : ''
  throw new SpillwayError(
    'invalid',
    `Redis has ${shown}, so that acknowledged writes, ${risk}, could be lost with its machine. ${mend} and CONFIG REWRITE (or set it in redis.conf).${accept}`,
  )
}

async function settingsOf(node: RedisClient, pattern: string): Promise<Map<string, string>> {
  const flat = (await node.call('CONFIG', 'GET', pattern)) as string[]
  const settings = new Map<string, string>()
  for (let i = 0; i + 1 < flat.length; i += 2) settings.set(flat[i] as string, flat[i + 1] as string)
  return settings
}

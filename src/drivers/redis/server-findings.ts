/**
 * What `doctor` says about a Redis server: the settings on which the promise rests, and those that would drop what has
 * not landed. Judged from what the server says of itself, as data.
 */
import type { RedisClient } from './connection.ts'
import { ok, wrong } from '../../kit/finding.ts'
import type { FindingId } from '../../findings.ts'
import type { Finding } from '../../kit/finding.ts'
import { askMasters } from './masters.ts'
import { noAnswer } from './redis-failures.ts'
import { placeOf } from './place.ts'
import type { RedisStoreOptions } from './store.ts'

/** Settings and the fields of INFO, by name in lower case. */
export type ServerFacts = ReadonlyMap<string, string>

export interface ServerRole {
  /** Redis is the journal too (fused), so that what is acknowledged must be durable there. */
  readonly journal: boolean
  /** Asked for by name. */
  readonly appendfsync?: 'always' | 'everysec'
  readonly waitReplicas?: number
  /** The client is one for clusters. */
  readonly cluster?: boolean
}

const ABOUT = 'redis'
/** Scripts with flags, INFO of several sections; what was before 7.0 has neither. */
const MAJOR_MIN = 7

/** Asks the server, or every master of a cluster. Rejects with `unavailable` where one does not answer. */
export async function inspectRedis(
  options: RedisStoreOptions,
  role: Omit<ServerRole, 'cluster'>,
): Promise<Finding[]> {
  const { url } = placeOf(options)
  const found = await askMasters(options, 'spillway-doctor', async (node, nodes, cluster) => {
    const facts = await factsOf(node)
    const about = nodes === 1 ? ABOUT : `${ABOUT} ${node.options.host}:${node.options.port}`
    const all = [...place(facts, url), ...redisFindings(facts, { ...role, cluster })]
    return all.map((one) => ({ ...one, about }))
  }).catch((error: unknown) => {
    throw noAnswer(error)
  })
  return found.flat()
}

async function factsOf(node: RedisClient): Promise<ServerFacts> {
  const facts = new Map<string, string>()
  const info = await node.info()
  for (const line of info.split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon > 0) facts.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1))
  }
  // Managed servers forbid CONFIG; then the settings are not known, which is a finding of its own.
  const settings = (await node.call('CONFIG', 'GET', '*').catch(() => [])) as string[]
  for (let i = 0; i + 1 < settings.length; i += 2)
    facts.set((settings[i] as string).toLowerCase(), settings[i + 1] as string)
  return facts
}

/** A number that the server does not have: SELECT fails, and everything goes on in database 0. */
function place(facts: ServerFacts, url: string | undefined): Finding[] {
  const named = url === undefined ? 0 : Number(new URL(url).pathname.slice(1))
  const there = Number(facts.get('databases') ?? Number.POSITIVE_INFINITY)
  return named < there
    ? []
    : [wrong('redis-refused', `the URL names database ${named}, and this server has 0 to ${there - 1}`)]
}

/** All findings, good ones too. */
export function redisFindings(facts: ServerFacts, role: ServerRole): Finding[] {
  const findings = [...server(facts, role)]
  if (!facts.has('maxmemory-policy')) {
    findings.push(
      wrong('redis-settings-hidden', 'CONFIG is not allowed here, so that the settings are not known'),
    )
    return findings
  }
  if (role.journal) findings.push(...durability(facts, role))
  findings.push(...memory(facts), ...replication(facts, role))
  return findings
}

function server(facts: ServerFacts, role: ServerRole): Finding[] {
  const version = facts.get('redis_version') ?? 'unknown'
  const findings: Finding[] = [
    Number.parseInt(version, 10) >= MAJOR_MIN
      ? ok(ABOUT, `version ${version}`)
      : wrong('redis-version', `version ${version}`),
  ]
  const is = facts.get('role')
  if (is !== 'master') findings.push(wrong('redis-role', `role = ${is}`))
  const cluster = facts.get('cluster_enabled') === '1'
  if (cluster && !role.cluster)
    findings.push(
      wrong('redis-cluster-client', 'cluster-enabled = yes, and the client is one for a single server'),
    )
  for (const [field, id, what] of [
    ['aof_last_write_status', 'redis-aof-failed', 'its append-only file'],
    ['rdb_last_bgsave_status', 'redis-snapshot-failed', 'a snapshot'],
  ] as const)
    if (facts.get(field) === 'err') findings.push(wrong(id, `Redis could not write ${what}`))
  return findings
}

/** What an acknowledged write survives. */
function durability(facts: ServerFacts, { appendfsync }: ServerRole): Finding[] {
  const asked = appendfsync === 'everysec' && facts.get('appendfsync') === 'everysec'
  const findings = [
    mustBe(facts, 'redis-appendonly', 'appendonly', 'yes', 'nothing survives a restart'),
    asked
      ? ok(ABOUT, 'appendfsync = everysec, as asked for')
      : mustBe(
          facts,
          'redis-appendfsync',
          'appendfsync',
          'always',
          'acknowledged writes of the last seconds can be lost with the machine',
        ),
    mustBe(
      facts,
      'redis-fsync-on-rewrite',
      'no-appendfsync-on-rewrite',
      'no',
      'nothing is fsynced while the file is rewritten',
    ),
  ]
  const file = facts.get('save') ?? ''
  if (file === '') findings.push(ok(ABOUT, 'save = "": no snapshots beside the append-only file'))
  else if (facts.get('stop-writes-on-bgsave-error') === 'yes')
    findings.push(
      wrong(
        'redis-snapshots',
        `save = "${file}": a snapshot that fails stops all writes, and each one copies memory`,
      ),
    )
  return findings
}

function memory(facts: ServerFacts): Finding[] {
  const policy = facts.get('maxmemory-policy') ?? ''
  const findings = [
    policy.startsWith('allkeys')
      ? wrong('redis-eviction', `maxmemory-policy = ${policy}: it drops what has not landed`)
      : ok(ABOUT, `maxmemory-policy = ${policy}`),
  ]
  const max = Number(facts.get('maxmemory') ?? 0)
  findings.push(
    max === 0
      ? wrong(
          'redis-maxmemory',
          'maxmemory = 0: Redis grows until the machine has no memory left, and landed values go only by their TTL',
        )
      : ok(ABOUT, `maxmemory = ${max}`),
  )
  return findings
}

function replication(facts: ServerFacts, { journal, waitReplicas = 0 }: ServerRole): Finding[] {
  const findings: Finding[] = []
  const replicas = Number(facts.get('connected_slaves') ?? 0)
  if (waitReplicas > replicas)
    findings.push(
      wrong(
        'redis-replicas-missing',
        `${replicas} replicas are connected, and waitReplicas is ${waitReplicas}: no answer is believed`,
      ),
    )
  const fewest = Number(facts.get('min-replicas-to-write') ?? 0)
  if (waitReplicas > 0 && fewest < waitReplicas)
    findings.push(
      wrong(
        'redis-min-replicas',
        `min-replicas-to-write = ${fewest}: a primary that lost its replicas still takes writes of others`,
        {
          fix: `CONFIG SET min-replicas-to-write ${waitReplicas}, then CONFIG REWRITE (or set it in redis.conf)`,
        },
      ),
    )
  const ttl = facts.get('repl-backlog-ttl')
  // Only where replicas come and go: the identity changes when the first one attaches to a server without a backlog.
  if (journal && (replicas > 0 || waitReplicas > 0))
    findings.push(
      ttl === '0'
        ? ok(ABOUT, 'repl-backlog-ttl = 0')
        : wrong(
            'redis-backlog-ttl',
            `repl-backlog-ttl = ${ttl}: after so long without a replica the identity changes, and a generation is raised`,
          ),
    )
  return findings
}

function mustBe(facts: ServerFacts, id: FindingId, name: string, good: string, else_: string): Finding {
  const found = facts.get(name) ?? ''
  return found === good ? ok(ABOUT, `${name} = ${found}`) : wrong(id, `${name} = ${found}: ${else_}`)
}

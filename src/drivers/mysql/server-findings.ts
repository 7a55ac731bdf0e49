/**
 * What `doctor` says about a MariaDB server: the settings on which the promise rests, and those that would keep rows
 * from landing. Judged from its variables alone, as data; what Spillway sets for each session of its own (sql_mode,
 * time zone, isolation, waits for locks) is only shown.
 */
import { systemClock } from '../../kit/clock.ts'
import { ok, wrong } from '../../kit/finding.ts'
import type { FindingId } from '../../findings.ts'
import type { Finding } from '../../kit/finding.ts'
import { MysqlConnections, sourceOfUrl } from './connections.ts'
import { unusable } from './database-failures.ts'
import { rightsFindings } from './rights.ts'

/** Global variables by name, in lower case. */
export type ServerVariables = ReadonlyMap<string, string>

const ABOUT = 'mariadb'
const WAIT_MS = 5_000
/** Releases before it were never run with Spillway. */
const VERSION_PROVEN = [10, 11] as const
/** A value of 1 MiB with its key, twice over. */
const PACKET_BYTES_MIN = 2 * 2 ** 20
/** The largest value that can be configured. */
const PACKET_BYTES_GOOD = 16 * 2 ** 20
/** Of a few processes, each with its landing and reading connections. */
const CONNECTIONS_GOOD = 30
const PREPARED_MIN = 1_024
/** The largest value that can be configured, and its row in the binary log as it was before. */
const BINLOG_CACHE_BYTES_MIN = 32 * 2 ** 20

/** Asks the server of a URL. Throws `unavailable` where it does not answer, `invalid` where it refuses. */
export async function inspectMysqlServer(url: string): Promise<Finding[]> {
  const connections = new MysqlConnections({
    source: sourceOfUrl(url, WAIT_MS),
    clock: systemClock,
    callMs: WAIT_MS,
    waitMs: WAIT_MS,
    transactions: false,
    connectionsMax: 1,
  })
  try {
    return await connections.use(async (connection) => {
      const rows = await connection.ask('SHOW GLOBAL VARIABLES')
      const variables = new Map(
        rows.map(([name, value]) => [String(name).toLowerCase(), String(value)] as const),
      )
      return [...mysqlFindings(variables), ...(await rightsFindings(connection))]
    })
  } catch (error) {
    throw unusable(error)
  } finally {
    await connections.close()
  }
}

/** All findings, good ones too. */
export function mysqlFindings(variables: ServerVariables): Finding[] {
  return [
    versionFinding(variables),
    ...durability(variables),
    ...writable(variables),
    ...room(variables),
    ...replication(variables),
    sessionFinding(variables),
  ]
}

function versionFinding(variables: ServerVariables): Finding {
  const version = variables.get('version') ?? 'unknown'
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (!/mariadb/i.test(version)) return wrong('mariadb-other-server', `version ${version}`)
  const older = major < VERSION_PROVEN[0] || (major === VERSION_PROVEN[0] && minor < VERSION_PROVEN[1])
  return older ? wrong('mariadb-version', `version ${version}`) : ok(ABOUT, `version ${version}`)
}

/** What an acknowledged commit survives. */
function durability(variables: ServerVariables): Finding[] {
  const findings = [
    mustBe(variables, 'mariadb-flush-log', 'innodb_flush_log_at_trx_commit', ['1']),
    mustBe(variables, 'mariadb-doublewrite', 'innodb_doublewrite', ['ON', '1', 'DETECT_AND_RECOVER']),
  ]
  const method = variables.get('innodb_flush_method') ?? ''
  if (UNSYNCED.test(method)) findings.push(wrong('mariadb-flush-method', `innodb_flush_method = ${method}`))
  if (isOn(variables, 'log_bin'))
    findings.push(mustBe(variables, 'mariadb-sync-binlog', 'sync_binlog', ['1']))
  else findings.push(ok(ABOUT, 'log_bin = OFF: no binary log to keep in step'))
  return findings.filter((one) => one !== undefined)
}

function writable(variables: ServerVariables): Finding[] {
  return [
    mustBe(variables, 'mariadb-read-only', 'read_only', OFF),
    mustBe(variables, 'mariadb-read-only', 'super_read_only', OFF),
    mustBe(variables, 'mariadb-innodb-read-only', 'innodb_read_only', OFF),
    mustBe(variables, 'mariadb-force-recovery', 'innodb_force_recovery', ['0']),
  ].filter((one) => one !== undefined)
}

const OFF = ['OFF', '0', 'NO_LOCK']
/** Flush methods that leave out fsync. */
const UNSYNCED = /nosync|no_fsync|littlesync/i

function room(variables: ServerVariables): Finding[] {
  const packet = Number(variables.get('max_allowed_packet'))
  const shown = `max_allowed_packet = ${packet}`
  const packetFinding =
    packet < PACKET_BYTES_MIN
      ? wrong('mariadb-packet', `${shown}: a value of 1 MiB would never land`)
      : packet < PACKET_BYTES_GOOD
        ? wrong('mariadb-packet-large', `${shown}: values of more than ${packet >> 21} MiB would never land`)
        : ok(ABOUT, shown)
  const connections = Number(variables.get('max_connections'))
  const prepared = Number(variables.get('max_prepared_stmt_count'))
  return [
    packetFinding,
    connections < CONNECTIONS_GOOD
      ? wrong('mariadb-connections', `max_connections = ${connections}: each process takes up to 6`)
      : ok(ABOUT, `max_connections = ${connections}`),
    prepared < PREPARED_MIN
      ? wrong('mariadb-prepared', `max_prepared_stmt_count = ${prepared}: rows land by prepared statements`)
      : ok(ABOUT, `max_prepared_stmt_count = ${prepared}`),
  ]
}

function replication(variables: ServerVariables): Finding[] {
  const findings: Finding[] = []
  if (isOn(variables, 'log_bin')) {
    const format = variables.get('binlog_format') ?? ''
    findings.push(
      format === 'STATEMENT'
        ? wrong('mariadb-binlog-format', 'binlog_format = STATEMENT: replicas may come to other rows')
        : ok(ABOUT, `binlog_format = ${format}`),
    )
    const cache = Number(variables.get('max_binlog_cache_size') ?? Number.POSITIVE_INFINITY)
    if (cache < BINLOG_CACHE_BYTES_MIN)
      findings.push(
        wrong('mariadb-binlog-cache', `max_binlog_cache_size = ${cache}: a batch may have twice 16 MiB`),
      )
  }
  if (isOn(variables, 'wsrep_on'))
    findings.push(
      wrong(
        'mariadb-galera',
        'wsrep_on = ON: a Galera cluster, where another node may answer with older rows',
      ),
    )
  return findings
}

/** Set for each session, so that the server's own makes no difference. */
function sessionFinding(variables: ServerVariables): Finding {
  const shown = ['sql_mode', 'time_zone', 'tx_isolation', 'transaction_isolation']
    .filter((name) => variables.has(name))
    .map((name) => `${name} = ${variables.get(name) === '' ? "''" : variables.get(name)}`)
  return ok(ABOUT, `${shown.join(', ')}: Spillway's sessions are strict, in UTC, at REPEATABLE READ`)
}

function mustBe(
  variables: ServerVariables,
  id: FindingId,
  name: string,
  good: readonly string[],
): Finding | undefined {
  const value = variables.get(name)
  if (value === undefined) return undefined
  const shown = `${name} = ${value}`
  const fix =
    name === 'super_read_only' ? { fix: 'SET GLOBAL super_read_only = OFF, or name the primary' } : {}
  return good.includes(value.toUpperCase()) ? ok(ABOUT, shown) : wrong(id, shown, fix)
}

function isOn(variables: ServerVariables, name: string): boolean {
  return ['ON', '1'].includes(variables.get(name) ?? '')
}

/**
 * What `doctor` says about a MariaDB server: the settings on which the promise rests, and those that would keep rows
 * from landing. Judged from its variables alone, as data; what Spillway sets for each session of its own (sql_mode,
 * time zone, isolation, waits for locks) is only shown.
 */
import { systemClock } from '../../kit/clock.ts'
import { bad, ok, warning } from '../../kit/finding.ts'
import type { Finding } from '../../kit/finding.ts'
import { MysqlConnections, sourceOfUrl } from './connections.ts'
import { unusable } from './database-failures.ts'

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
      return mysqlFindings(new Map(rows.map(([name, value]) => [String(name).toLowerCase(), String(value)])))
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
  if (!/mariadb/i.test(version))
    return warning(
      ABOUT,
      `version ${version}`,
      'Spillway is proven on MariaDB 10.11: use MariaDB, or test it on this server first.',
    )
  const older = major < VERSION_PROVEN[0] || (major === VERSION_PROVEN[0] && minor < VERSION_PROVEN[1])
  return older
    ? warning(
        ABOUT,
        `version ${version}`,
        'Upgrade to MariaDB 10.11 or later: older releases were never tried.',
      )
    : ok(ABOUT, `version ${version}`)
}

/** What an acknowledged commit survives. */
function durability(variables: ServerVariables): Finding[] {
  const findings = [
    mustBe(
      variables,
      'innodb_flush_log_at_trx_commit',
      ['1'],
      'SET GLOBAL innodb_flush_log_at_trx_commit = 1',
    ),
    mustBe(
      variables,
      'innodb_doublewrite',
      ['ON', '1', 'DETECT_AND_RECOVER'],
      'innodb_doublewrite = ON in the configuration, then restart',
    ),
  ]
  if (isOn(variables, 'log_bin'))
    findings.push(mustBe(variables, 'sync_binlog', ['1'], 'SET GLOBAL sync_binlog = 1'))
  else findings.push(ok(ABOUT, 'log_bin = OFF: no binary log to keep in step'))
  return findings.filter((one) => one !== undefined)
}

function writable(variables: ServerVariables): Finding[] {
  return [
    mustBe(variables, 'read_only', OFF, 'SET GLOBAL read_only = OFF, or name the primary in the URL'),
    mustBe(
      variables,
      'super_read_only',
      OFF,
      'SET GLOBAL super_read_only = OFF, or name the primary in the URL',
    ),
    mustBe(variables, 'innodb_read_only', OFF, 'innodb_read_only = OFF in the configuration, then restart'),
    mustBe(
      variables,
      'innodb_force_recovery',
      ['0'],
      'innodb_force_recovery = 0 in the configuration, then restart',
    ),
  ].filter((one) => one !== undefined)
}

const OFF = ['OFF', '0', 'NO_LOCK']

function room(variables: ServerVariables): Finding[] {
  const packet = Number(variables.get('max_allowed_packet'))
  const shown = `max_allowed_packet = ${packet}`
  const raise = `SET GLOBAL max_allowed_packet = ${4 * PACKET_BYTES_GOOD}`
  const packetFinding =
    packet < PACKET_BYTES_MIN
      ? bad(ABOUT, `${shown}: a value of 1 MiB would never land`, raise)
      : packet < PACKET_BYTES_GOOD
        ? warning(ABOUT, `${shown}: values of more than ${packet >> 21} MiB would never land`, raise)
        : ok(ABOUT, shown)
  const connections = Number(variables.get('max_connections'))
  const prepared = Number(variables.get('max_prepared_stmt_count'))
  return [
    packetFinding,
    connections < CONNECTIONS_GOOD
      ? warning(
          ABOUT,
          `max_connections = ${connections}: each process takes up to 6`,
          `SET GLOBAL max_connections = ${CONNECTIONS_GOOD * 5}`,
        )
      : ok(ABOUT, `max_connections = ${connections}`),
    prepared < PREPARED_MIN
      ? bad(
          ABOUT,
          `max_prepared_stmt_count = ${prepared}: rows land by prepared statements`,
          'SET GLOBAL max_prepared_stmt_count = 16382',
        )
      : ok(ABOUT, `max_prepared_stmt_count = ${prepared}`),
  ]
}

function replication(variables: ServerVariables): Finding[] {
  const findings: Finding[] = []
  if (isOn(variables, 'log_bin')) {
    const format = variables.get('binlog_format') ?? ''
    findings.push(
      format === 'STATEMENT'
        ? warning(
            ABOUT,
            'binlog_format = STATEMENT: replicas may come to other rows',
            'SET GLOBAL binlog_format = MIXED (or ROW)',
          )
        : ok(ABOUT, `binlog_format = ${format}`),
    )
  }
  if (isOn(variables, 'wsrep_on'))
    findings.push(
      warning(
        ABOUT,
        'wsrep_on = ON: a Galera cluster, where another node may answer with older rows',
        'Name one node in the URL for all processes, with wsrep_sync_wait = 1',
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
  name: string,
  good: readonly string[],
  fix: string,
): Finding | undefined {
  const value = variables.get(name)
  if (value === undefined) return undefined
  const shown = `${name} = ${value}`
  return good.includes(value.toUpperCase()) ? ok(ABOUT, shown) : bad(ABOUT, shown, fix)
}

function isOn(variables: ServerVariables, name: string): boolean {
  return ['ON', '1'].includes(variables.get(name) ?? '')
}

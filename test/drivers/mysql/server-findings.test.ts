/** Every finding about a server is made by setting the fault on a real one; a healthy server has none. */
import { afterEach, describe, expect, test } from 'vitest'
import { inspectMysqlServer, mysqlFindings } from '../../../src/drivers/mysql/server-findings.ts'
import type { Finding } from '../../../src/kit/finding.ts'
import { privateMariadb } from '../../servers/private-servers.ts'

const server = await privateMariadb()

async function wrong(): Promise<Finding[]> {
  return (await inspectMysqlServer(server.url)).filter((one) => one.state !== 'ok')
}

test('a healthy server has nothing wrong, and says what was looked at', async () => {
  expect(await wrong()).toEqual([])
  const found = (await inspectMysqlServer(server.url)).map((one) => one.found).join('\n')
  for (const part of [
    'version 1',
    'innodb_flush_log_at_trx_commit = 1',
    'sync_binlog = 1',
    'REPEATABLE READ',
  ])
    expect(found).toContain(part)
})

describe('faults that can be set while it runs', () => {
  const faults: [string, string, string, 'bad' | 'warning', RegExp][] = [
    ['innodb_flush_log_at_trx_commit', '2', '1', 'bad', /^SET GLOBAL innodb_flush_log_at_trx_commit = 1,/],
    ['sync_binlog', '0', '1', 'bad', /^SET GLOBAL sync_binlog = 1,/],
    ['read_only', 'ON', 'OFF', 'bad', /read_only = OFF/],
    ['max_allowed_packet', '1048576', '16777216', 'bad', /SET GLOBAL max_allowed_packet/],
    ['max_allowed_packet', '4194304', '16777216', 'warning', /SET GLOBAL max_allowed_packet/],
    ['max_connections', '20', '200', 'warning', /SET GLOBAL max_connections/],
    ['max_prepared_stmt_count', '100', '16382', 'bad', /SET GLOBAL max_prepared_stmt_count/],
    ['binlog_format', "'STATEMENT'", "'MIXED'", 'warning', /SET GLOBAL binlog_format = MIXED/],
  ]
  let undo: string | undefined
  afterEach(async () => {
    if (undo !== undefined) await server.ask(undo)
  })

  test.each(faults)('%s = %s', async (name, value, good, state, fix) => {
    undo = `SET GLOBAL ${name} = ${good}`
    await server.ask(`SET GLOBAL ${name} = ${value}`)
    expect(await wrong()).toMatchObject([
      {
        about: 'mariadb',
        state,
        found: expect.stringContaining(`${name} = ${value.replaceAll("'", '')}`),
        fix: expect.stringMatching(fix),
      },
    ])
  })
})

test('faults that are set at start are found too', { timeout: 60_000 }, async () => {
  try {
    await server.restart({
      args: ['--skip-innodb-doublewrite', '--skip-log-bin', '--innodb-force-recovery=1'],
    })
    expect((await wrong()).map((one) => [one.state, one.found])).toEqual([
      ['bad', 'innodb_doublewrite = OFF'],
      ['bad', 'innodb_force_recovery = 1'],
    ])
  } finally {
    await server.restart({ args: [] })
  }
})

test('other servers, old releases and clusters are named', () => {
  const found = (name: string, value: string): (string | undefined)[] =>
    mysqlFindings(
      new Map([
        ['version', '10.11.6-MariaDB'],
        ['max_allowed_packet', '67108864'],
        ['max_connections', '151'],
        ['max_prepared_stmt_count', '16382'],
        [name, value],
      ]),
    ).flatMap((one) => (one.state === 'ok' ? [] : [one.fix]))
  expect(found('version', '8.0.36')).toEqual([expect.stringContaining('Use MariaDB 10.11')])
  expect(found('version', '10.5.1-MariaDB')).toEqual([expect.stringContaining('Upgrade')])
  expect(found('version', '11.4.2-MariaDB')).toEqual([])
  expect(found('wsrep_on', 'ON')).toEqual([expect.stringContaining('Name one node')])
  expect(found('super_read_only', 'ON')).toEqual([expect.stringContaining('super_read_only = OFF')])
  expect(found('innodb_read_only', 'ON')).toEqual([expect.stringContaining('innodb_read_only = OFF')])
})

test('a server that does not answer is unavailable, one that refuses invalid', async () => {
  await expect(inspectMysqlServer('mysql://root@127.0.0.1:1/nothing')).rejects.toMatchObject({
    code: 'unavailable',
  })
  const url = server.url.replace('root@', 'nobody:wrong@')
  await expect(inspectMysqlServer(url)).rejects.toMatchObject({ code: 'invalid' })
})

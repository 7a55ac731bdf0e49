/**
 * A server whose tables have no room left: nothing is parked, nothing is lost, it lands when there is room.
 *
 * The bound is that of a tablespace. MariaDB 10.11 says that the table is full, needs room to undo the statement, and
 * ends by itself ("Out of disk space in rollback", signal 6; the same on a full file system): whoever lands sees an
 * outage, and has to see one again each time that the server is started without room.
 */
import { expect, onTestFinished, test } from 'vitest'
import { openMysqlDatabase } from '../../../src/drivers/mysql/database.ts'
import { systemClock } from '../../../src/kit/clock.ts'
import { privateMariadb } from '../../servers/private-servers.ts'
import { Landings, row } from './landings.ts'

const room = (mib: number): string[] => [
  '--innodb-file-per-table=0',
  `--innodb-data-file-path=ibdata1:12M:autoextend:max:${mib}M`,
]
const BATCH = Array.from({ length: 1_000 }, (_, index) => row('forms', `k${index}`, 'x'.repeat(60_000)))

test(
  'tables without room: landing is an outage, however often, and all lands when there is room',
  { timeout: 120_000 },
  async () => {
    const server = await privateMariadb({ args: room(60) }, onTestFinished)
    const database = await openMysqlDatabase({ url: server.url, clock: systemClock })
    onTestFinished(() => database.close())
    const landings = await Landings.begin(database)
    expect((await landings.land([row('forms', 'first', 1)])).kind).toBe('landed')
    for (let tries = 1; tries <= 2; tries += 1) {
      await expect(landings.land(BATCH)).rejects.toMatchObject({ code: 'unavailable' })
      await server.restart({ args: room(tries === 1 ? 60 : 400) })
      // Connections of before are found out.
      await expect.poll(() => landings.read('forms', 'first').catch(() => undefined)).toBe(1)
    }
    await landings.land(BATCH).catch(() => undefined)
    if (landings.count === 1) await landings.land(BATCH)
    expect((await database.partitions())[0]?.counts).toMatchObject({ landed: 1_001, parked: 0 })
    expect((await database.parked.list({ limit: 9 })).items).toEqual([])
  },
)

import { databaseSuite } from '../../conformance/database-suite.ts'
import { privateMariadb } from '../../servers/private-servers.ts'
import { mariadbDatabase } from './mariadb-database.ts'

const TABLES = ['position', 'void', 'seal', 'refused', 'parked', 'records', 'records_history']

const server = await privateMariadb()

databaseSuite('MariaDB', {
  async open({ tables, partitions, ageMax, parkedMax }) {
    const one = await mariadbDatabase(server, { ageMax, parkedMax })
    await one.database.prepare(tables, partitions)
    await one.other('CREATE TABLE poison_is_fine (one INT)')
    for (const table of ['records', 'records_history']) {
      await one.other(
        `CREATE TRIGGER no_poison_${table} BEFORE INSERT ON spillway_${table} FOR EACH ROW
         IF INSTR(NEW.value, 'poison') AND NOT EXISTS (SELECT 1 FROM poison_is_fine) THEN
           SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'poison is not accepted';
         END IF`,
      )
    }
    return {
      database: one.database,
      acceptPoison: async () => {
        await one.other('INSERT INTO poison_is_fine VALUES (1)')
      },
      history: async ({ collection, key }) => {
        const rows = await one.other(
          `SELECT spillway_version AS version, spillway_deleted AS deleted FROM spillway_records_history
           WHERE collection = '${collection}' AND record_key = '${key}' ORDER BY 1`,
        )
        return rows.map((row) => ({ version: Number(row['version']), deleted: row['deleted'] === 1 }))
      },
      async reset() {
        await one.other(
          ...TABLES.map((table) => `DELETE FROM spillway_${table}`),
          'DELETE FROM poison_is_fine',
        )
      },
      close: () => one.close(),
    }
  },
})

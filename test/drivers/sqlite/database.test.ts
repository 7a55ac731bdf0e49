import { databaseSuite } from '../../conformance/database-suite.ts'
import { sqliteFile } from './sqlite-file.ts'

const POISON = `WHEN instr(NEW.value, CAST('poison' AS BLOB)) BEGIN SELECT RAISE(ABORT, 'poison is not accepted'); END`

const TABLES = ['position', 'void', 'seal', 'refused', 'parked', 'records', 'records_history']

databaseSuite('SQLite', {
  async open({ tables, partitions, ageMax, parkedMax }) {
    const file = await sqliteFile({ ageMax, parkedMax })
    await file.database.prepare(tables, partitions)
    const { other } = file
    const refusePoison = (): void =>
      other.exec(`CREATE TRIGGER IF NOT EXISTS no_poison BEFORE INSERT ON spillway_records ${POISON};
        CREATE TRIGGER IF NOT EXISTS no_poison_history BEFORE INSERT ON spillway_records_history ${POISON}`)
    refusePoison()
    return {
      database: file.database,
      acceptPoison: async () => file.other.exec('DROP TRIGGER no_poison; DROP TRIGGER no_poison_history'),
      history: async ({ collection, key }) =>
        file.other
          .prepare(
            `SELECT spillway_version AS version, spillway_deleted AS deleted FROM spillway_records_history
             WHERE collection = ? AND record_key = ? ORDER BY spillway_version`,
          )
          .all(collection, key)
          .map((row) => ({ version: Number(row.version), deleted: row.deleted === 1 })),
      async reset() {
        for (const table of TABLES) other.exec(`DELETE FROM spillway_${table}`)
        refusePoison()
      },
      close: () => file.close(),
    }
  },
})

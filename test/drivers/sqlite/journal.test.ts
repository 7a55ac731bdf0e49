import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSqliteJournal } from '../../../src/drivers/sqlite/journal.ts'
import { journalSuite } from '../../conformance/journal-suite.ts'

journalSuite('SQLite file', {
  async open() {
    const directory = await mkdtemp(join(tmpdir(), 'spillway-journal-'))
    const path = join(directory, 'journal.db')
    let journal = await openSqliteJournal({ path, partitions: 3 })
    return {
      journal,
      reopen: async () => {
        await journal.close()
        journal = await openSqliteJournal({ path, partitions: 3 })
        return journal
      },
      close: async () => {
        await journal.close()
        await rm(directory, { recursive: true })
      },
    }
  },
})

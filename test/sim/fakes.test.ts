import { CALM, FakeDatabase, FakeFront, FakeJournal, SimProcess } from '../../src/testing/index.ts'
import { FakeFused } from '../../src/testing/fake-fused.ts'
import { databaseSuite } from '../conformance/database-suite.ts'
import { frontSuite } from '../conformance/front-suite.ts'
import { fusedSuite } from '../conformance/fused-suite.ts'
import { journalSuite } from '../conformance/journal-suite.ts'
import { RunningWorld } from './running-world.ts'

frontSuite('simulated', {
  runs: 60,
  open: (options) => {
    const { world, board, process, ...rest } = openWorld()
    const fake = new FakeFront({ world, board, shared: false, releaseEagerness: 0.5, ...options })
    return Promise.resolve({
      front: fake.connect(process),
      elapse: (ms) => process.clock.sleep(ms),
      close: rest.close,
    })
  },
})

for (const exclusive of [true, false]) {
  journalSuite(exclusive ? 'simulated file' : 'simulated broker', {
    runs: 10,
    open: () => {
      const { world, board, process, close } = openWorld()
      const fake = new FakeJournal({ world, board, partitions: 3, exclusive })
      fake.weather = CALM
      return Promise.resolve({
        journal: fake.connect(process),
        reopen: () => Promise.resolve(fake.connect(process)),
        close,
      })
    },
  })
}

fusedSuite('simulated', {
  open: ({ partitions, ageMax }) => {
    const { world, board, process, close } = openWorld()
    const fake = new FakeFused({ world, board, partitions, ageMax, releaseEagerness: 0.5 })
    fake.weather = CALM
    return Promise.resolve({
      fused: fake.connect(process),
      connect: () => Promise.resolve(fake.connect(new SimProcess(world, 'another'))),
      elapse: (ms) => process.clock.sleep(ms),
      changeIdentity: () => Promise.resolve(fake.failover(false)),
      close,
    })
  },
})

databaseSuite('simulated', {
  runs: 20,
  open: async ({ tables, partitions, ageMax, parkedMax }) => {
    const { world, board, process, close } = openWorld()
    const fake = new FakeDatabase({ world, board, ageMax, parkedMax })
    fake.weather = CALM
    const database = fake.connect(process)
    await database.prepare(tables, partitions)
    return {
      database,
      acceptPoison: () => {
        fake.rejecting = false
        return Promise.resolve()
      },
      history: ({ collection, key }) =>
        Promise.resolve(
          fake.state.history
            .filter((row) => row.collection === collection && row.key === key)
            .map((row) => ({ version: row.version, deleted: row.value === undefined })),
        ),
      close,
    }
  },
})

function openWorld(): Pick<RunningWorld, 'world' | 'board' | 'process'> & { close: () => Promise<void> } {
  const one = new RunningWorld()
  return { world: one.world, board: one.board, process: one.process, close: () => one.close() }
}

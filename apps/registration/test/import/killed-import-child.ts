/** Imports `FILE` into `FOLDER` and kills itself, without a word to anybody, once `LINES` lines are done. */
import { systemClock } from '../../src/clock.ts'
import { makeServices } from '../../src/services.ts'
import { secretFromFile } from '../../src/people/keys.ts'
import { openStore } from '../../src/store/store.ts'

const [file, folder, lines] = process.argv.slice(2) as [string, string, string]

const store = await openStore({
  front: 'memory:',
  journal: `sqlite:${folder}/journal.db`,
  database: `sqlite:${folder}/app.db`,
})
// A second passes at every look, so that progress is told after every batch.
let ahead = 0
const clock = { now: () => systemClock.now() + (ahead += 1_000) }
const services = makeServices({ store, secret: secretFromFile(`${folder}/secret.key`), folder, clock })
await services.imports.run('candidates', file, (progress) => {
  if (progress.lines >= Number(lines)) process.kill(process.pid, 'SIGKILL')
})

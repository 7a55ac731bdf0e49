/**
 * `backlog`: saves of made-up people, acknowledged and not landed, then it waits to be killed: what a restart has to
 * catch up with. `recovery` starts it. The ready line comes when all are acknowledged.
 */
import { once } from 'node:events'
import { join } from 'node:path'
import { systemClock } from '../clock.ts'
import type { FormService } from '../form/form-service.ts'
import { candidateId } from '../generate/people.ts'
import { HistoryFile } from '../load/history-file.ts'
import { Asker, PUBLISHED_MIX } from '../load/mix.ts'
import { placesOf } from './options.ts'
import type { CommandLine } from './options.ts'
import { openServices } from './opened.ts'
import { ProgressLine, data } from './output.ts'

const SAVES = 1_000_000
const PEOPLE = 100_000
/** Saves under way: as many candidates press the button at a time. */
const AT_ONCE = 512

export async function backlogVerb(line: CommandLine): Promise<number> {
  const places = placesOf(line)
  const saves = line.whole('count', SAVES)
  const history = new HistoryFile(join(places.folder, 'history.jsonl'))
  const opened = await openServices({ ...places, store: { ...places.store, role: 'api' } })
  const backlog = new Backlog(opened.services.forms, history, saves, line.whole('people', PEOPLE))
  await backlog.save(line.whole('connections', AT_ONCE), line.whole('seed', 1))
  history.close()
  data({ ready: true, url: '', saves })
  await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')])
  await opened.services.store.close({ drainMs: 0 })
  return 0
}

class Backlog {
  readonly #forms: FormService
  readonly #history: HistoryFile
  readonly #saves: number
  readonly #people: number
  readonly #progress = new ProgressLine()
  #begun = 0

  constructor(forms: FormService, history: HistoryFile, saves: number, people: number) {
    this.#forms = forms
    this.#history = history
    this.#saves = saves
    this.#people = people
  }

  async save(atOnce: number, seed: number): Promise<void> {
    const drivers = Math.min(atOnce, this.#people)
    await Promise.all(Array.from({ length: drivers }, (_, index) => this.#drive(index, drivers, seed)))
    this.#progress.end()
  }

  /** Candidates of its own, one after the other, again and again: each save is on the version before it. */
  async #drive(index: number, drivers: number, seed: number): Promise<void> {
    const asker = new Asker(seed * 10_007 + index, PUBLISHED_MIX)
    const versions: number[] = []
    const own = Math.ceil((this.#people - index) / drivers)
    for (let turn = 0; this.#begun < this.#saves; turn += 1) {
      this.#begun += 1
      const n = turn % own
      const candidate = candidateId(n * drivers + index)
      const choices = asker.choices()
      const { version, form } = await this.#forms.save(
        candidate,
        choices,
        versions[n] ?? 0,
        Promise.resolve(),
      )
      versions[n] = version
      const { receipt, savedAt } = form
      // The receipt is a keyed hash of the choices: they need not be written down a million times.
      this.#history.add({ kind: 'save', candidate, outcome: 'saved', version, receipt, savedAt })
      this.#progress.show(`${this.#begun} of ${this.#saves} saves`, systemClock.now())
    }
  }
}

/** What is kept of a round for whoever has to find out what happened: history, verdict, rows and every log. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder } from '../repo.ts'
import type { Course, RoundOptions } from './course.ts'
import type { Sessions } from './sessions.ts'
import type { World } from './world.ts'

const BREACHES_MAX = 12

interface Kept {
  readonly world: World
  readonly clients: Sessions
  readonly course: Course
  readonly breaches: readonly string[]
}

export function folderOf({ fault, profile, seed, round }: RoundOptions): string {
  const name = `${fault.name}-${profile}-${seed}-${round}`.replace(/[^a-z0-9-]+/g, '-')
  return join(cacheFolder, 'chaos', name)
}

/** Returns the folder. */
export function keptIn(folder: string, { world, clients, course, breaches }: Kept): string {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const lines = (events: readonly object[]): string =>
    events.map((event) => `${JSON.stringify(event)}\n`).join('')
  writeFileSync(join(folder, 'history.jsonl'), lines(clients.events))
  writeFileSync(join(folder, 'final-reads.jsonl'), lines(course.finalReads.flat()))
  writeFileSync(
    join(folder, 'round.json'),
    JSON.stringify(
      {
        breaches: breaches.slice(0, BREACHES_MAX),
        window: course.window,
        answers: [...clients.answers],
        rows: [...(course.rows ?? [])],
      },
      (_, value: unknown) => (value instanceof Map ? [...value] : value),
      2,
    ),
  )
  for (const node of world.nodes) writeFileSync(join(folder, `${node.name}.log`), node.said())
  return folder
}

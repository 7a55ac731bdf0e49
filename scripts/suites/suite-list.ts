import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { repoRoot } from '../repo.ts'
import { needs } from './needs.ts'

export type Runtime = 'node' | 'bun'

/** One line of test/suites.json. */
export type Suite = {
  name: string
  /** What a reader may believe once it is green. */
  proves: string
  /** The folder whose `*.test.ts` files are run. */
  folder: string
  needs?: string[]
  /** Part of `npm run test:fast`. */
  fast?: boolean
  /** One file at a time, for suites of real processes that would disturb each other. */
  serial?: boolean
  deadlineSeconds?: number
  /** Where it runs, and the least number of tests that must pass or fail there; skipped ones do not count. */
  testsMin: Partial<Record<Runtime, number>>
}

export const suitesFile = join(repoRoot, 'test', 'suites.json')

export const readSuites = (file: string = suitesFile): Suite[] => {
  const { suites } = JSON.parse(readFileSync(file, 'utf8')) as { suites: Suite[] }
  for (const suite of suites) {
    const unknown = (suite.needs ?? []).filter((need) => needs[need] === undefined)
    if (unknown.length > 0)
      throw new Error(
        `${file}: suite ${suite.name} needs ${unknown}, which scripts/suites/needs.ts does not know`,
      )
    if (runtimesOf(suite).length === 0)
      throw new Error(`${file}: suite ${suite.name} names no runtime in testsMin`)
  }
  return suites
}

export const runtimesOf = (suite: Suite): Runtime[] =>
  (['node', 'bun'] as const).filter((runtime) => suite.testsMin[runtime] !== undefined)

/** Raises the least numbers to what just ran; they are lowered by hand only, where a reviewer sees it. */
export const raiseMinimums = (counts: { suite: Suite; runtime: Runtime; ran: number }[]): string[] => {
  const file = JSON.parse(readFileSync(suitesFile, 'utf8')) as { suites: Suite[] }
  const raised: string[] = []
  for (const { suite, runtime, ran } of counts) {
    const entry = file.suites.find(({ name }) => name === suite.name)
    const before = entry?.testsMin[runtime]
    if (entry === undefined || before === undefined || ran <= before) continue
    entry.testsMin[runtime] = ran
    raised.push(`${suite.name} on ${runtime}: ${before} -> ${ran}`)
  }
  if (raised.length > 0) writeFileSync(suitesFile, `${JSON.stringify(file, null, 2)}\n`)
  return raised
}

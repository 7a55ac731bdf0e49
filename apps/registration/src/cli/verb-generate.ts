/** `generate`: the CSV files of made-up people; `sessions`: tokens made beforehand, for load. */
import { systemClock } from '../clock.ts'
import { generateFiles } from '../generate/files.ts'
import { candidateId } from '../generate/people.ts'
import { keysOf, secretFromFile } from '../people/keys.ts'
import { SessionTokens } from '../people/session-token.ts'
import { UsageError, placesOf } from './options.ts'
import type { CommandLine } from './options.ts'
import { data, tell } from './output.ts'

export async function generateVerb(line: CommandLine): Promise<number> {
  const folder = line.text('folder')
  if (folder === undefined) throw new UsageError('generate needs --folder DIR.')
  const people = line.whole('people', 5_000)
  const files = await generateFiles({
    people,
    folder,
    codeKey: keysOf(secretFromFile(placesOf(line).secretFile)).oneTimeCode,
    readySecrets: line.flag('ready-secrets'),
  })
  for (const [, path] of files) data(path)
  tell(`${people} candidates. Import with: import ${folder}/*.csv`)
  return 0
}

/** A line of JSON each, `{"candidate","token"}`: of generated people who never changed their credential. */
export async function sessionsVerb(line: CommandLine): Promise<number> {
  const tokens = new SessionTokens(keysOf(secretFromFile(placesOf(line).secretFile)).session)
  const nowMs = systemClock.now()
  const lifeMs = line.whole('hours', 2) * 3_600_000
  for (let n = 0; n < line.whole('count', 1_000); n += 1) {
    const candidate = candidateId(n)
    data({ candidate, token: tokens.make({ role: 'candidate', id: candidate }, 0, nowMs, lifeMs).token })
  }
  return 0
}

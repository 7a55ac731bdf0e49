/**
 * What clients were told. One line of JSON each, in the order in which a client got its answers:
 *
 *   {"kind":"save","candidate","choices":[{school,major}…],"outcome":"saved","version","receipt","savedAt"}
 *   {"kind":"confirm","candidate","outcome":"saved","version","receipt","savedAt","confirmedAt"}
 *   {"kind":"save"|"confirm","candidate","choices"?,"outcome":"refused","code"}      nothing may have happened
 *   {"kind":"save"|"confirm","candidate","choices"?,"outcome":"unknown"}             anything may have happened
 *   {"kind":"read","candidate","version","receipt"?}                                 version 0: never saved
 *
 * The lines of a candidate are in one file and in order: a form has one client at a time.
 */
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'

export interface Choice {
  readonly school: string
  readonly major: string
}

export interface Answer {
  readonly kind: 'save' | 'confirm' | 'read'
  readonly candidate: string
  readonly outcome?: 'saved' | 'refused' | 'unknown'
  readonly choices?: readonly Choice[]
  readonly version?: number
  readonly receipt?: string
  readonly savedAt?: string
  readonly confirmedAt?: string
  readonly code?: string
}

export interface Answers {
  readonly byCandidate: ReadonlyMap<string, readonly Answer[]>
  readonly lines: number
  /** Lines that are no answers: a history that was cut off in its last line is still a history. */
  readonly broken: readonly string[]
}

export async function readAnswers(files: readonly string[]): Promise<Answers> {
  const byCandidate = new Map<string, Answer[]>()
  const broken: string[] = []
  let lines = 0
  for (const file of files) {
    let number = 0
    let last = ''
    for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
      number += 1
      if (last !== '') broken.push(last)
      last = ''
      if (line === '') continue
      const answer = asAnswer(line)
      if (answer === undefined) {
        last = `${file}:${number} is no answer: ${line.slice(0, 80)}`
        continue
      }
      lines += 1
      const known = byCandidate.get(answer.candidate)
      if (known === undefined) byCandidate.set(answer.candidate, [answer])
      else known.push(answer)
    }
  }
  return { byCandidate, lines, broken }
}

function asAnswer(line: string): Answer | undefined {
  try {
    const answer = JSON.parse(line) as Answer
    const known = answer.kind === 'save' || answer.kind === 'confirm' || answer.kind === 'read'
    return known && typeof answer.candidate === 'string' ? answer : undefined
  } catch {
    return undefined
  }
}

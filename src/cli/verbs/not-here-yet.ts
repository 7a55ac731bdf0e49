/**
 * Verbs whose names are taken but whose work is not part of this version. They are not in the help.
 */
import { EXIT, VerbFailure } from '../exit-code.ts'
import type { Verb } from '../verb.ts'

const absent = (name: string): Verb => ({
  name,
  summary: 'Not in this version.',
  args: '[rest...]',
  hidden: true,
  run: () => Promise.reject(new VerbFailure(EXIT.usage, `${name}: not in this version.`)),
})

export const quota = absent('quota')
export const intake = absent('intake')

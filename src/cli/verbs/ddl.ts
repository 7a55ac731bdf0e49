import { STORE_OPTIONS } from '../../options/serve-options.ts'
import { EXIT } from '../exit-code.ts'
import type { Verb } from '../verb.ts'

export const ddl: Verb = {
  name: 'ddl',
  summary: 'x',
  options: STORE_OPTIONS,
  run: () => Promise.resolve(EXIT.failed),
}

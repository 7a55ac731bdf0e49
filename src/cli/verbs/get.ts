import { SpillwayError } from '../../errors.ts'
import { CLIENT_OPTIONS } from '../../options/client-options.ts'
import { clientOf, timeoutMs, wholeNumber } from '../client.ts'
import { EXIT } from '../exit-code.ts'
import type { ReadOptions } from '../../index.ts'
import type { Invocation, Verb } from '../verb.ts'

function readOptions(invocation: Invocation): ReadOptions {
  const { stale } = invocation.flags
  if (stale !== undefined && stale !== 'ok') throw new SpillwayError('invalid', '--stale takes only ok.')
  const atLeast = wholeNumber(invocation, '--at-least', 'atLeast')
  const timeout = timeoutMs(invocation)
  return {
    ...(atLeast === undefined ? {} : { atLeast }),
    ...(timeout === undefined ? {} : { timeoutMs: timeout }),
    ...(stale === 'ok' ? { stale } : {}),
  }
}

export const get: Verb = {
  name: 'get',
  summary: 'Read a record: its value on stdout.',
  args: '<collection> <key>',
  options: CLIENT_OPTIONS,
  flags: [
    ['--at-least <version>', 'Wait until this version is readable: read your own write.'],
    ['--timeout-ms <ms>', 'Bound on that wait, at most 60000. (default: 5000)'],
    ['--stale <ok>', 'Take an older value from SQL when the front is away.'],
  ],
  examples: ['spillway get forms 4711', 'spillway get forms 4711 --json | jq .version'],
  run: async (invocation) => {
    const { terminal, args, flags } = invocation
    const [collection = '', key = ''] = args
    const record = await clientOf(invocation).records(collection).getJson(key, readOptions(invocation))
    if (record === undefined)
      throw new SpillwayError('not-found', `No record ${JSON.stringify(key)} in ${collection}.`)
    const json = new TextDecoder().decode(record.json)
    if (flags.json === true) {
      // Spliced, not parsed: the value stays the text that was put, with every digit of its numbers.
      terminal.out(
        `{"collection":${JSON.stringify(collection)},"key":${JSON.stringify(key)},"version":${record.version},"value":${json}}`,
      )
    } else {
      terminal.out(json)
      terminal.say(terminal.errPaint.dim(`version ${record.version}`))
    }
    return EXIT.ok
  },
}

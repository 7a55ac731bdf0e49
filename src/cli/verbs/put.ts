import { CLIENT_OPTIONS } from '../../options/client-options.ts'
import { clientOf, valueFrom } from '../client.ts'
import { EXIT } from '../exit-code.ts'
import { WRITE_FLAGS, checkWait, printReceipt, writeOptions } from '../write-verb.ts'
import type { Verb } from '../verb.ts'

export const put: Verb = {
  name: 'put',
  summary: 'Write a record: its version on stdout.',
  args: '<collection> <key> [value]',
  description: 'Write a record. The value is JSON: the argument, @file, or - (or nothing) for stdin.',
  options: CLIENT_OPTIONS,
  flags: WRITE_FLAGS,
  examples: [
    `spillway put forms 4711 '{"choices":["a","b"]}'`,
    'spillway put forms 4711 @form.json --if-version 0',
    'cat form.json | spillway put forms 4711 - --wait landed',
  ],
  run: async (invocation) => {
    const [collection = '', key = '', argument] = invocation.args
    checkWait(invocation)
    const options = writeOptions(invocation)
    const records = clientOf(invocation).records(collection)
    const receipt = await records.putJson(key, await valueFrom(argument), options)
    await printReceipt(invocation, receipt)
    return EXIT.ok
  },
}

import { CLIENT_OPTIONS } from '../../options/client-options.ts'
import { clientOf } from '../client.ts'
import { EXIT } from '../exit-code.ts'
import { WRITE_FLAGS, checkWait, printReceipt, writeOptions } from '../write-verb.ts'
import type { Verb } from '../verb.ts'

export const del: Verb = {
  name: 'delete',
  summary: 'Delete a record, also an absent one: the version of the delete on stdout.',
  args: '<collection> <key>',
  options: CLIENT_OPTIONS,
  flags: WRITE_FLAGS,
  run: async (invocation) => {
    const [collection = '', key = ''] = invocation.args
    checkWait(invocation)
    const receipt = await clientOf(invocation).records(collection).delete(key, writeOptions(invocation))
    await printReceipt(invocation, receipt)
    return EXIT.ok
  },
}

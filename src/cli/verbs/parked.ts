/**
 * `spillway parked …`: what the database did not accept as data, and the two ways out.
 */
import { SpillwayError } from '../../errors.ts'
import { CLIENT_OPTIONS } from '../../options/client-options.ts'
import { clientOf, wholeNumber } from '../client.ts'
import { EXIT } from '../exit-code.ts'
import { bytes, columns } from '../terminal/columns.ts'
import { printReceipt } from '../write-verb.ts'
import type { Verb } from '../verb.ts'

const LIST_MAX = 1_000

const list: Verb = {
  name: 'ls',
  summary: 'List parked writes.',
  options: CLIENT_OPTIONS,
  flags: [
    ['--collection <name>', 'Only of this collection.'],
    ['--after <cursor>', 'Go on where the last list ended: its `next`.'],
    ['--limit <count>', `At most so many, up to ${LIST_MAX}. (default: 100)`],
  ],
  run: async (invocation) => {
    const { terminal, flags } = invocation
    const limit = wholeNumber(invocation, '--limit', 'limit', LIST_MAX) ?? 100
    const page = await clientOf(invocation).parked.list({
      limit,
      ...(typeof flags.collection === 'string' ? { collection: flags.collection } : {}),
      ...(typeof flags.after === 'string' ? { after: flags.after } : {}),
    })
    if (flags.json === true) {
      terminal.out(JSON.stringify(page))
      return EXIT.ok
    }
    if (page.items.length === 0) {
      terminal.say('Nothing is parked.')
      return EXIT.ok
    }
    const rows = page.items.map((item) => [
      item.collection,
      JSON.stringify(item.key).slice(1, -1),
      String(item.version),
      item.attempts,
      bytes(item.bytes),
      item.at,
      item.cause,
    ])
    for (const line of columns([
      ['collection', 'key', 'version', 'attempts', 'size', 'at', 'cause'],
      ...rows,
    ]))
      terminal.out(line)
    if (page.next !== null) terminal.say(`more: spillway parked ls --after ${page.next}`)
    return EXIT.ok
  },
}

const show: Verb = {
  name: 'show',
  summary: 'Show a parked write with its value.',
  args: '<collection> <key>',
  options: CLIENT_OPTIONS,
  run: async (invocation) => {
    const { terminal, args, flags } = invocation
    const [collection = '', key = ''] = args
    const item = await clientOf(invocation).parked.get(collection, key)
    if (item === undefined)
      throw new SpillwayError('not-found', `Nothing is parked under ${collection}/${key}.`)
    const { json, ...info } = item
    const text = json === undefined ? undefined : new TextDecoder().decode(json)
    if (flags.json === true) {
      const head = JSON.stringify({ ...info, delete: text === undefined })
      terminal.out(text === undefined ? head : `${head.slice(0, -1)},"value":${text}}`)
      return EXIT.ok
    }
    terminal.say(`version ${info.version}, parked ${info.at} after ${info.attempts} attempts: ${info.cause}`)
    if (text === undefined) terminal.say('It is a delete.')
    else terminal.out(text)
    return EXIT.ok
  },
}

const retry: Verb = {
  name: 'retry',
  summary: 'Land a parked write now, after the cause was mended.',
  args: '<collection> <key>',
  options: CLIENT_OPTIONS,
  run: async (invocation) => {
    const [collection = '', key = ''] = invocation.args
    await printReceipt(invocation, await clientOf(invocation).parked.retry(collection, key))
    return EXIT.ok
  },
}

const resolve: Verb = {
  name: 'resolve',
  summary: 'Replace a parked write by a newer one: a delete, or what the table has.',
  args: '<collection> <key>',
  options: CLIENT_OPTIONS,
  flags: [
    ['--with <what>', 'delete: the record is deleted; table: the value in the table stands.'],
    ['--version <version>', 'The parked version that was looked at (see parked show).'],
  ],
  run: async (invocation) => {
    const [collection = '', key = ''] = invocation.args
    const how = invocation.flags.with
    const version = wholeNumber(invocation, '--version', 'version')
    if (how !== 'delete' && how !== 'table')
      throw new SpillwayError('invalid', 'Give --with delete or --with table.')
    if (version === undefined)
      throw new SpillwayError('invalid', 'Give --version: the parked version that was looked at.')
    await printReceipt(
      invocation,
      await clientOf(invocation).parked.resolve(collection, key, { with: how, version }),
    )
    return EXIT.ok
  },
}

export const parked: Verb = {
  name: 'parked',
  summary: 'Writes that the database did not accept as data: ls, show, retry, resolve.',
  verbs: [list, show, retry, resolve],
}

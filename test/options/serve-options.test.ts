import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { collection } from '../../src/options/collection.ts'
import { defaultText } from '../../src/options/declare.ts'
import { environmentWarnings } from '../../src/options/environment.ts'
import { resolveServeOptions } from '../../src/options/serve-options.ts'
import { TIER_OPTIONS, checkTierOptions } from '../../src/options/tier-options.ts'
import type { OptionPlaces } from '../../src/options/serve-options.ts'
import type { TierOptions } from '../../src/options/tier-options.ts'
import type { ValuesOf } from '../../src/options/declare.ts'

const settings = (places: Partial<OptionPlaces>) =>
  resolveServeOptions({ flags: {}, environment: {}, ...places })
const file = (options: object) => ({ path: 'spillway.config.ts', options })

// The declared data and the written interface are the same options with the same types, or this does not compile.
type Plain = Required<Omit<TierOptions, 'collections' | 'logger' | 'clients'>>
type Declared = Required<ValuesOf<typeof TIER_OPTIONS>>
const sameOptions: [Plain, Declared] extends [Declared, Plain] ? true : false = true

test('the declared options of open are the ones of its interface', () => {
  expect(sameOptions).toBe(true)
})

describe('precedence', () => {
  test('flag > environment > file > default', () => {
    const environment = { SPILLWAY_PORT: '2' }
    const config = file({ server: { port: 3 } })
    expect(settings({ flags: { port: '1' }, environment, file: config }).server.port).toBe(1)
    expect(settings({ environment, file: config }).server.port).toBe(2)
    expect(settings({ file: config }).server.port).toBe(3)
    expect(settings({}).server.port).toBe(7070)
  })

  test('each value knows the place it came from', () => {
    const { source } = settings({
      flags: { host: '::1' },
      environment: { SPILLWAY_PARTITIONS: '4' },
      file: file({ data: 'd' }),
    })
    expect(source).toMatchObject({ host: 'flag', partitions: 'environment', data: 'file', port: 'default' })
  })

  test('a variable set to nothing counts as not set', () => {
    expect(settings({ environment: { SPILLWAY_PORT: '' } }).server.port).toBe(7070)
  })
})

describe('the embedded profile', () => {
  test('a data folder holds journal.db and app.db', () => {
    const { tier, data } = settings({ flags: { data: 'some/where' } })
    expect(data).toBe('some/where')
    expect(tier).toMatchObject({
      front: 'memory:',
      journal: `sqlite:${resolve('some/where/journal.db')}`,
      database: `sqlite:${resolve('some/where/app.db')}`,
    })
  })

  test('URLs win over the folder, one by one', () => {
    const { tier, data } = settings({ flags: { data: '/d', journal: 'sqlite:/j.db' } })
    expect(tier).toMatchObject({ journal: 'sqlite:/j.db', database: 'sqlite:/d/app.db' })
    expect(data).toBe('/d')
    expect(settings({ flags: { journal: 'sqlite:/j.db', database: 'sqlite:/a.db' } }).data).toBeUndefined()
  })

  test('collections and a logger of the config file reach open', () => {
    const forms = collection('forms')
    expect(settings({ file: file({ collections: [forms] }) }).tier.collections).toEqual([forms])
  })
})

describe('bad input is refused, names its place and offers the nearest name', () => {
  test.each([
    [
      'a flag out of range',
      { flags: { port: '70000' } },
      /--port must be a whole number from 0 to 65535, not 70000/,
    ],
    ['a flag that is no number', { flags: { port: '7e3' } }, /--port/],
    [
      'a variable',
      { environment: { SPILLWAY_PORT: 'tcp://10.0.0.1:7070' } },
      /Variable SPILLWAY_PORT must be/,
    ],
    [
      'a choice',
      { flags: { role: 'landr' } },
      /--role must be one of all, api, lander, not "landr"\. Did you mean lander\?/,
    ],
    [
      'a key of the file',
      { file: file({ jornal: 'sqlite:x' }) },
      /has no option "jornal"\. Did you mean journal\?/,
    ],
    [
      'a key of server in the file',
      { file: file({ server: { prot: 1 } }) },
      /server has no option "prot"\. Did you mean port\?/,
    ],
    [
      'a value of the file',
      { file: file({ server: { port: '7070' } }) },
      /spillway\.config\.ts: port must be/,
    ],
    ['server in the file that is no object', { file: file({ server: [] }) }, /server must be an object/],
    ['bytes', { flags: { frontBytesMax: '12 parsecs' } }, /--front-bytes-max/],
  ])('%s', (_, places, message) => {
    expect(() => settings(places)).toThrow(message)
  })

  test('a token is never printed', () => {
    expect(() => settings({ file: file({ server: { token: 12345 } }) })).toThrow(
      /token must be a text that is not empty\.$/,
    )
  })

  test('unknown variables with our prefix are warned about, known ones are not', () => {
    expect(environmentWarnings({ SPILLWAY_PROT: '1', SPILLWAY_PORT: '1', OTHER: '1' })).toEqual([
      'Variable SPILLWAY_PROT is not known and is ignored. Did you mean SPILLWAY_PORT?',
    ])
  })
})

test('bytes and durations may have a unit on the command line', () => {
  const { tier, server } = settings({ flags: { frontBytesMax: '64MiB', drainMs: '2s' } })
  expect(tier.frontBytesMax).toBe(64 * 2 ** 20)
  expect(server.drainMs).toBe(2_000)
})

test('defaults are shown in the largest unit that fits them exactly', () => {
  expect(defaultText(TIER_OPTIONS.frontBytesMax)).toBe('256MiB')
  expect(defaultText(TIER_OPTIONS.openTimeoutMs)).toBe('30s')
  expect(defaultText({ kind: 'ms', min: 0, max: 9_999, default: 1_500, meaning: '' })).toBe('1500ms')
  expect(defaultText(TIER_OPTIONS.parkedMax)).toBe('10000')
  expect(defaultText(TIER_OPTIONS.journal)).toBe('sqlite:DATA/journal.db')
})

describe('open checks its options', () => {
  const good: TierOptions = { front: 'memory:', journal: 'sqlite:j', database: 'sqlite:d' }

  test('good ones pass', () => {
    expect(() => checkTierOptions({ ...good, collections: [], partitions: 1 })).not.toThrow()
  })

  test.each([
    [{ ...good, partitons: 4 }, /open has no option "partitons"\. Did you mean partitions\?/],
    [{ ...good, partitions: 0 }, /open: partitions must be a whole number from 1 to 256, not 0/],
    [{ ...good, journal: undefined }, /open needs journal/],
    [{ ...good, acceptLoss: 'yes' }, /acceptLoss must be true or false/],
  ])('%#: bad ones are invalid and say why', (options, message) => {
    expect(() => checkTierOptions(options as unknown as TierOptions)).toThrow(message)
  })
})

/** The options of the command line: declared once, for parsing and for --help. */
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { CHOICES_MAX } from '../services.ts'
import type { StoreOptions } from '../store/store.ts'

export class UsageError extends Error {}

const OPTIONS = {
  data: [
    'DIR',
    'folder of the embedded stores, the secret, imports and exports; default .cache/registration',
  ],
  front: ['URL', 'as `spillway serve`; default memory:'],
  journal: ['URL', 'as `spillway serve`; default sqlite:DIR/journal.db'],
  database: ['URL', 'as `spillway serve`; default sqlite:DIR/app.db'],
  role: ['all|api|lander', 'which loops run in this process; default all'],
  partitions: [
    'COUNT',
    'of new stores: fewer save faster in Redis, more land on more connections; default as `spillway serve`',
  ],
  'front-mib': ['MEBIBYTES', 'memory of the front in this process; default 256 (soak: 4)'],
  'secret-file': [
    'FILE',
    '64 hexadecimal digits, the same for all processes; default DIR/secret.key, made if missing',
  ],
  port: ['PORT', 'default 7080; 0 = a free one'],
  host: ['ADDRESS', 'default 127.0.0.1'],
  'trust-proxy': ['', 'take addresses from X-Forwarded-For'],
  'choices-max': ['COUNT', 'choices that a form may have, the same for all processes; default 80'],
  people: ['COUNT', 'generated candidates where there are none; default 5000 embedded, 0 otherwise'],
  folder: ['DIR', 'where files go (generate, export)'],
  'ready-secrets': ['', 'generate: keyed hashes instead of one-time codes'],
  opens: ['INSTANT', 'window: when saving begins, such as 2026-06-26T09:00:00+08:00'],
  closes: ['INSTANT', 'window: when it ends'],
  login: ['LOGIN', 'reset-password: whose (ID number of a candidate)'],
  as: ['candidate|teacher|staff', 'reset-password: default candidate'],
  count: ['COUNT', 'sessions, recovery: how many; default 1000 and 1000000'],
  hours: ['HOURS', 'sessions: how long they last; default 2'],
  seconds: [
    'SECONDS',
    'load, evening: how long; default 20 and 120. recovery: serving again after at most, default 60',
  ],
  connections: ['COUNT', 'load, evening: connections, each with one request out; default 64'],
  seed: ['NUMBER', 'load, evening: another one asks for other things; default 1'],
  pace: ['COUNT', 'evening: asks a second when it is busy and not at its height; default 1500'],
  servers: [
    '',
    'load, evening, recovery: on a Redis and a MariaDB of its own (npm run services); evening: two servers',
  ],
  'runtime-path': [
    'FILE',
    'load, evening, recovery: the program that runs the server, such as a Bun; default this one',
  ],
  sabotage: [
    'HOW',
    'ack-before-journal (serve, demo) or leak (soak) makes the server wrong, to see the proof fail',
  ],
  'memory-log': ['FILE', 'serve: what is alive after a collection, a line of JSON each time'],
  'memory-every': ['MILLISECONDS', 'serve: how often that is; default 5000'],
  json: ['', 'results as JSON on stdout'],
  help: ['', 'this text'],
} as const

type OptionName = keyof typeof OPTIONS

export interface CommandLine {
  readonly verb: string
  readonly rest: readonly string[]
  text(name: OptionName): string | undefined
  flag(name: OptionName): boolean
  whole(name: OptionName, usual: number): number
}

/** Throws UsageError for what is unknown. `extra` are arguments that a verb hands on (`check`). */
export function commandLine(args: readonly string[]): CommandLine {
  const options = Object.fromEntries(
    Object.entries(OPTIONS).map(([name, [value]]) => [name, { type: value === '' ? 'boolean' : 'string' }]),
  ) as Record<string, { type: 'boolean' | 'string' }>
  let parsed
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
  const { values, positionals } = parsed
  return {
    verb: positionals[0] ?? 'serve',
    rest: positionals.slice(1),
    text: (name) => values[name] as string | undefined,
    flag: (name) => values[name] === true,
    whole: (name, usual) => {
      const given = values[name] as string | undefined
      if (given === undefined) return usual
      if (!/^\d{1,9}$/.test(given)) throw new UsageError(`--${name} must be a whole number; it is ${given}.`)
      return Number(given)
    },
  }
}

export interface Places {
  readonly folder: string
  readonly secretFile: string
  readonly store: StoreOptions
  readonly choicesMax: number
  readonly isEmbedded: boolean
}

/** `usual`: the data folder where none is named. */
export function placesOf(line: CommandLine, usual?: string): Places {
  const folder = resolve(line.text('data') ?? usual ?? join('.cache', 'registration'))
  const front = line.text('front') ?? 'memory:'
  const journal = line.text('journal') ?? `sqlite:${join(folder, 'journal.db')}`
  const database = line.text('database') ?? `sqlite:${join(folder, 'app.db')}`
  const role = line.text('role') ?? 'all'
  if (role !== 'all' && role !== 'api' && role !== 'lander')
    throw new UsageError(`--role must be all, api or lander; it is ${role}.`)
  const sabotage = line.text('sabotage')
  if (sabotage !== undefined && sabotage !== 'ack-before-journal' && sabotage !== 'leak')
    throw new UsageError(`--sabotage is ack-before-journal or leak; it is ${sabotage}.`)
  return {
    folder,
    secretFile: line.text('secret-file') ?? join(folder, 'secret.key'),
    store: {
      front,
      journal,
      database,
      role,
      ...sizesOf(line),
      ...(sabotage === 'ack-before-journal' ? { sabotage } : {}),
    },
    choicesMax: line.whole('choices-max', CHOICES_MAX),
    isEmbedded: front === 'memory:',
  }
}

/** What is left out is what the stores were made with, or the usual. */
function sizesOf(line: CommandLine): Pick<StoreOptions, 'partitions' | 'frontBytesMax'> {
  const partitions = line.whole('partitions', 0)
  const frontMebibytes = line.whole('front-mib', 0)
  return {
    ...(partitions === 0 ? {} : { partitions }),
    ...(frontMebibytes === 0 ? {} : { frontBytesMax: frontMebibytes * 2 ** 20 }),
  }
}

export function usage(verbs: Readonly<Record<string, string>>): string {
  const width = 30
  const verbLines = Object.entries(verbs).map(([verb, meaning]) => `  ${verb.padEnd(width)}${meaning}`)
  const optionLines = Object.entries(OPTIONS).map(
    ([name, [value, meaning]]) =>
      `  ${`--${name}${value === '' ? '' : ` ${value}`}`.padEnd(width)}${meaning}`,
  )
  return ['npm run app:registration -- [verb] [options]', '', ...verbLines, '', ...optionLines, ''].join('\n')
}

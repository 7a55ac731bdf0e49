/**
 * The reference pages, made from the tables in the source that the programs themselves run on.
 */
import { exitCodeOfCode } from '../../src/cli/exit-code.ts'
import { ERRORS } from '../../src/errors.ts'
import { FINDINGS } from '../../src/findings.ts'
import { CLIENT_OPTIONS } from '../../src/options/client-options.ts'
import { defaultText, flagOf, variableOf } from '../../src/options/declare.ts'
import { PROCESS_OPTIONS, SERVER_OPTIONS } from '../../src/options/serve-options.ts'
import { TIER_OPTIONS } from '../../src/options/tier-options.ts'
import { ROUTES } from '../../src/server/handler.ts'
import type { ErrorCode } from '../../src/errors.ts'
import type { Option, OptionTable } from '../../src/options/declare.ts'

const MADE = '<!-- Made by `npm run reference` from the source. Do not edit. -->'

const cell = (text: string): string => text.replaceAll('|', '\\|')

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n')
}

const KINDS = {
  'fix-the-call': 'fix the call: the same again fails again',
  missing: 'it is not there',
  conflict: 'read the present state, decide, call again',
  'over-limit': 'wait as long as `retryAfter` says, then send the same again',
  retry: 'nothing has happened: send the same again later',
  unknown: 'settle the entry that the error names, then decide',
  operator: 'somebody has to look at the stores (`spillway doctor`)',
  closed: 'use another process, or wait for the restart',
  bug: 'report it',
} as const

function errorsPage(): string {
  const rows = (Object.keys(ERRORS) as ErrorCode[]).map((code) => [
    `<a id="${code}"></a>\`${code}\``,
    String(ERRORS[code].status),
    String(exitCodeOfCode(code)),
    ERRORS[code].meaning,
    KINDS[ERRORS[code].kind],
  ])
  return `# Errors

Every way in which Spillway says no. Programs branch on the code; the detail of an error names the limit, key or setting
that was met and says what to do. Over HTTP an error is \`application/problem+json\` with \`code\`, \`detail\` and, where
waiting helps, \`retryAfter\` in seconds; \`outcome-unknown\` carries the \`entry\` to settle.

${table(['code', 'HTTP', 'exit', 'meaning', 'what next'], rows)}
`
}

function valueColumn(option: Option): string {
  switch (option.kind) {
    case 'integer':
    case 'bytes':
    case 'ms':
      return `${option.kind === 'integer' ? 'whole number' : option.kind}, ${option.min} to ${option.max}`
    case 'choice':
      return option.choices.map((choice) => `\`${choice}\``).join(', ')
    default:
      return option.kind
  }
}

function optionRows(options: OptionTable, inFile: ((name: string) => string) | undefined): string[][] {
  return Object.entries(options)
    .filter(([, option]) => option.hidden !== true)
    .map(([name, option]) => [
      `\`${flagOf(name)}\``,
      `\`${variableOf(name)}\``,
      ...(inFile === undefined ? [] : [inFile(name)]),
      valueColumn(option),
      defaultText(option),
      option.meaning,
    ])
}

function optionsPage(): string {
  const header = ['flag', 'variable', 'config file', 'value', 'default', 'meaning']
  return `# Options

Flag > environment > config file > default. On the command line and in variables, bytes may have a unit (\`64MiB\`) and
durations too (\`10s\`). An unknown flag or key is an error that offers the nearest name; an unknown variable that begins
with \`SPILLWAY_\` is a warning. A variable set to nothing counts as not set. In Kubernetes, a service called \`spillway\`
sets \`SPILLWAY_PORT\` to a URL in every pod: give the pod \`enableServiceLinks: false\`.

A config file is a TypeScript or JavaScript module whose default export is the options of \`open\` plus
\`{ server: { … }, data }\`:

\`\`\`ts
import { collection } from 'spillway'

export default {
  data: './data',
  collections: [collection('forms', { history: true })],
  server: { port: 7070 },
}
\`\`\`

## \`serve\`, \`dev\`

${table(
  header,
  optionRows(PROCESS_OPTIONS, (name) => (name === 'data' ? '`data`' : '')),
)}

${table(
  header,
  optionRows(SERVER_OPTIONS, (name) => `\`server.${name}\``),
)}

## \`open\`, and \`serve\`, \`dev\`, \`verify\`, \`doctor\`, \`ddl\`

${table(
  header,
  optionRows(TIER_OPTIONS, (name) => `\`${name}\``),
)}

Only in a config file or in \`open\`: \`collections\`, \`logger\`.

## \`get\`, \`put\`, \`delete\`, \`trace\`, \`status\`, \`parked\`

${table(
  header.filter((name) => name !== 'config file'),
  optionRows(CLIENT_OPTIONS, undefined),
)}
`
}

function httpPage(): string {
  const rows = ROUTES.map((route) => {
    const query = Object.keys(route.query.properties)
    return [
      `\`${route.method} ${route.path}${query.length === 0 ? '' : `?${query.join('&')}`}\``,
      route.summary,
      Object.entries(route.replies)
        .map(([status, reply]) => `${status}: ${reply.meaning}`)
        .join('<br>'),
      route.errors.map((code) => `[\`${code}\`](errors.md#${code})`).join(' '),
    ]
  })
  return `# HTTP

The full description, with all schemas, is served at \`/openapi.json\`. A value travels as the JSON that it is; a version
travels as \`ETag\` and \`If-Match\` in double quotes, \`"0"\` means absent. Keys are percent-encoded in paths.

${table(['request', 'what it does', 'answers', 'its own errors'], rows)}
`
}

function doctorPage(): string {
  const rows = Object.entries(FINDINGS).map(([id, { about, state, meaning, fix }]) => [
    `<a id="${id}"></a>\`${id}\``,
    about,
    state,
    meaning,
    fix,
  ])
  return `# Findings of \`spillway doctor\`

All that it can find. Each finding says what was seen here, and its fix; \`--json\` gives \`{ok, findings: [{about, state,
found, id, fix}]}\`, where \`id\` and \`fix\` are there for what is not \`ok\`. Exit 0: nothing is bad (warnings may be
there). 1: something is bad. 7: a server does not answer. 5: another process has the data folder. What only a journal needs
is not asked of a Redis that is only the front.

${table(['id', 'about', 'state', 'what it means', 'fix'], rows)}
`
}

/** File name in docs/reference → text. */
export const pages: Readonly<Record<string, () => string>> = {
  'errors.md': () => `${MADE}\n${errorsPage()}`,
  'options.md': () => `${MADE}\n${optionsPage()}`,
  'doctor.md': () => `${MADE}\n${doctorPage()}`,
  'http.md': () => `${MADE}\n${httpPage()}`,
}

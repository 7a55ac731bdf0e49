/**
 * `npm run services -- <verb>`: the programs and servers that tests need and npm does not bring.
 * They are kept in the project's cache folder; the system is changed only where that fails and we are root.
 */
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { didYouMean } from '../src/kit/nearest.ts'
import { fetchTool } from './services/debian-packages.ts'
import { KeptServer, kinds, serverNames, servicesFolder } from './services/kept-servers.ts'
import type { ServerName, ServerStatus } from './services/kept-servers.ts'
import { logTail } from './services/server-process.ts'
import { inCache, installCommand, onPath, toolPath, tools } from './services/tools.ts'

const usage = `Usage: npm run services -- <verb> [name…] [options]

  start [server…]   start servers on loopback, durable, in .cache/services; installs what is missing
                    --port N   another port than ${serverNames.map((name) => `${kinds[name].port} (${name})`).join(', ')}; for one server
  stop [server…]    stop them; their data stays
                    --folder DIR   another folder than .cache/services, for all verbs but install
  status [name…]    what is there, where, and what runs
  logs [server…]    where their logs are, and how they end
  install <tool>…   fetch tools into .cache/debian, without root; a tool that is on PATH is used as it is
                    --even-if-present   fetch it all the same

  --json            one JSON document on stdout, everything else on stderr

Servers: ${serverNames.join(', ')} (all of them when none is named)
Tools: ${Object.entries(tools)
  .map(([name, tool]) => `${name} (${tool.usedFor})`)
  .join(', ')}

Tests start servers of their own. To let them use yours: SPILLWAY_TEST_REDIS_URL=redis://…,
SPILLWAY_TEST_MYSQL_URL=mysql://… (see docs/internals/servers-for-tests.md).`

/** Short, so that the error is not scrolled away; --help says the rest. */
const refuse = (why: string): never => {
  console.error(
    `services: ${why}\n\nUsage: npm run services -- start|stop|status|logs|install [name…] [options]\nServers: ${serverNames.join(', ')}. Tools: ${Object.keys(tools).join(', ')}. More: npm run services -- --help`,
  )
  process.exit(2)
}

// Whoever reads may go away early (| head): what was begun is still finished.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
}

const optionNames = ['help', 'json', 'port', 'folder', 'even-if-present']

const { values, positionals } = (() => {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        'even-if-present': { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        json: { type: 'boolean', default: false },
        port: { type: 'string' },
        folder: { type: 'string', default: servicesFolder },
      },
    })
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const typed = /^Unknown option '--?([^' =]+)/.exec(why)?.[1]
    return refuse(
      typed === undefined ? why : `no option is called --${typed}.${didYouMean(typed, optionNames)}`,
    )
  }
})()

/** What a person reads; with --json stdout belongs to the document. */
const say = (line: string) => (values.json ? console.error(line) : console.log(line))
const sayOf = (name: string) => (line: string) => say(`${name}: ${line}`)
const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

const keptServer = (name: ServerName) => new KeptServer(name, join(resolve(values.folder), name))

const isServer = (name: string): name is ServerName => name in kinds

const serversOf = (names: string[]): ServerName[] => {
  for (const name of names) {
    if (!isServer(name)) refuse(`no server is called "${name}".${didYouMean(name, serverNames)}`)
  }
  return names.length === 0 ? serverNames : [...new Set(names.filter(isServer))]
}

const toolsOf = (names: string[]) =>
  names.map((name) => {
    const tool = tools[name]
    return tool === undefined
      ? refuse(`no tool is called "${name}".${didYouMean(name, Object.keys(tools))}`)
      : { name, tool }
  })

const portOf = (servers: ServerName[]): number | undefined => {
  if (values.port === undefined) return undefined
  if (servers.length !== 1) refuse('--port is for one server at a time')
  const port = /^\d+$/.test(values.port) ? Number(values.port) : Number.NaN
  return port >= 1 && port <= 65_535 ? port : refuse(`--port is 1 to 65535, not "${values.port}"`)
}

type Report = Record<string, unknown>

const reportOf = async (name: string, act: () => Promise<Report> | Report): Promise<Report> => {
  try {
    return { name, ok: true, ...(await act()) }
  } catch (error) {
    console.error(`${name}: ${messageOf(error)}`)
    return { name, ok: false, error: messageOf(error) }
  }
}

const install = (name: string): Report => {
  const [wanted] = toolsOf([name])
  if (wanted === undefined) return {}
  const there = values['even-if-present'] ? undefined : onPath(wanted.tool.command)
  if (there !== undefined) {
    say(`${name}: already on PATH, used from ${there}`)
    return { path: there }
  }
  const path = fetchTool(wanted.tool, sayOf(name))
  say(`${name}: installed at ${path}`)
  return { path }
}

const start = async (name: ServerName, port: number | undefined): Promise<Report> => {
  const tool = tools[name]
  if (tool !== undefined && toolPath(name) === undefined) {
    say(`${name}: ${tool.command} is not on this machine`)
    fetchTool(tool, sayOf(name))
  }
  const status = await keptServer(name).start(port, sayOf(name))
  if (status.url !== undefined) say(`${name}: ${status.url}`)
  return status
}

const runningText = ({ running, port, pid, memoryBytes = 0, version, url, problem }: ServerStatus) => {
  if (!running) return 'not running'
  const megabytes = (memoryBytes / 1_048_576).toFixed(0)
  return `running on port ${port}, pid ${pid}, ${megabytes} MB, ${problem ?? `version ${version}`}, ${url}`
}

const status = async (name: string): Promise<Report> => {
  const [wanted] = toolsOf([name])
  if (wanted === undefined) return {}
  const path = onPath(wanted.tool.command)
  const cached = inCache(wanted.tool)
  const where = path
    ? `on PATH at ${path}`
    : cached
      ? `in the project's cache at ${cached}`
      : `absent; ${installCommand(name)}`
  const server = isServer(name) ? await keptServer(name).status() : undefined
  say(`${name}: ${where}${server === undefined ? '' : `; ${runningText(server)}`}`)
  return { program: path ?? cached ?? null, ...server }
}

const logs = (name: ServerName): Report => {
  const { logFile } = keptServer(name)
  const tail = logTail(logFile)
  say(`${name}: ${logFile}${tail === '' ? ' (nothing in it yet)' : `\n${tail.replace(/^/gm, '  ')}`}`)
  return { logFile, tail: tail === '' ? [] : tail.split('\n') }
}

const verbs: Record<string, (names: string[]) => Promise<Report>[]> = {
  start: (names) => {
    const servers = serversOf(names)
    const port = portOf(servers)
    return servers.map((name) => reportOf(name, () => start(name, port)))
  },
  stop: (names) =>
    serversOf(names).map((name) =>
      reportOf(name, async () => ({ stopped: await keptServer(name).stop(sayOf(name)) })),
    ),
  status: (names) =>
    (names.length === 0 ? Object.keys(tools) : toolsOf(names).map(({ name }) => name)).map((name) =>
      reportOf(name, () => status(name)),
    ),
  logs: (names) => serversOf(names).map((name) => reportOf(name, () => logs(name))),
  install: (names) => {
    if (names.length === 0) refuse('install needs the name of at least one tool')
    toolsOf(names)
    return names.map((name) => reportOf(name, () => install(name)))
  },
}

const [verb, ...names] = positionals
if (values.help) {
  console.log(usage)
  process.exit(0)
}
if (verb === undefined) refuse('a verb is missing')
const act =
  verbs[verb ?? ''] ?? refuse(`no verb is called "${verb}".${didYouMean(verb ?? '', Object.keys(verbs))}`)
if (values.port !== undefined && verb !== 'start') refuse(`--port belongs to start, not to ${verb}`)
if (values['even-if-present'] && verb !== 'install')
  refuse(`--even-if-present belongs to install, not to ${verb}`)

const reports = await Promise.all(act(names))
if (values.json) console.log(JSON.stringify(reports, null, 2))
process.exitCode = reports.every((report) => report['ok'] === true) ? 0 : 1

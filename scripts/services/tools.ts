import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { cacheFolder } from '../repo.ts'

export const debianFolder = join(cacheFolder, 'debian')

export type Tool = {
  /** The command as a shell knows it. */
  command: string
  debianPackages: string[]
  usedFor: string
  /** Further commands of the packages that are called by name. */
  alsoCommands?: string[]
  /** Where the program lies in its package, if its command on PATH is a script with fixed paths. */
  programPath?: string
  /**
   * It starts other people's programs, so its libraries must not stand in the environment that those inherit: the
   * loader is called by hand. Everything else gets LD_LIBRARY_PATH, which also holds where a program starts itself
   * once more.
   */
  startsOthers?: boolean
}

/** Programs that some suites need and that neither npm nor Node brings along. */
export const tools: Record<string, Tool> = {
  strace: {
    command: 'strace',
    debianPackages: ['strace'],
    usedFor: 'counting the fsyncs of a running server',
    startsOthers: true,
  },
  redis: {
    command: 'redis-server',
    debianPackages: ['redis-server', 'redis-tools'],
    usedFor: 'the front and journal of many processes',
  },
  mariadb: {
    command: 'mariadbd',
    alsoCommands: ['mariadb-install-db'],
    debianPackages: ['mariadb-server-core', 'mariadb-client-core', 'mariadb-common'],
    usedFor: 'the database that writes land in',
  },
  nginx: {
    command: 'nginx',
    debianPackages: ['nginx'],
    usedFor: 'the reverse proxy before several server processes',
  },
  chromium: {
    command: 'chromium',
    debianPackages: ['chromium', 'fonts-dejavu-core'],
    programPath: 'usr/lib/chromium/chromium',
    usedFor: 'pages in a real browser',
  },
}

export const installCommand = (tool: string): string => `npm run services -- install ${tool}`

const isProgram = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/** Where daemons lie on Debian, which the PATH of an ordinary user leaves out. */
const daemonFolders = ['/usr/sbin', '/usr/local/sbin', '/sbin']

export const onPath = (command: string, path = process.env['PATH'] ?? ''): string | undefined =>
  [...path.split(delimiter), ...(path === '' ? [] : daemonFolders)]
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, command))
    .find(isProgram)

export const toolRoot = (tool: Tool): string => join(debianFolder, 'root', tool.command)

/** Where the project's own copy is, if it was fetched: a small script that finds its libraries. */
export const inCache = (tool: Tool, command = tool.command): string | undefined =>
  [join(debianFolder, 'bin', command)].find((path) => isProgram(path) && existsSync(toolRoot(tool)))

/** The path of a tool that tests may run: the machine's own if there is one, else the project's; else undefined. */
export const toolPath = (name: string): string | undefined => {
  const tool = tools[name]
  return tool && (onPath(tool.command) ?? inCache(tool))
}

/**
 * How to run a command of a tool. `home` is set for the project's own copy: the folder to name where a program looks
 * for its files under the fixed path of a system's installation.
 */
export const programOf = (name: string, command?: string): { program: string; home?: string } => {
  const tool = tools[name]
  if (tool === undefined) throw new Error(`no tool is called ${name}`)
  const wanted = command ?? tool.command
  // All commands of a tool come from one place, or a script of one version would start a server of another.
  const system = onPath(tool.command) === undefined ? undefined : onPath(wanted)
  if (system !== undefined) return { program: system }
  const cached = inCache(tool, wanted)
  if (cached === undefined)
    throw new Error(`${wanted} is neither on PATH nor in the cache; ${installCommand(name)}`)
  return { program: cached, home: join(toolRoot(tool), 'usr') }
}

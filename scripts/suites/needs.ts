import { spawnSync } from 'node:child_process'
import { bunPath } from '../repo.ts'
import { FetchFailed, fetchTool } from '../services/debian-packages.ts'
import { installCommand, onPath, toolPath, tools } from '../services/tools.ts'

/** What a suite may need of the machine: whether it is there, whether we can get it, and how a person gets it. */
export type Need = {
  has: () => boolean
  fetch?: (say: (line: string) => void) => void
  howToGet: string
}

const nobody = 65_534

const canDropUser = (): boolean =>
  process.getuid?.() !== 0 || spawnSync('true', { uid: nobody, gid: nobody }).status === 0

/** Asked in a mount namespace of its own, which ends with the process and leaves nothing mounted. */
const canMount = (): boolean =>
  process.getuid?.() === 0 &&
  spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0

/** A program that is run as it is: from PATH, or fetched. */
const program = (name: string): Need => {
  const tool = tools[name]
  return {
    has: () => toolPath(name) !== undefined,
    ...(tool && { fetch: (say) => void fetchTool(tool, say) }),
    howToGet: installCommand(name),
  }
}

/** A server to talk to: one that the user names by URL, or a program to start a private one with. */
const server = (name: string, urlVariable: string): Need => ({
  ...program(name),
  has: () => process.env[urlVariable] !== undefined || toolPath(name) !== undefined,
  howToGet: `${installCommand(name)}, or name a server of yours: ${urlVariable}=…`,
})

export const needs: Record<string, Need> = {
  bun: {
    has: () => bunPath() !== undefined,
    howToGet: 'npm ci (Bun comes as an optional dependency on Linux and on Apple silicon)',
  },
  strace: program('strace'),
  redis: server('redis', 'SPILLWAY_TEST_REDIS_URL'),
  mariadb: server('mariadb', 'SPILLWAY_TEST_MYSQL_URL'),
  // For suites that kill, pause and set servers, which a user's own must never suffer.
  'redis-server': program('redis'),
  'mariadb-server': program('mariadb'),
  nginx: program('nginx'),
  chromium: program('chromium'),
  'debian-packages': {
    has: () => ['apt-get', 'dpkg', 'ldd'].every((command) => onPath(command) !== undefined),
    howToGet: 'run on Debian or a system made from it, with its package archive in reach',
  },
  'uid-drop': {
    has: canDropUser,
    howToGet: 'run as an ordinary user, or as a root that may start processes of another user (CAP_SETUID)',
  },
  mount: {
    has: canMount,
    howToGet:
      'run as root where file systems may be mounted (in a container: --privileged, or --cap-add SYS_ADMIN)',
  },
  never: { has: () => false, howToGet: 'there is no way; the tests of the runner ask for it' },
}

/** The names of what is missing, after fetching what can be fetched into the project's own cache. */
export const missingNeeds = (names: string[], say: (line: string) => void): string[] =>
  names.filter((name) => {
    const need = needs[name]
    if (need === undefined || need.has()) return need === undefined
    if (need.fetch === undefined) return true
    try {
      say(
        `needs ${name}, which is not on this machine; fetching it into the project's cache, not into the system`,
      )
      need.fetch((line) => say(`  ${line}`))
    } catch (error) {
      if (!(error instanceof FetchFailed)) throw error
      say(`  ${error.message}`)
    }
    return !need.has()
  })

import { spawnSync } from 'node:child_process'
import { bunPath } from '../repo.ts'
import { FetchFailed, fetchTool } from '../services/debian-packages.ts'
import { installCommand, toolPath, tools } from '../services/tools.ts'

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

const { strace } = tools

export const needs: Record<string, Need> = {
  bun: {
    has: () => bunPath() !== undefined,
    howToGet: 'npm ci (Bun comes as an optional dependency on Linux and on Apple silicon)',
  },
  strace: {
    has: () => toolPath('strace') !== undefined,
    ...(strace && { fetch: (say) => void fetchTool(strace, say) }),
    howToGet: installCommand('strace'),
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

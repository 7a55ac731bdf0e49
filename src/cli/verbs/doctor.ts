import { existsSync } from 'node:fs'
import { findBun, runtimeName, runtimeVersion } from '../../runtime/process.ts'
import { ERRORS, isSpillwayError } from '../../errors.ts'
import type { SpillwayError } from '../../errors.ts'
import { STORE_OPTIONS } from '../../options/serve-options.ts'
import { examineDisk } from '../doctor/disk.ts'
import { ok, wrong } from '../../kit/finding.ts'
import { examineSqliteFile } from '../doctor/sqlite-file.ts'
import { EXIT } from '../exit-code.ts'
import { existingStores, openTier } from '../open-stores.ts'
import type { FindingId, TierOptions } from '../../index.ts'
import type { Finding } from '../../kit/finding.ts'
import type { Invocation, Verb } from '../verb.ts'

const UNREACHABLE: readonly FindingId[] = ['redis-unreachable', 'mariadb-unreachable']

const isBad = ({ state }: Finding): boolean => state === 'bad'
const isUnreachable = ({ id }: Finding): boolean => id !== undefined && UNREACHABLE.includes(id)
const isAway = (one: Finding): boolean =>
  isUnreachable(one) || one.id === 'redis-refused' || one.id === 'mariadb-refused'
const SQLITE = /^sqlite:(?:\/\/)?(.+)$/

function examineRuntime(): Finding[] {
  const bun = findBun()
  return [
    ok('runtime', `this is ${runtimeName} ${runtimeVersion}`),
    bun === undefined && runtimeName === 'node'
      ? wrong('bun-missing', 'Bun was not found, so serve runs on Node')
      : ok('runtime', `serve runs on Bun${bun === undefined ? '' : ` (${bun})`}`),
  ]
}

/**
 * Opens the stores as a server would, without landing: identity, positions and tables are compared by that. An error
 * where they cannot be used now.
 */
async function examineTogether(
  invocation: Invocation,
  options: TierOptions,
): Promise<Finding[] | SpillwayError> {
  try {
    await using tier = await openTier(invocation, { ...options, role: 'api' })
    const status = await tier.status()
    const findings = [
      ok('stores', `journal and database belong together (generation ${status.generation})`),
      status.totals.pending === 0
        ? ok('ledger', 'nothing is pending')
        : ok(
            'ledger',
            `${status.totals.pending} acknowledged writes are in the journal and land at the next start`,
          ),
    ]
    if (status.totals.parked > 0)
      findings.push(wrong('writes-parked', `${status.totals.parked} writes are parked`))
    return findings
  } catch (error) {
    if (isSpillwayError(error, 'journal-mismatch')) return [wrong('stores-mismatch', error.detail)]
    if (isSpillwayError(error, 'invalid')) return [wrong('stores-refused', error.detail)]
    // Not now: away, read-only, in recovery.
    if (isSpillwayError(error) && ERRORS[error.code].kind === 'retry') return error
    throw error
  }
}

export const doctor: Verb = {
  name: 'doctor',
  summary: 'Examine runtime, disk, servers and stores; each finding with its fix.',
  description:
    'Examine runtime, disk, servers and stores. Opens the stores itself, without landing: stop the server of a data folder first (a folder in use is refused with the pid of its owner, exit 5). Exit 1 if anything is bad, 7 if a server does not answer.',
  options: STORE_OPTIONS,
  run: async (invocation) => {
    const { terminal, flags } = invocation
    const { tier } = await existingStores(invocation)
    const files = (
      [
        ['journal', tier.journal],
        ['database', tier.database],
      ] as const
    ).flatMap(([role, url]) => {
      const file = SQLITE.exec(url)?.[1]
      return file === undefined ? [] : [{ role, file }]
    })
    const { inspect } = await import('../../index.ts')
    const servers = await inspect(tier)
    // Opening would make what is not there: doctor changes nothing.
    const begun = servers.begun || files.some(({ file }) => existsSync(file))
    const single = [
      ...examineRuntime(),
      ...examineDisk(files.map(({ file }) => file)),
      ...files.flatMap(({ role, file }) => examineSqliteFile(role, file)),
      ...servers.findings,
    ]
    // Last of all, because whoever opens a file sets it right.
    const together = single.some(isAway)
      ? []
      : begun
        ? await examineTogether(invocation, tier)
        : [ok('stores', 'there are none here yet')]
    // What was found may well be why; without anything found nobody knows more than that they do not answer.
    if (together instanceof Error && !single.some(isBad)) throw together
    const findings = [
      ...single,
      ...(together instanceof Error ? [wrong('stores-unopened', together.detail)] : together),
    ]
    const healthy = !findings.some(isBad)
    if (flags.json === true) {
      terminal.out(JSON.stringify({ ok: healthy, findings }))
    } else {
      const { good, warn, bad: red, dim } = terminal.outPaint
      const marks = { ok: good('✓'), warning: warn('!'), bad: red('✗') } as const
      for (const finding of findings) {
        const name = finding.id === undefined ? '' : ` ${dim(`[${finding.id}]`)}`
        terminal.out(`${marks[finding.state]} ${finding.about.padEnd(12)} ${finding.found}${name}`)
        if (finding.fix !== undefined) terminal.out(`  ${' '.repeat(12)} ${dim(`fix: ${finding.fix}`)}`)
      }
    }
    if (findings.some(isUnreachable)) return EXIT.unreachable
    return healthy ? EXIT.ok : EXIT.failed
  },
}

import { existsSync } from 'node:fs'
import { findBun, runtimeName, runtimeVersion } from '../../runtime/process.ts'
import { isSpillwayError } from '../../errors.ts'
import { STORE_OPTIONS } from '../../options/serve-options.ts'
import { examineDisk } from '../doctor/disk.ts'
import { bad, ok, warning } from '../../kit/finding.ts'
import { examineSqliteFile } from '../doctor/sqlite-file.ts'
import { EXIT } from '../exit-code.ts'
import { existingStores, openTier } from '../open-stores.ts'
import type { TierOptions } from '../../index.ts'
import type { Finding } from '../../kit/finding.ts'
import type { Invocation, Verb } from '../verb.ts'

const SQLITE = /^sqlite:(?:\/\/)?(.+)$/

function examineRuntime(): Finding[] {
  const bun = findBun()
  return [
    ok('runtime', `this is ${runtimeName} ${runtimeVersion}`),
    bun === undefined && runtimeName === 'node'
      ? warning(
          'runtime',
          'Bun was not found, so serve runs on Node',
          'Install Bun for about twice the requests a second; nothing else depends on it.',
        )
      : ok('runtime', `serve runs on Bun${bun === undefined ? '' : ` (${bun})`}`),
  ]
}

/** Opens the stores as a server would, without landing: identity, positions and tables are compared by that. */
async function examineTogether(invocation: Invocation, options: TierOptions): Promise<Finding[]> {
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
      findings.push(
        warning(
          'ledger',
          `${status.totals.parked} writes are parked`,
          'See spillway parked ls on the running server, then retry or resolve them.',
        ),
      )
    return findings
  } catch (error) {
    if (isSpillwayError(error, 'journal-mismatch')) {
      return [
        bad(
          'stores',
          error.detail,
          'Bring back the journal that belongs to this database, or the database that belongs to this journal. If what is missing is lost for good: --accept-loss begins a new generation and reports what is lost.',
        ),
      ]
    }
    if (isSpillwayError(error, 'invalid'))
      return [
        bad(
          'stores',
          error.detail,
          'Mend what it names; spillway ddl prints the statements where there are some.',
        ),
      ]
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
    const findings = [
      ...examineRuntime(),
      ...examineDisk(files.map(({ file }) => file)),
      ...servers.findings,
      ...(begun ? await examineTogether(invocation, tier) : [ok('stores', 'there are none here yet')]),
      ...files.flatMap(({ role, file }) => examineSqliteFile(role, file)),
    ]
    const healthy = findings.every((finding) => finding.state !== 'bad')
    if (flags.json === true) {
      terminal.out(JSON.stringify({ ok: healthy, findings }))
    } else {
      const { good, warn, bad: red, dim } = terminal.outPaint
      const marks = { ok: good('✓'), warning: warn('!'), bad: red('✗') } as const
      for (const finding of findings) {
        terminal.out(`${marks[finding.state]} ${finding.about.padEnd(12)} ${finding.found}`)
        if (finding.fix !== undefined) terminal.out(`  ${' '.repeat(12)} ${dim(`fix: ${finding.fix}`)}`)
      }
    }
    return healthy ? EXIT.ok : EXIT.failed
  },
}

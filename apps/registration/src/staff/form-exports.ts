/**
 * The export of all forms, with a proof beside it.
 *
 *   sealed ─▶ drained up to the seal, nothing parked ─▶ table in order of its key ─▶ forms.csv ─▶ proof.json
 *
 * The proof says what the file was made from and what is in it: positions of the seal, the ledger, rows by state,
 * bytes and SHA-256. It is checked by checker/check.ts, which shares no line with this.
 */
import { createHash } from 'node:crypto'
import { mkdir, open, rename, writeFile } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { instantOf } from '../clock.ts'
import type { Clock } from '../clock.ts'
import type { Choice } from '../domain/choices.ts'
import { Problem } from '../problem.ts'
import type { Settings } from '../store/site-settings.ts'
import { instantFromSql } from '../store/sql.ts'
import type { Store } from '../store/store.ts'
import { closedOf } from './closing.ts'
import type { Closing } from './closing.ts'

export interface ExportProof {
  readonly export: string
  readonly exportedAt: string
  readonly closedAt: string
  readonly sealPositions: readonly number[]
  readonly ledger: object
  readonly rows: { readonly all: number; readonly saved: number; readonly confirmed: number }
  readonly choices: number
  readonly file: { readonly name: string; readonly bytes: number; readonly sha256: string }
}

interface FormRow {
  readonly candidate: string
  readonly state: 'saved' | 'confirmed'
  readonly choices: string
  readonly saves: number
  readonly receipt: string
  readonly savedAt: string
  readonly confirmedAt: string | null
  readonly version: number
}

export interface FormExportsParts {
  readonly store: Store
  readonly settings: Settings
  readonly closing: Closing
  readonly clock: Clock
  readonly folder: string
}

const PAGE_ROWS = 1_000
const DRAIN_MS = 120_000
const FILE = 'forms.csv'
const HEADER = 'candidate,state,version,saves,receipt,saved_at,confirmed_at,choices\n'

const PAGE = `SELECT candidate, state, choices, saves, receipt, saved_at AS savedAt, confirmed_at AS confirmedAt,
  spillway_version AS version FROM form WHERE candidate > ? ORDER BY candidate LIMIT ${PAGE_ROWS}`

export class FormExports {
  readonly #parts: FormExportsParts

  constructor(parts: FormExportsParts) {
    this.#parts = parts
  }

  /** `not-sealed`, `not-drained`. `folder`: somewhere else than usual. */
  async run(
    options: { readonly folder?: string | undefined; readonly onProgress?: (rows: number) => void } = {},
  ): Promise<ExportProof> {
    const { store, settings, closing, clock } = this.#parts
    const closed = closedOf(await settings.refresh())
    if (closed === undefined)
      throw new Problem(
        409,
        'not-sealed',
        'Close the window first: while forms can be saved, no export is the last.',
      )
    await closing.drained(closed, DRAIN_MS)
    const name = instantOf(clock.now()).replaceAll(/[:.]/g, '-')
    const folder = options.folder ?? join(this.#parts.folder, name)
    await mkdir(folder, { recursive: true })
    const counted = await this.#writeFile(join(folder, FILE), options.onProgress)
    const proof: ExportProof = {
      export: name,
      exportedAt: instantOf(clock.now()),
      closedAt: closed.closedAt,
      sealPositions: closed.positions,
      ledger: (await store.tier.status()).totals,
      ...counted,
    }
    await writeFile(join(folder, 'proof.json'), `${JSON.stringify(proof, undefined, 2)}\n`)
    return proof
  }

  /** A file of an export; undefined: no such name. */
  path(name: string, file: string): string | undefined {
    if (!/^[\dTZ-]{10,40}$/.test(name) || (file !== FILE && file !== 'proof.json')) return undefined
    return join(this.#parts.folder, name, file)
  }

  /** Under another name until it is whole. */
  async #writeFile(
    path: string,
    onProgress: ((rows: number) => void) | undefined,
  ): Promise<Pick<ExportProof, 'rows' | 'choices' | 'file'>> {
    const file = await open(`${path}.part`, 'w', 0o600)
    try {
      const counted = await this.#writeRows(file, onProgress)
      await file.sync()
      await rename(`${path}.part`, path)
      return counted
    } finally {
      await file.close()
    }
  }

  async #writeRows(
    file: FileHandle,
    onProgress: ((rows: number) => void) | undefined,
  ): Promise<Pick<ExportProof, 'rows' | 'choices' | 'file'>> {
    const hash = createHash('sha256')
    const rows = { all: 0, saved: 0, confirmed: 0 }
    let choices = 0
    let bytes = 0
    const write = async (text: string): Promise<void> => {
      const chunk = Buffer.from(text)
      hash.update(chunk)
      bytes += chunk.length
      await file.appendFile(chunk)
    }
    await write(HEADER)
    for (let after = ''; ;) {
      const page = await this.#parts.store.sql.all<FormRow>(PAGE, [after])
      let text = ''
      for (const row of page) {
        const listed = JSON.parse(row.choices) as readonly Choice[]
        rows.all += 1
        rows[row.state] += 1
        choices += listed.length
        text += csvLine(row, listed)
      }
      await write(text)
      onProgress?.(rows.all)
      if (page.length < PAGE_ROWS) break
      after = (page.at(-1) as FormRow).candidate
    }
    return { rows, choices, file: { name: FILE, bytes, sha256: hash.digest('hex') } }
  }
}

/** No field needs quotes: they are codes, numbers and instants of ours. */
function csvLine(row: FormRow, choices: readonly Choice[]): string {
  const listed = choices.map(({ school, major }) => `${school}-${major}`).join(' ')
  const confirmedAt = row.confirmedAt === null ? '' : instantFromSql(row.confirmedAt)
  return `${row.candidate},${row.state},${row.version},${row.saves},${row.receipt},${instantFromSql(row.savedAt)},${confirmedAt},${listed}\n`
}

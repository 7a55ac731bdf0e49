/** The tables `form` and `form_history`, side by side in order of candidates, a page at a time. */

export interface FormRow {
  readonly candidate: string
  readonly version: number
  readonly state: string
  readonly choices: string
  readonly saves: number
  readonly receipt: string
  readonly savedAt: string
  readonly confirmedAt: string | null
  readonly deleted: boolean
}

/** All there is of one candidate. */
export interface CandidateRows {
  readonly candidate: string
  readonly form: FormRow | undefined
  /** By version, the oldest first. */
  readonly history: readonly FormRow[]
}

interface Sql {
  all(statement: string, parameters: readonly string[]): Promise<Record<string, unknown>[]>
  close(): Promise<void>
}

const PAGE = 2_000
const COLUMNS = 'candidate, spillway_version, state, choices, saves, receipt, saved_at, confirmed_at'

export class Tables {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  async *candidates(): AsyncGenerator<CandidateRows> {
    const forms = this.#forms()
    const histories = this.#histories()
    let form = await next(forms)
    let history = await next(histories)
    while (form !== undefined || history !== undefined) {
      const candidate = smaller(form?.candidate, history?.[0]?.candidate)
      const rows: CandidateRows = {
        candidate,
        form: form?.candidate === candidate ? form : undefined,
        history: history?.[0]?.candidate === candidate ? history : [],
      }
      if (rows.form !== undefined) form = await next(forms)
      if (rows.history.length > 0) history = await next(histories)
      yield rows
    }
  }

  close(): Promise<void> {
    return this.#sql.close()
  }

  async *#forms(): AsyncGenerator<FormRow> {
    for (let after = ''; ;) {
      const page = await this.#sql.all(
        `SELECT ${COLUMNS}, 0 AS spillway_deleted FROM form WHERE candidate > ? ORDER BY candidate LIMIT ${PAGE}`,
        [after],
      )
      for (const row of page) yield asRow(row)
      if (page.length < PAGE) return
      after = String(page.at(-1)?.candidate)
    }
  }

  async *#histories(): AsyncGenerator<FormRow[]> {
    let group: FormRow[] = []
    let after: readonly [string, string] = ['', '0']
    for (;;) {
      const page = await this.#sql.all(
        `SELECT ${COLUMNS}, spillway_deleted FROM form_history
         WHERE candidate > ? OR (candidate = ? AND spillway_version > ?)
         ORDER BY candidate, spillway_version LIMIT ${PAGE}`,
        [after[0], after[0], after[1]],
      )
      for (const row of page.map(asRow)) {
        if (group[0] !== undefined && group[0].candidate !== row.candidate) {
          yield group
          group = []
        }
        group.push(row)
      }
      if (page.length < PAGE) break
      const last = asRow(page.at(-1) as Record<string, unknown>)
      after = [last.candidate, String(last.version)]
    }
    if (group.length > 0) yield group
  }
}

export async function openTables(url: string): Promise<Tables> {
  if (url.startsWith('sqlite:')) {
    const { DatabaseSync } = await import('node:sqlite')
    const database = new DatabaseSync(url.slice('sqlite:'.length), { readOnly: true })
    const prepared = new Map<string, ReturnType<typeof database.prepare>>()
    return new Tables({
      all: async (statement, parameters) => {
        const ready = prepared.get(statement) ?? database.prepare(statement)
        prepared.set(statement, ready)
        // The version is compared as a number: a bound text would be greater than all of them.
        const bound = parameters.map((value, index) => (index === 2 ? Number(value) : value))
        return ready.all(...bound) as Record<string, unknown>[]
      },
      close: async () => database.close(),
    })
  }
  const { createConnection } = await import('mysql2/promise')
  const connection = await createConnection({ uri: url, dateStrings: true, charset: 'utf8mb4' })
  return new Tables({
    all: async (statement, parameters) => {
      const [rows] = await connection.query(statement, [...parameters])
      return rows as Record<string, unknown>[]
    },
    close: () => connection.end(),
  })
}

function asRow(row: Record<string, unknown>): FormRow {
  return {
    candidate: String(row.candidate),
    version: Number(row.spillway_version),
    state: String(row.state),
    choices: String(row.choices),
    saves: Number(row.saves),
    receipt: String(row.receipt),
    savedAt: instant(row.saved_at) ?? '',
    confirmedAt: instant(row.confirmed_at),
    deleted: Number(row.spillway_deleted) === 1,
  }
}

/** `2026-06-28 17:00:00.123000` is UTC; answers have it as `2026-06-28T17:00:00.123Z`. */
function instant(stored: unknown): string | null {
  if (stored === null || stored === undefined) return null
  const text = String(stored)
  return text.includes('T') ? text : `${text.slice(0, 10)}T${text.slice(11, 23)}Z`
}

function smaller(a: string | undefined, b: string | undefined): string {
  if (a === undefined) return b ?? ''
  return b === undefined || a < b ? a : b
}

async function next<T>(rows: AsyncGenerator<T>): Promise<T | undefined> {
  const result = await rows.next()
  return result.done === true ? undefined : result.value
}

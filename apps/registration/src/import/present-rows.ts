/**
 * Rows that are in a table already, as the JSON that an import would write: equal values are equal text. Read by
 * SQL and not through the tier, because a million keys that are nowhere would each become an absent record in front.
 */
import type { ReadOnlySql } from '../store/sql.ts'
import type { KindSpec } from './kinds.ts'

type Row = Readonly<Record<string, string | number | null>>

/** Keys of one statement: within what both databases take as parameters. */
const KEYS_MAX = 500

export class PresentRows {
  readonly #sql: ReadOnlySql
  readonly #kind: KindSpec
  readonly #select: string

  constructor(sql: ReadOnlySql, kind: KindSpec) {
    this.#sql = sql
    this.#kind = kind
    const columns = Object.values(kind.columns).map((column) =>
      typeof column === 'string' ? column : column.json,
    )
    this.#select = `SELECT ${[...kind.key, ...columns].join(', ')} FROM ${kind.collection} WHERE `
  }

  async of(keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>()
    for (let at = 0; at < keys.length; at += KEYS_MAX) await this.#read(keys.slice(at, at + KEYS_MAX), found)
    return found
  }

  async #read(keys: readonly string[], found: Map<string, string>): Promise<void> {
    const { key } = this.#kind
    const one = key.length === 1 ? '?' : `(${key.map(() => '?').join(', ')})`
    const name = key.length === 1 ? key[0] : `(${key.join(', ')})`
    // SQLite wants VALUES before rows of several columns; MySQL takes it without.
    const values = key.length > 1 && this.#sql.dialect === 'sqlite' ? 'VALUES ' : ''
    const rows = await this.#sql.all<Row>(
      `${this.#select}${name} IN (${values}${keys.map(() => one).join(', ')}) LIMIT ${KEYS_MAX}`,
      keys.flatMap((text) => (key.length === 1 ? [text] : text.split('/'))),
    )
    for (const row of rows) found.set(key.map((column) => row[column]).join('/'), this.#json(row))
  }

  #json(row: Row): string {
    const members = Object.entries(this.#kind.columns).map(([field, column]) => {
      const name = JSON.stringify(field)
      return typeof column === 'string'
        ? `${name}:${JSON.stringify(row[column])}`
        : `${name}:${String(row[column.json])}`
    })
    return `{${members.join(',')}}`
  }
}

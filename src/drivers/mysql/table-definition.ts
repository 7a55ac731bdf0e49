/**
 * Notices that somebody changed a mapped table while we run.
 *
 * What a table can take exactly is learned once (inspect.ts, column-kind.ts). An ALTER TABLE of its owner may end that
 * at any time, and mostly without an error: with a second UNIQUE index an upsert overwrites the row of another key, a
 * column that became INT rounds 1.5, a key that became case-insensitive makes two records one row.
 *
 *   learned:  the text of SHOW CREATE TABLE ── inspected, columns placed ── the same text again
 *   landing:  statements ── the text once more: equal ─▶ COMMIT
 *                                               other ─▶ ROLLBACK, learn again: it fits ─▶ the same batch again
 *                                                                               else   ─▶ landing waits, and says why
 *
 * It is exact, not only likely: the statements have locked the definition until the transaction ends (a metadata lock,
 * which an ALTER TABLE waits for), so the text that is read behind them is the one that they met. It costs a round
 * trip of about 0.1 ms for each mapped table and transaction. Triggers are no part of it.
 */
import { SpillwayError } from '../../errors.ts'
import type { TableSpec } from '../../model/table.ts'
import type { Cell } from './client.ts'
import type { MysqlConnection } from './connection.ts'
import { isGone } from './database-failures.ts'
import { quoted } from './ddl.ts'
import { describe, inspect, placesOf } from './inspect.ts'
import { MappedRows } from './row-table.ts'
import type { RowTable } from './row-table.ts'

/** The table of a collection is not what was learned of it; nothing has happened. */
export class TableChanged extends Error {
  override readonly name = 'TableChanged'
  readonly collection: string

  constructor(collection: string, table: string) {
    super(`Table ${table} was changed while it was written`)
    this.collection = collection
  }
}

/** Somebody alters a table again and again while it is learned. */
const TRIES_MAX = 3

/**
 * What the tables of a collection can take now. Rejects with `unavailable` where they cannot be exact: whoever opens
 * has inspected all tables at once before, so that here it is landing that waits.
 */
export async function learn(connection: MysqlConnection, spec: TableSpec): Promise<RowTable | undefined> {
  const { mapped } = spec
  if (mapped === undefined) return undefined
  for (let tries = 1; tries <= TRIES_MAX; tries += 1) {
    const names = [mapped.name, ...(spec.history ? [mapped.historyName] : [])].map(quoted)
    const before = await definitionsOf(connection, names)
    const problems = await inspect(connection, spec)
    if (problems.length > 0)
      throw new SpillwayError(
        'unavailable',
        `${problems.map(describe).join(' ')} It was changed while Spillway ran: landing waits until that is mended.`,
      )
    const places = await placesOf(connection, mapped)
    const after = await definitionsOf(connection, names)
    if (places !== undefined && names.every((name) => before.get(name) === after.get(name)))
      return new MappedRows(spec, mapped, places, after)
  }
  throw new SpillwayError('unavailable', `Table ${mapped.name} changed again while it was looked at.`)
}

/** Within the transaction that wrote these tables: throws `TableChanged` where one is not as it was learned. */
export async function mustBeAsLearned(
  connection: MysqlConnection,
  tables: Iterable<RowTable>,
): Promise<void> {
  for (const { collection, definitions } of new Set(tables)) {
    for (const [name, learned] of definitions)
      if ((await definitionOf(connection, name)) !== learned) throw new TableChanged(collection, name)
  }
}

async function definitionsOf(
  connection: MysqlConnection,
  names: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const definitions = new Map<string, string>()
  for (const name of names) definitions.set(name, await definitionOf(connection, name))
  return definitions
}

/** `name` is quoted. The next number of an AUTO_INCREMENT is no part of it. */
async function definitionOf(connection: MysqlConnection, name: string): Promise<string> {
  const [row] = await connection.ask(`SHOW CREATE TABLE ${name}`).catch((error: unknown) => {
    // What is gone is found and named by whoever looks at the table itself.
    if (isGone(error)) return []
    throw error
  })
  const cell: Cell | undefined = row?.[1]
  return String(cell ?? '').replace(/ AUTO_INCREMENT=\d+/, '')
}

/**
 * Read-only SQL on this application's own tables. What a person asks for by key goes through Spillway; what is a
 * list or a search comes from here. Statements are plain enough for both databases, with `?` for parameters; every
 * one has a LIMIT.
 */
import type { Dialect } from './tables.ts'

export type SqlParameter = string | number | bigint | null

export interface ReadOnlySql {
  readonly dialect: Dialect
  all<Row>(statement: string, parameters?: readonly SqlParameter[]): Promise<Row[]>
  close(): Promise<void>
}

export interface OpenedSql {
  /** Makes the tables that are missing; what is there stays as it is. */
  createTables(statements: readonly string[]): Promise<void>
  readOnly(): Promise<ReadOnlySql>
}

/** An instant as the column has it (`2026-06-28 17:00:00.000000`, UTC), as JSON has it. */
export function instantFromSql(stored: string): string {
  return stored.includes('T') ? stored : `${stored.slice(0, 10)}T${stored.slice(11, 23)}Z`
}

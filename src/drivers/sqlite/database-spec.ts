import { compileTable } from '../../model/table.ts'
import type { TableSpec } from '../../model/table.ts'

/** Specs travel between threads as the plain data that they were compiled from. */
export interface SpecData {
  readonly collection: string
  readonly history: boolean
  readonly table: NonNullable<TableSpec['mapped']>['options'] | undefined
}

export function specData(spec: TableSpec): SpecData {
  return { collection: spec.collection, history: spec.history, table: spec.mapped?.options }
}

export function specFrom({ collection, history, table }: SpecData): TableSpec {
  return compileTable(collection, { table, history })
}

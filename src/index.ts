/** The public API of Spillway. */
export { ddl, inspect, open } from './open.ts'
export type { DdlPlan, ServerReport } from './stores.ts'
export type { FindingId } from './findings.ts'
export type { Finding } from './kit/finding.ts'
export { collection } from './options/collection.ts'
export type { Collection, CollectionOptions } from './options/collection.ts'
export type { Logger, TierOptions } from './options/tier-options.ts'
export type { ColumnAs, ColumnOptions, TableOptions } from './model/table.ts'
export { ERRORS, SpillwayError, isSpillwayError } from './errors.ts'
export type { ErrorCode, ErrorKind, SpillwayErrorOptions } from './errors.ts'
export type {
  AtomicWrite,
  BatchWrite,
  CloseReport,
  JsonCopy,
  JsonRecord,
  JsonWrite,
  LedgerTotals,
  Parked,
  ParkedInfo,
  ReadOptions,
  Receipt,
  RecordOf,
  Records,
  SealReceipt,
  Stage,
  Status,
  Tier,
  Trace,
  VerifyReport,
  WaitOptions,
  WriteOptions,
} from './engine/tier.ts'

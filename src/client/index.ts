/** `spillway/client`: the record methods over HTTP. */
export { connect } from './connect.ts'
export { ERRORS, SpillwayError, isSpillwayError } from '../errors.ts'
export type { ErrorCode, ErrorKind } from '../errors.ts'
export type { ConnectOptions } from './connect.ts'
export type { AtomicWrite, CollectionOf, Records, RemoteTier, SignalOptions } from './remote-tier.ts'
export type {
  BatchWrite,
  JsonRecord,
  LedgerTotals,
  Parked,
  ParkedInfo,
  ReadOptions,
  Receipt,
  RecordOf,
  SealReceipt,
  Stage,
  Status,
  Trace,
  WaitOptions,
  WriteOptions,
} from '../index.ts'

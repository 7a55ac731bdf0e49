/** `spillway/client`: the record methods over HTTP. */
export { connect } from './connect.ts'
export { ERRORS, SpillwayError, isSpillwayError } from '../errors.ts'
export type { ErrorCode, ErrorKind } from '../errors.ts'
export type { ConnectOptions } from './connect.ts'
export type {
  AtomicWrite,
  BatchWrite,
  CollectionOf,
  JsonRecord,
  LedgerTotals,
  Parked,
  ParkedInfo,
  ReadOptions,
  Receipt,
  RecordOf,
  Records,
  RemoteTier,
  SealReceipt,
  SignalOptions,
  Stage,
  Status,
  Trace,
  WaitOptions,
  WriteOptions,
} from './remote-tier.ts'

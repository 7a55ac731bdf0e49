/** The public face of the library, of which the server is a user like any other. */
export type {
  BatchWrite,
  JsonRecord,
  JsonWrite,
  Parked,
  ParkedInfo,
  Receipt,
  Records,
  Stage,
  Status,
  Tier,
  Trace,
} from '../engine/tier.ts'

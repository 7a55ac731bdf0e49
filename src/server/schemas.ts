/**
 * The shapes that travel over HTTP, once: the same schemas check what comes in and describe it in /openapi.json.
 */
import Type from 'typebox'
import { ERRORS } from '../errors.ts'

export const NESTING_MAX = 512
export const BATCH_MAX = 1_000
export const WAIT_MS_MAX = 60_000
export const PARKED_LIMIT_MAX = 1_000

const closed = { additionalProperties: false }

const Version = Type.Integer({
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'The position of the write that made a value, as one number; 0 is absence.',
})
const Key = Type.String({ description: 'Any valid UTF-8 of 1 to 512 bytes except "." and "..".' })
const CollectionName = Type.String({ pattern: '^[a-z][a-z0-9_]{0,62}$' })
const Json = Type.Unknown({ description: 'Any JSON value, nested at most 512 deep.' })
const Count = Type.Integer({ minimum: 0 })
const orNull = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])

const Receipt = Type.Object({
  collection: CollectionName,
  key: Key,
  version: Version,
  stage: Type.Union([Type.Literal('journaled'), Type.Literal('visible'), Type.Literal('landed')], {
    description: 'The stage reached when the answer was made; journaled is durable already.',
  }),
})

const Record_ = Type.Object({ collection: CollectionName, key: Key, version: Version, value: Json })

const Problem = Type.Object(
  {
    type: Type.String({ format: 'uri-reference' }),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.Union(Object.keys(ERRORS).map((code) => Type.Literal(code))),
    detail: Type.String({ description: 'What happened in this case, and what to do next.' }),
    retryAfter: Type.Optional(Type.Integer({ minimum: 1, description: 'Seconds; also as Retry-After.' })),
    entry: Type.Optional(Type.String({ description: 'With outcome-unknown: the handle to settle.' })),
  },
  { description: 'RFC 9457; programs branch on code.' },
)

const BatchPut = Type.Object({ key: Key, value: Json, ifVersion: Type.Optional(Version) }, closed)
const BatchDelete = Type.Object(
  { key: Key, delete: Type.Literal(true), ifVersion: Type.Optional(Version) },
  closed,
)

const BatchRequest = Type.Object(
  {
    writes: Type.Array(Type.Union([BatchPut, BatchDelete]), { maxItems: BATCH_MAX }),
    atomic: Type.Optional(
      Type.Boolean({
        description:
          'All or nothing; all keys must be in one partition. A refused frame answers with its problem.',
      }),
    ),
  },
  closed,
)
export type BatchRequest = Type.Static<typeof BatchRequest>

const BatchReply = Type.Object({
  results: Type.Array(Type.Union([Receipt, Problem]), { description: 'In the order of the writes.' }),
})

const GetRequest = Type.Object({ keys: Type.Array(Key, { maxItems: BATCH_MAX }) }, closed)
export type GetRequest = Type.Static<typeof GetRequest>

const GetReply = Type.Object({
  records: Type.Array(orNull(Record_), { description: 'In the order of the keys.' }),
})

const Seal = Type.Object({
  collection: CollectionName,
  positions: Type.Array(Version, { description: 'Of the seal in each partition: the exact cut.' }),
})

const parkedInfo = {
  collection: CollectionName,
  key: Key,
  version: Version,
  cause: Type.String({ description: 'Why the database does not accept it.' }),
  attempts: Count,
  bytes: Count,
  at: Type.String({ format: 'date-time' }),
}
const ParkedList = Type.Object({
  items: Type.Array(Type.Object(parkedInfo)),
  next: orNull(Type.String({ description: 'Give it as after for the next page.' })),
})
const Parked = Type.Object({
  ...parkedInfo,
  delete: Type.Boolean({ description: 'True: a delete is parked, and there is no payload.' }),
  payload: Json,
})

const ResolveRequest = Type.Object(
  {
    with: Type.Union([Type.Literal('delete'), Type.Literal('table')]),
    version: Type.Integer({
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'The parked version that was looked at.',
    }),
  },
  closed,
)
export type ResolveRequest = Type.Static<typeof ResolveRequest>

const Trace = Type.Object({
  collection: CollectionName,
  key: Key,
  partition: Count,
  front: Type.Object({
    state: Type.Union([
      Type.Literal('held'),
      Type.Literal('absent'),
      Type.Literal('miss'),
      Type.Literal('away'),
    ]),
    version: orNull(Version),
  }),
  journal: Type.Object({ end: Count, landed: Count, pending: Count }),
  database: Type.Object({ version: orNull(Version) }),
  parked: orNull(Type.Object({ version: Version, cause: Type.String() })),
})

const totals = {
  accepted: Count,
  landed: Count,
  superseded: Count,
  refused: Count,
  parked: Count,
  pending: Count,
}
const Status = Type.Object({
  profile: Type.String(),
  promise: Type.String({ description: 'What acknowledged writes survive, and what they may not.' }),
  ready: Type.Boolean(),
  generation: Count,
  totals: Type.Object(totals),
  partitions: Type.Array(Type.Object({ partition: Count, ...totals, lagMs: Type.Number({ minimum: 0 }) })),
  drainSeconds: orNull(Type.Number({ minimum: 0 })),
  notes: Type.Array(Type.String()),
  bounds: Type.Record(Type.String(), Type.Number()),
  usage: Type.Object({ frontBytes: Count, journalBytes: Count }),
})

const Probe = Type.Object({ status: Type.Literal('ok') })

/** By the name that /openapi.json gives them. */
export const SCHEMAS = {
  BatchReply,
  BatchRequest,
  GetReply,
  GetRequest,
  Parked,
  ParkedList,
  Probe,
  Problem,
  Receipt,
  Record: Record_,
  ResolveRequest,
  Seal,
  Status,
  Trace,
} as const

const timeoutMs = Type.Optional(
  Type.Integer({
    minimum: 0,
    maximum: WAIT_MS_MAX,
    default: 5_000,
    description: 'Bound on the waiting that was asked for.',
  }),
)

/** What the query of a kind of call may hold; everything else is refused. */
export const QUERIES = {
  none: Type.Object({}, closed),
  read: Type.Object(
    {
      atLeast: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: Number.MAX_SAFE_INTEGER,
          description: 'Waits until reads have reached this version; at the deadline catching-up.',
        }),
      ),
      stale: Type.Optional(
        Type.Literal('ok', {
          description: 'Where the front is away, answer from SQL, possibly an older value.',
        }),
      ),
      timeoutMs,
    },
    closed,
  ),
  write: Type.Object(
    {
      wait: Type.Optional(
        Type.Literal('landed', {
          description: 'Answers when the write is in the database; at the deadline with the stage reached.',
        }),
      ),
      timeoutMs,
    },
    closed,
  ),
  parked: Type.Object(
    {
      collection: Type.Optional(CollectionName),
      after: Type.Optional(Type.String({ description: 'The next of the page before.' })),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: PARKED_LIMIT_MAX, default: 100 })),
    },
    closed,
  ),
} as const

export type ReadQuery = Type.Static<typeof QUERIES.read>
export type WriteQuery = Type.Static<typeof QUERIES.write>
export type ParkedQuery = Type.Static<typeof QUERIES.parked>

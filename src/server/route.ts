/**
 * A route: what it takes, what it answers and what it does, in one place, from which both the dispatch and
 * /openapi.json are made.
 */
import type { TObject, TSchema } from 'typebox'
import type { ErrorCode } from '../errors.ts'
import type { Clock } from '../kit/clock.ts'
import type { HttpReply, HttpRequest } from '../runtime/http-listener.ts'
import type { Bodies } from './body.ts'
import type { Meter } from './meter.ts'
import type { RecordsCache } from './records-cache.ts'
import type { Tier } from '../index.ts'

/** What all calls share. */
export interface Service {
  readonly tier: Tier
  readonly records: RecordsCache
  readonly bodies: Bodies
  readonly meter: Meter
  readonly clock: Clock
  /** The server's own bounds, reported beside the tier's. */
  readonly bounds: Readonly<Record<string, number>>
  /** True once the server is told to end: not ready any more. */
  draining(): boolean
  metrics(): Promise<string>
  openApi(): string
}

export interface Call {
  readonly service: Service
  readonly request: HttpRequest
  /** Decoded, in the order of the template. */
  readonly params: readonly string[]
  /** As the route's query schema has it. */
  readonly query: Readonly<Record<string, string | number>>
}

export type Method = 'GET' | 'PUT' | 'POST' | 'DELETE'

export interface Route {
  readonly method: Method
  /** With `{name}` for one segment. */
  readonly path: string
  /** The operation's id in /openapi.json and its label in metrics. */
  readonly name: string
  readonly summary: string
  readonly query: TObject
  /** Takes If-Match and If-None-Match. */
  readonly conditional?: true
  readonly body?: TSchema
  readonly replies: Readonly<Record<number, Reply>>
  /** Besides those that any call may meet. */
  readonly errors: readonly ErrorCode[]
  handle(call: Call): HttpReply | Promise<HttpReply>
}

export interface Reply {
  readonly meaning: string
  readonly schema?: TSchema
  /** Default application/json. */
  readonly contentType?: string
  /** Carries the version as ETag. */
  readonly etag?: true
}

const JSON_HEADERS = { 'content-type': 'application/json', 'cache-control': 'no-store' } as const

/** An answer in JSON that is written out already, or a value to be. */
export function jsonReply(status: number, body: string | Uint8Array): HttpReply {
  return { status, headers: JSON_HEADERS, body }
}

/** The same for the one record or write that the answer is about: with its version as ETag. */
export function versionedReply(status: number, version: string, body: string | Uint8Array): HttpReply {
  return { status, headers: JSON_HEADERS, etag: `"${version}"`, body }
}

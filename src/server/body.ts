/**
 * Bodies: which types are taken, how many bytes at once, and how JSON becomes a checked value.
 *
 * The listener bounds one body. Here all bodies that are being received are bounded together, since slow uploads
 * add up: at that bound further ones are `overloaded`, before a byte of them is read.
 */
import { Compile } from 'typebox/compile'
import type { Static, TSchema } from 'typebox'
import { SpillwayError } from '../errors.ts'
import { parseJson } from '../kit/json-text.ts'
import { NESTING_MAX } from './schemas.ts'
import type { HttpRequest } from '../runtime/http-listener.ts'

/** Bodies up to this size are not counted: as many as there are connections are within anyone's memory. */
const UNCOUNTED_BYTES = 64 * 1024

export const BODY_BYTES_MAX = 16 * 2 ** 20
export const BODIES_BYTES_MAX = 256 * 2 ** 20

export interface BodyBounds {
  /** Of one body, as the listener has it; default 16 MiB, the largest value that a collection can allow. */
  readonly bodyBytesMax: number
  /** Of all bodies at once; default 256 MiB. */
  readonly bodiesBytesMax: number
}

export class Bodies {
  readonly #bounds: BodyBounds
  #bytes = 0

  constructor(bounds: BodyBounds) {
    this.#bounds = bounds
  }

  /** The bytes of the body; empty when there is none. Rejects with `unsupported-media-type`, `too-large`, `overloaded`. */
  read(request: HttpRequest): Promise<Uint8Array> {
    const type = request.header('content-type')
    if (type !== undefined && type !== 'application/json') checkMediaType(type)
    const announced = request.header('content-length')
    if (announced !== undefined && Number(announced) <= UNCOUNTED_BYTES) return request.body()
    return this.#readCounted(request, announced)
  }

  async #readCounted(request: HttpRequest, announced: string | undefined): Promise<Uint8Array> {
    const { bodyBytesMax, bodiesBytesMax } = this.#bounds
    // A body of unannounced length may become as long as one may be; of one that is too long nothing is read.
    const bytes = Math.min(announced === undefined ? bodyBytesMax : Number(announced), bodyBytesMax)
    if (this.#bytes + bytes > bodiesBytesMax) {
      throw new SpillwayError(
        'overloaded',
        `Bodies of ${this.#bytes} bytes are being received; at most ${bodiesBytesMax} at once (bodiesBytesMax). Send it again later.`,
      )
    }
    this.#bytes += bytes
    try {
      return await request.body()
    } finally {
      this.#bytes -= bytes
    }
  }
}

const JSON_TYPE = /^application\/json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?;?$/i

function checkMediaType(type: string): void {
  if (JSON_TYPE.test(type.trim())) return
  throw new SpillwayError(
    'unsupported-media-type',
    `The body is announced as ${JSON.stringify(type.slice(0, 100))}; only application/json (in UTF-8), or no Content-Type, is taken.`,
  )
}

export function emptyBody(): SpillwayError {
  return new SpillwayError('invalid', 'The body is empty; send one JSON value.')
}

/** A reader of JSON bodies of one shape. What breaks the shape is `invalid` and named by its path. */
export function jsonOf<S extends TSchema>(schema: S): (bytes: Uint8Array) => Static<S> {
  const compiled = Compile(schema)
  return (bytes) => {
    if (bytes.length === 0) throw emptyBody()
    const value = parseJson(bytes, NESTING_MAX)
    if (compiled.Check(value)) return value as Static<S>
    throw new SpillwayError('invalid', complaint(compiled.Errors(value)))
  }
}

interface Complaint {
  readonly keyword: string
  readonly schemaPath: string
  readonly instancePath: string
  readonly message: string
}

/** Of all that a validator found, the one line by which the sender mends the body. */
function complaint(found: readonly Complaint[]): string {
  const worst = nearestBranch(found).find(({ keyword }) => keyword !== 'additionalProperties')
  if (worst === undefined) return 'The body has not the form that this call takes.'
  const at = worst.instancePath === '' ? 'The body' : `In the body, ${worst.instancePath.slice(1, 100)}`
  return worst.keyword === 'boolean' ? `${at} is not known.` : `${at} ${worst.message}.`
}

/** A union complains about each of its branches; the one with the fewest complaints is the one that was meant. */
function nearestBranch(found: readonly Complaint[]): readonly Complaint[] {
  const union = found.find(({ keyword }) => keyword === 'anyOf')
  if (union === undefined) return found
  const branches = new Map<string, Complaint[]>()
  for (const one of found) {
    const branch = /^.*\/anyOf\/\d+/.exec(one.schemaPath)?.[0]
    if (branch === undefined || !one.instancePath.startsWith(union.instancePath)) continue
    branches.set(branch, [...(branches.get(branch) ?? []), one])
  }
  return [...branches.values()].sort((a, b) => a.length - b.length)[0] ?? found
}

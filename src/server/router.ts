/** From method and path to a route. The hot paths are split by hand; the few others are compared one by one. */
import { SpillwayError } from '../errors.ts'
import { decodePart } from './target.ts'
import type { RouteMeter } from './meter.ts'
import type { Route } from './route.ts'

/** A route with what is only needed at run time. */
export interface Mounted {
  readonly route: Route
  readonly meter: RouteMeter
}

export interface Match {
  readonly mounted: Mounted
  /** Of the path, in order, decoded. */
  readonly params: readonly string[]
}

/** The path exists, the method does not: the answer needs an Allow header beside its problem. */
export class MethodNotAllowed extends SpillwayError {
  readonly allow: string

  constructor(method: string, path: string, allow: string) {
    super(
      'method-not-allowed',
      `${method.slice(0, 20)} is not a method of ${path.slice(0, 200)}; it has ${allow}.`,
    )
    this.allow = allow
  }
}

const RECORDS = '/v1/records/'

/** Anything but printable ASCII without `%`. One test of the whole path costs half of a look at each character. */
const NEEDS_DECODING = /[^!-$&-~]/

export class Router {
  readonly #all: readonly (Mounted & { readonly template: readonly string[] })[]
  /** The methods of `/v1/records/{collection}/{key}` itself. */
  readonly #record = new Map<string, Mounted>()

  constructor(mounted: readonly Mounted[]) {
    this.#all = mounted.map((one) => ({ ...one, template: one.route.path.split('/') }))
    for (const one of mounted) {
      if (one.route.path !== `${RECORDS}{collection}/{key}`) continue
      this.#record.set(one.route.method, one)
      if (one.route.method === 'GET') this.#record.set('HEAD', one)
    }
  }

  /** Rejects with `not-found` and `method-not-allowed`, and with `invalid` what is not percent-encoded UTF-8. */
  match(method: string, path: string): Match {
    if (path.startsWith(RECORDS)) {
      const slash = path.indexOf('/', RECORDS.length)
      const mounted = this.#record.get(method)
      if (slash > 0 && mounted !== undefined && path.indexOf('/', slash + 1) === -1) {
        const collection = path.slice(RECORDS.length, slash)
        const key = path.slice(slash + 1)
        return {
          mounted,
          params: NEEDS_DECODING.test(path) ? [decoded(collection), decoded(key)] : [collection, key],
        }
      }
    }
    return this.#search(method, path)
  }

  #search(method: string, path: string): Match {
    const segments = path.split('/')
    const allow = new Set<string>()
    for (const mounted of this.#all) {
      const params = paramsOf(mounted.template, segments)
      if (params === undefined) continue
      const own = mounted.route.method
      if (method === own || (method === 'HEAD' && own === 'GET'))
        return { mounted, params: params.map(decoded) }
      allow.add(own)
      if (own === 'GET') allow.add('HEAD')
    }
    if (allow.size > 0) throw new MethodNotAllowed(method, path, [...allow].join(', '))
    const hint = path.startsWith(RECORDS)
      ? ' A record is /v1/records/{collection}/{key}, with each / inside a key as %2F.'
      : ''
    throw new SpillwayError(
      'not-found',
      `There is no route ${path.slice(0, 200)}.${hint} /openapi.json lists all.`,
    )
  }
}

function decoded(segment: string): string {
  return decodePart(segment, 'The path')
}

/** The segments that stand where the template has `{…}`; undefined when the path is another one. */
function paramsOf(template: readonly string[], segments: readonly string[]): string[] | undefined {
  if (template.length !== segments.length) return undefined
  const params: string[] = []
  for (let index = 0; index < template.length; index += 1) {
    const wanted = template[index] as string
    const segment = segments[index] as string
    if (wanted.startsWith('{')) params.push(segment)
    else if (wanted !== segment) return undefined
  }
  return params
}

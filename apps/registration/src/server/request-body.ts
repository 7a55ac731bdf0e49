/** JSON bodies, bounded, and who may send them. */
import { Problem } from '../problem.ts'
import type { RequestContext } from './environment.ts'

export const JSON_BYTES_MAX = 64 * 1024

/** Any JSON value; `invalid`, `too-large`, `unsupported-media-type`. */
export async function jsonBody(context: RequestContext): Promise<unknown> {
  const type = context.req.header('content-type') ?? ''
  if (!/^application\/json\s*(?:;|$)/i.test(type))
    throw new Problem(415, 'unsupported-media-type', 'Send JSON with Content-Type: application/json.')
  const bytes = await boundedBytes(context)
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown
  } catch (error) {
    throw new Problem(400, 'invalid', `The body is no JSON: ${(error as Error).message}`)
  }
}

/** A JSON object. */
export async function jsonObject(context: RequestContext): Promise<Readonly<Record<string, unknown>>> {
  const body = await jsonBody(context)
  if (body === null || typeof body !== 'object' || Array.isArray(body))
    throw new Problem(400, 'invalid', 'The body must be a JSON object.')
  return body as Record<string, unknown>
}

async function boundedBytes(context: RequestContext): Promise<Uint8Array> {
  const length = context.req.header('content-length')
  if (length !== undefined) {
    if (Number(length) > JSON_BYTES_MAX) throw tooLarge()
    return new Uint8Array(await context.req.arrayBuffer())
  }
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of context.req.raw.body ?? []) {
    bytes += chunk.length
    if (bytes > JSON_BYTES_MAX) throw tooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function tooLarge(): Problem {
  return new Problem(413, 'too-large', `A body has at most ${JSON_BYTES_MAX} bytes.`)
}

/** Requests to the server. Whatever goes wrong is an ApiProblem with a code to branch on. */

const TIMEOUT_MS = 20_000

/** Refusals after which nothing has happened, so that the same request may go out again. */
const NOTHING_HAPPENED = new Set(['overloaded', 'unavailable', 'catching-up', 'recovering'])

export class ApiProblem extends Error {
  /** @param {number} status 0 = no answer @param {string} code @param {Record<string, any>} body */
  constructor(status, code, body) {
    super(typeof body['detail'] === 'string' ? body['detail'] : code)
    this.status = status
    this.code = code
    this.body = body
  }

  /** Whether a request that changes something may have been carried out all the same. */
  get isUnknown() {
    return this.code === 'outcome-unknown' || this.status === 0 || (this.status >= 500 && !this.isTransient)
  }

  get isTransient() {
    return NOTHING_HAPPENED.has(this.code)
  }

  get retryAfterMs() {
    const seconds = this.body['retryAfter']
    return (typeof seconds === 'number' ? Math.max(1, seconds) : 2) * 1_000
  }
}

/**
 * @param {'GET' | 'POST' | 'PUT' | 'DELETE'} method
 * @param {string} path
 * @param {{ body?: unknown, ifMatch?: number, whose?: string }} [options] `whose`: the candidate that the page shows;
 *   tabs share one cookie, and what was meant for one person must not reach the form of another
 * @returns {Promise<any>} the JSON of the answer; undefined where it has none
 */
export async function api(method, path, { body, ifMatch, whose } = {}) {
  /** @type {Record<string, string>} */
  const headers = {}
  if (method !== 'GET') headers['content-type'] = 'application/json'
  if (ifMatch !== undefined) headers['if-match'] = `"${ifMatch}"`
  if (whose !== undefined) headers['x-candidate'] = whose
  let response
  let text
  try {
    response = await fetch(path, {
      method,
      headers,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    text = await response.text()
  } catch {
    throw new ApiProblem(0, 'offline', {})
  }
  const parsed = parse(text)
  if (response.ok) {
    // A proxy's page in place of an answer tells nothing about what happened behind it.
    if (text !== '' && parsed === undefined) throw new ApiProblem(0, 'offline', {})
    return parsed
  }
  const problem = parsed ?? {}
  throw new ApiProblem(response.status, problem['code'] ?? 'internal', problem)
}

/** @param {string} text */
function parse(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

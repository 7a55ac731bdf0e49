/** A refusal as HTTP tells it (RFC 9457): thrown anywhere, answered in one place. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly status: number
  readonly code: string
  readonly detail: string
  /** Further members of the answer, such as `retryAfter` in seconds. */
  readonly members: Readonly<Record<string, unknown>>

  constructor(status: number, code: string, detail: string, members: Readonly<Record<string, unknown>> = {}) {
    super(`${code}: ${detail}`)
    this.status = status
    this.code = code
    this.detail = detail
    this.members = members
  }
}

/** What a request carries besides itself. */
import type { Context } from 'hono'
import type { Session } from '../people/session-token.ts'

export interface RequestEnvironment {
  readonly Bindings: {
    /** Of the peer, or what the trusted proxy says; never empty. */
    readonly address: string
  }
  readonly Variables: {
    /** Set by `signedIn`. */
    session: Session
  }
}

export type RequestContext = Context<RequestEnvironment>

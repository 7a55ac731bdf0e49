/**
 * One HTTP call on kept connections. Not the client of the package: a demo that proves something about answers
 * has to see every answer, and every missing one, itself.
 */
import { Agent, request } from 'node:http'

export interface Answer {
  readonly status: number
  readonly body: string
}

/** Calls one server; `close` gives its connections back. */
export class Caller {
  readonly #agent: Agent
  readonly #base: URL
  inFlight = 0

  constructor(url: string, connections: number) {
    this.#base = new URL(url)
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections })
  }

  /** Rejects when no whole answer came: then the call may or may not have been taken. */
  call(method: string, path: string, body?: string): Promise<Answer> {
    this.inFlight += 1
    return new Promise<Answer>((resolve, reject) => {
      const sent = request(
        {
          agent: this.#agent,
          host: this.#base.hostname,
          port: this.#base.port,
          method,
          path,
          headers:
            body === undefined
              ? {}
              : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        },
        (response) => {
          let text = ''
          response.setEncoding('utf8')
          response.on('data', (chunk: string) => {
            text += chunk
          })
          response.on('end', () => {
            if (response.complete) resolve({ status: response.statusCode ?? 0, body: text })
            else reject(new Error('The answer broke off.'))
          })
          response.on('error', reject)
        },
      )
      sent.on('error', reject)
      sent.end(body)
    }).finally(() => {
      this.inFlight -= 1
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}

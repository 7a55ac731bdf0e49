/** A served tier for one test: started, talked to as an outside program would, and gone afterwards. */
import { connect } from 'node:net'
import { onTestFinished } from 'vitest'
import { startServer } from '../../src/server/index.ts'
import type { Tier } from '../../src/index.ts'
import type { Server, ServerOptions } from '../../src/server/index.ts'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body as JSON. */
  readonly json: Record<string, unknown>
}

export interface Sent {
  readonly headers?: Record<string, string>
  /** Text, bytes, or a value that is sent as JSON with its content type. */
  readonly body?: string | Uint8Array | object
}

export interface Service extends Server {
  send(method: string, path: string, sent?: Sent): Promise<Answer>
  /** Writes bytes to a fresh connection and answers all that comes back until the server closes it. */
  raw(bytes: string | Uint8Array): Promise<string>
}

export async function serve(tier: Tier, options: Partial<ServerOptions> = {}): Promise<Service> {
  const server = await startServer({ tier, port: 0, ...options })
  onTestFinished(() => server.close({ graceMs: 0 }))
  return {
    ...server,
    send: (method, path, sent) => send(server.url, method, path, sent),
    raw: (bytes) => raw(server.port, bytes),
  }
}

export async function send(
  url: string,
  method: string,
  path: string,
  { headers = {}, body }: Sent = {},
): Promise<Answer> {
  const isValue = body !== undefined && typeof body === 'object' && !(body instanceof Uint8Array)
  const bytes = isValue ? JSON.stringify(body) : body
  const reply = await fetch(url + path, {
    method,
    headers: { ...(bytes === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(bytes === undefined ? {} : { body: bytes as Uint8Array<ArrayBuffer> | string }),
  })
  const text = await reply.text()
  return {
    status: reply.status,
    headers: reply.headers,
    text,
    get json() {
      return JSON.parse(text) as Record<string, unknown>
    },
  }
}

function raw(port: number, bytes: string | Uint8Array): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    const chunks: Buffer[] = []
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('error', reject)
    socket.on('close', () => resolve(Buffer.concat(chunks).toString()))
    socket.end(bytes)
  })
}

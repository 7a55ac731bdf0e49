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
  /** Writes bytes to a fresh connection and answers the reply as it stands there. */
  raw(bytes: string | Uint8Array): Promise<string>
}

/** Gone when the test is finished. */
export async function serve(tier: Tier, options: Partial<ServerOptions> = {}): Promise<Service> {
  const service = await started(tier, options)
  onTestFinished(() => service.close({ graceMs: 0 }))
  return service
}

export async function started(tier: Tier, options: Partial<ServerOptions> = {}): Promise<Service> {
  const server = await startServer({ tier, port: 0, ...options })
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
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      if (isWhole(text)) socket.destroy()
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(text))
    // Not ended: to a server that would say that nobody waits for the answer.
    socket.write(bytes)
  })
}

/** True when the head and as many bytes as it announces are there. */
function isWhole(text: string): boolean {
  const head = text.indexOf('\r\n\r\n')
  const announced = /^content-length: (\d+)\r$/im.exec(text)?.[1]
  return head >= 0 && text.length >= head + 4 + Number(announced ?? Number.POSITIVE_INFINITY)
}

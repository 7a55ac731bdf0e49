/**
 * One connection of a load generator, on a bare socket: one request out at a time, and of an answer only what tells
 * where it ends is parsed. A connection that breaks under a request makes its outcome unknown; the next request
 * opens a new one.
 */
import { connect } from 'node:net'
import type { Socket } from 'node:net'

export interface LoadRequest {
  readonly method: 'GET' | 'PUT' | 'POST'
  readonly path: string
  readonly token: string
  readonly body?: string
  readonly ifMatch?: number
}

export interface LoadAnswer {
  readonly status: number
  readonly body: string
}

const UNSENT: LoadAnswer = { status: 0, body: '"code":"no-connection"' }

/** As a browser's patience: after it the outcome counts as unknown. */
const ANSWER_MS_MAX = 10_000

export class HttpConnection {
  readonly #host: string
  readonly #port: number
  #socket: Socket | undefined
  #rest: Buffer = Buffer.alloc(0)
  #answered: ((answer: LoadAnswer | undefined) => void) | undefined

  constructor(url: string) {
    const { hostname, port } = new URL(url)
    this.#host = hostname
    this.#port = Number(port)
  }

  /** Undefined: no answer, so that nobody knows what became of it. Status 0: it was never sent. */
  async send(request: LoadRequest): Promise<LoadAnswer | undefined> {
    const socket = this.#socket ?? (await this.#open())
    if (socket === undefined) return UNSENT
    return new Promise((resolve) => {
      const late = setTimeout(() => socket.destroy(), ANSWER_MS_MAX)
      this.#answered = (answer) => {
        clearTimeout(late)
        this.#answered = undefined
        resolve(answer)
      }
      socket.write(textOf(request, this.#host, this.#port))
    })
  }

  close(): void {
    this.#socket?.destroy()
  }

  #open(): Promise<Socket | undefined> {
    return new Promise((resolve) => {
      const socket = connect(this.#port, this.#host)
      socket.setNoDelay(true)
      socket.once('connect', () => {
        this.#socket = socket
        this.#rest = Buffer.alloc(0)
        resolve(socket)
      })
      socket.on('data', (chunk: Buffer) => this.#take(chunk))
      socket.on('error', () => socket.destroy())
      socket.once('close', () => {
        if (this.#socket === socket) this.#socket = undefined
        resolve(undefined)
        this.#answered?.(undefined)
      })
    })
  }

  #take(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const headEnd = bytes.indexOf('\r\n\r\n')
    const head = headEnd < 0 ? '' : bytes.toString('latin1', 0, headEnd + 2)
    const length = headEnd < 0 ? undefined : contentLength(head)
    if (length === undefined || bytes.length < headEnd + 4 + length) {
      this.#rest = bytes
      return
    }
    this.#rest = Buffer.alloc(0)
    const body = bytes.toString('utf8', headEnd + 4, headEnd + 4 + length)
    // A server that is stopping says so; the next request needs another connection.
    if (/\r\nconnection: close\r\n/i.test(head)) this.#socket?.destroy()
    this.#answered?.({ status: Number(head.slice(9, 12)), body })
  }
}

function contentLength(head: string): number | undefined {
  const at = head.search(/\r\ncontent-length:/i)
  return at < 0 ? undefined : Number.parseInt(head.slice(at + 17), 10)
}

function textOf({ method, path, token, body, ifMatch }: LoadRequest, host: string, port: number): string {
  let head = `${method} ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\nAuthorization: Bearer ${token}\r\n`
  if (ifMatch !== undefined) head += `If-Match: "${ifMatch}"\r\n`
  if (body !== undefined)
    head += `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`
  else if (method !== 'GET') head += 'Content-Length: 0\r\n'
  return `${head}\r\n${body ?? ''}`
}

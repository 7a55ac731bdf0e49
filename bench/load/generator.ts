/**
 * A load generator on raw sockets, in a process of its own: so many connections, each with one request out at a time
 * (no pipelining), for so long. It parses of an answer what tells where it ends, and nothing else.
 */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import type { Load, LoadAnswer } from './load.ts'

const { url, connections, warmUpMs, ms, method, paths, body } = JSON.parse(process.argv[2] ?? '') as Load
const { hostname, port } = new URL(url)
const head =
  body === undefined ? '' : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`
const requests = paths.map((path) =>
  Buffer.from(`${method} ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\n${head}\r\n${body ?? ''}`),
)

let next = 0
let answers = 0
let refused = 0
let counting = false
const latenciesMs: number[] = []

/** One connection: writes the next request as soon as the answer to the last one is whole. */
function drive(socket: Socket): void {
  let sentAt = 0
  let rest: Buffer = Buffer.alloc(0)
  const send = (): void => {
    sentAt = performance.now()
    next = (next + 1) % requests.length
    socket.write(requests[next] as Buffer)
  }
  socket.setNoDelay(true)
  socket.on('data', (chunk: Buffer) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    const headEnd = bytes.indexOf('\r\n\r\n')
    const length = headEnd === -1 ? undefined : contentLength(bytes.toString('latin1', 0, headEnd + 2))
    if (length === undefined || bytes.length < headEnd + 4 + length) {
      rest = bytes
      return
    }
    rest = Buffer.alloc(0)
    if (counting) {
      answers += 1
      // '2' of "HTTP/1.1 2xx"
      if (bytes[9] !== 0x32) refused += 1
      if (answers % 16 === 0) latenciesMs.push(performance.now() - sentAt)
    }
    send()
  })
  send()
}

function contentLength(text: string): number | undefined {
  const at = text.search(/\r\ncontent-length:/i)
  return at === -1 ? undefined : Number.parseInt(text.slice(at + 17), 10)
}

const sockets = Array.from({ length: connections }, () => connect(Number(port), hostname))
for (const socket of sockets) {
  socket.on('connect', () => drive(socket))
  socket.on('error', (error) => {
    throw error
  })
}
setTimeout(() => {
  counting = true
  const from = performance.now()
  setTimeout(() => {
    counting = false
    const seconds = (performance.now() - from) / 1_000
    latenciesMs.sort((a, b) => a - b)
    const p99Ms = latenciesMs[Math.floor(latenciesMs.length * 0.99)] ?? 0
    const answer: LoadAnswer = { perSecond: answers / seconds, p99Ms, refused }
    process.stdout.write(JSON.stringify(answer), () => process.exit(0))
  }, ms)
}, warmUpMs)

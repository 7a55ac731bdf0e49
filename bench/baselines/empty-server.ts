/**
 * The least an HTTP server can do, directly on node:http or Bun.serve, in a process of its own: GET gives a body that
 * it was told at start, every other method reads the request's body and gives the other one.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

interface BunGlobal {
  serve(options: { port: number; hostname: string; fetch(request: Request): Response | Promise<Response> }): {
    readonly port: number
  }
}

const [getBody = '', otherBody = ''] = process.argv.slice(2)
const headers = { 'content-type': 'application/json', 'cache-control': 'no-store', etag: '"137438953473"' }

function onBun(bun: BunGlobal): number {
  const { port } = bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: (request) => {
      if (request.method === 'GET') return new Response(getBody, { headers })
      return request.bytes().then(() => new Response(otherBody, { headers }))
    },
  })
  return port
}

function onNode(): Promise<number> {
  const server = createServer((request, response) => {
    const answer = (body: string): void => {
      response.writeHead(200, { ...headers, 'content-length': Buffer.byteLength(body) })
      response.end(body)
    }
    if (request.method === 'GET') return answer(getBody)
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => answer(Buffer.concat(chunks).length > 0 ? otherBody : ''))
  })
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

const { Bun } = globalThis as { Bun?: BunGlobal }
const port = Bun === undefined ? await onNode() : onBun(Bun)
process.stdout.write(`${JSON.stringify({ ready: true, url: `http://127.0.0.1:${port}` })}\n`)

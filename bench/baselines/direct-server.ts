/**
 * What people have before they look for something else: HTTP, and each PUT is one upsert into MariaDB, prepared, on a
 * pool of connections. Durable before the answer, as a save is.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createPool } from 'mysql2/promise'
import type { Pool } from 'mysql2/promise'

interface BunGlobal {
  serve(options: { port: number; hostname: string; fetch(request: Request): Promise<Response> }): {
    readonly port: number
  }
}

const [database = '', connections = '8'] = process.argv.slice(2)
const pool: Pool = createPool({
  uri: database,
  connectionLimit: Number(connections),
  maxIdle: Number(connections),
  queueLimit: 0,
})
await pool.query(
  'CREATE TABLE IF NOT EXISTS direct (record_key VARBINARY(512) PRIMARY KEY, value LONGBLOB NOT NULL) ENGINE=InnoDB',
)
const headers = { 'content-type': 'application/json' }

async function save(path: string, body: Uint8Array): Promise<string> {
  const key = decodeURIComponent(path.slice(path.lastIndexOf('/') + 1))
  JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString())
  await pool.execute(
    'INSERT INTO direct (record_key, value) VALUES (?, ?) ON DUPLICATE KEY UPDATE value = VALUES(value)',
    [Buffer.from(key), Buffer.from(body)],
  )
  return `{"key":${JSON.stringify(key)}}`
}

function onBun(bun: BunGlobal): number {
  const { port } = bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: async (request) =>
      new Response(await save(new URL(request.url).pathname, await request.bytes()), { headers }),
  })
  return port
}

function onNode(): Promise<number> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      save(request.url ?? '', Buffer.concat(chunks)).then(
        (answer) => {
          response.writeHead(200, { ...headers, 'content-length': Buffer.byteLength(answer) })
          response.end(answer)
        },
        (error: unknown) => {
          response.writeHead(500)
          response.end(String(error))
        },
      )
    })
  })
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

const { Bun } = globalThis as { Bun?: BunGlobal }
const port = Bun === undefined ? await onNode() : onBun(Bun)
process.stdout.write(`${JSON.stringify({ ready: true, url: `http://127.0.0.1:${port}` })}\n`)

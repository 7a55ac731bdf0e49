/** The ceiling: a server that answers every request with the same small JSON, and does nothing else. */
import { Hono } from 'hono'
import { listen } from '../server/listen.ts'
import type { RequestEnvironment } from '../server/environment.ts'

const BODY = JSON.stringify({ version: 1, state: 'saved', choices: [], saves: 1, receipt: 'x', savedAt: 'x' })
const app = new Hono<RequestEnvironment>()
app.all('*', async (context) => {
  if (context.req.method !== 'GET') await context.req.text()
  return context.body(BODY, 200, { 'content-type': 'application/json' })
})
const { url } = await listen(app, { host: '127.0.0.1', port: 0, trustProxy: false })
process.stdout.write(`${JSON.stringify({ ready: true, url })}\n`)
process.once('SIGTERM', () => process.exit(0))

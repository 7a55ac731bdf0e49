/** A served fake tier as a process of its own: prints its port, and at the end of its input the growth of its memory. */
import { startServer } from '../../src/server/index.ts'
import { FakeTier } from './fake-tier.ts'

const server = await startServer({ tier: new FakeTier(), port: 0 })
const before = process.memoryUsage().rss
let most = before
const timer = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 2)
console.log(server.port)
process.stdin.resume()
process.stdin.on('end', async () => {
  clearInterval(timer)
  await server.close({ graceMs: 0 })
  console.log(most - before)
  process.exit(0)
})

// Starts a private Redis, says its pid, and waits to be killed without a chance to clean up.
import { startRedis } from '../../scripts/services/redis-server.ts'

const folder = process.argv[2]
if (folder === undefined) throw new Error('usage: starter-child.ts FOLDER')
const server = await startRedis({ folder })
console.log(server.pid)
process.stdin.resume()

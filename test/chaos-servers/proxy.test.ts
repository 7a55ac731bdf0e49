import { connect } from 'node:net'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { Proxy } from '../../scripts/chaos/proxy.ts'
import { RespFrames, commandOf } from '../../scripts/chaos/resp-frames.ts'
import { privateRedis } from '../servers/private-servers.ts'

const redis = await privateRedis()

async function proxied(port = redis.port): Promise<{ proxy: Proxy; client: Redis }> {
  const proxy = await Proxy.open(port, 'redis')
  const client = new Redis({
    port: proxy.port,
    db: 3,
    protocol: 2,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    retryStrategy: () => 20,
  })
  client.on('error', () => undefined)
  await new Promise<void>((resolve) => client.once('ready', () => resolve()))
  onTestFinished(async () => {
    client.disconnect()
    await proxy.close()
  })
  return { proxy, client }
}

const ready = (client: Redis): Promise<void> =>
  new Promise((resolve) => client.once('ready', () => resolve()))

test('messages are found whole, however the bytes come in', () => {
  const bytes = Buffer.from(
    '*2\r\n$3\r\nGET\r\n$4\r\na\r\nb\r\n+OK\r\n$-1\r\n*-1\r\n:12\r\n*1\r\n*2\r\n:1\r\n$0\r\n\r\n',
  )
  const whole = new RespFrames().push(bytes).map(String)
  expect(whole).toEqual([
    '*2\r\n$3\r\nGET\r\n$4\r\na\r\nb\r\n',
    '+OK\r\n',
    '$-1\r\n',
    '*-1\r\n',
    ':12\r\n',
    '*1\r\n*2\r\n:1\r\n$0\r\n\r\n',
  ])
  const frames = new RespFrames()
  expect([...bytes].flatMap((byte) => frames.push(Buffer.from([byte])).map(String))).toEqual(whole)
  expect(commandOf(Buffer.from('*2\r\n$3\r\nget\r\n$1\r\na\r\n'))).toBe('GET')
})

test('a cut reply: the work was done, the caller has no answer', async () => {
  const { proxy, client } = await proxied()
  proxy.cutReplies(1, 100)
  expect(await client.set('small', '1')).toBe('OK')
  const again = ready(client)
  await expect(client.set('large', 'x'.repeat(200))).rejects.toThrow()
  expect(proxy.repliesCut).toBe(1)
  await again
  expect(await client.get('large')).toBe('x'.repeat(200))
})

test('cut breaks every connection and refuses new ones until it is mended', async () => {
  const { proxy, client } = await proxied()
  const closed = new Promise<void>((resolve) => client.once('close', () => resolve()))
  proxy.cut()
  await closed
  expect(proxy.links).toBe(0)
  const refused = connect({ port: proxy.port, host: '127.0.0.1' })
  await new Promise<void>((resolve) => refused.on('error', () => undefined).once('close', () => resolve()))
  const again = ready(client)
  proxy.mend()
  await again
  expect(await client.ping()).toBe('PONG')
})

test('a flip changes the server under a live connection: nothing breaks, no answer is mixed up', async () => {
  const other = await privateRedis({}, onTestFinished)
  const { proxy, client } = await proxied()
  let closed = 0
  client.on('close', () => (closed += 1))
  await client.set('who', 'old')
  const sent: Promise<string>[] = []
  let stopped = false
  const load = (async () => {
    for (let n = 0; !stopped; n += 1) {
      sent.push(client.echo(`message ${n}`) as Promise<string>)
      if (n % 20 === 0) await sent.at(-1)
    }
  })()
  await Proxy.flip([proxy], other.port)
  expect(await client.get('who')).toBeNull()
  await client.set('who', 'new')
  stopped = true
  await load
  expect(await Promise.all(sent)).toEqual(sent.map((_, n) => `message ${n}`))
  expect(closed).toBe(0)
  // The handshake was said again: database 3, not 0.
  expect(await other.ask('INFO keyspace')).toContain('db3:keys=1')
})

test('a swallowed answer never comes, and the one who waits for it is told that the work was done', async () => {
  const { proxy, client } = await proxied()
  const done = proxy.swallow('commit-me')
  let answered = false
  const call = client.set('swallowed', 'commit-me').then(() => (answered = true))
  call.catch(() => undefined)
  await done
  expect(await redis.ask('DBSIZE')).toBeDefined()
  expect(answered).toBe(false)
})

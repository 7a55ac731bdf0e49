/**
 * A TCP proxy before a Redis that can lose what goes through it: replies (the server did it, nobody hears), requests
 * (nothing happened, and nobody knows), or every connection.
 */
import { createServer, connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { onTestFinished } from 'vitest'

export interface CuttingProxy {
  readonly url: string
  /** What clients sent, as text; to count how often a command went out. */
  readonly sent: string
  /** Connections that were made so far. */
  readonly connections: number
  /** From now on, the first bytes of a reply to anything break their connection and never arrive. */
  cutReplies(): void
  /** From now on, the first bytes of a request break their connection and never arrive. */
  cutRequests(): void
  /** Breaks every connection, and every new one, until `pass`. */
  refuse(): void
  pass(): void
  /** Leads everybody to another server, as an address that moves at a failover. */
  leadTo(port: number): void
  /** Leads new connections to another server; those that are there stay, as with a primary that is only demoted. */
  leadNewTo(port: number): void
  /** After the next reply, connections go on as they are, but to another server: as if an address moved under them. */
  moveUnder(port: number): void
}

interface Pair {
  readonly client: Socket
  upstream: Socket
}

export async function cuttingProxy(server: number): Promise<CuttingProxy> {
  let port = server
  let mode: 'pass' | 'cut-replies' | 'cut-requests' | 'refuse' = 'pass'
  let sent = ''
  let connections = 0
  let moving: number | undefined
  const pairs = new Set<Pair>()
  const listener = createServer((client) => {
    if (mode === 'refuse') return void client.destroy()
    connections += 1
    const pair: Pair = { client, upstream: connect(port, '127.0.0.1') }
    pairs.add(pair)
    const end = (): void => {
      pairs.delete(pair)
      client.destroy()
      pair.upstream.destroy()
    }
    const listen = (): void => {
      const { upstream } = pair
      upstream.on('data', (chunk: Buffer) => {
        if (mode === 'cut-replies') return end()
        client.write(chunk)
        if (moving === undefined) return
        upstream.removeAllListeners('close').destroy()
        pair.upstream = connect(moving, '127.0.0.1')
        listen()
      })
      upstream.on('close', end).on('error', end)
    }
    client.on('data', (chunk: Buffer) => {
      sent += chunk.toString('latin1')
      if (mode === 'cut-requests') end()
      else pair.upstream.write(chunk)
    })
    client.on('close', end).on('error', end)
    listen()
  })
  await new Promise<void>((resolve) => {
    listener.listen(0, '127.0.0.1', resolve)
  })
  const breakAll = (): void => {
    for (const { client, upstream } of pairs) for (const socket of [client, upstream]) socket.destroy()
  }
  onTestFinished(async () => {
    breakAll()
    await new Promise((resolve) => {
      listener.close(resolve)
    })
  })
  return {
    url: `redis://127.0.0.1:${(listener.address() as AddressInfo).port}/0`,
    get sent() {
      return sent
    },
    get connections() {
      return connections
    },
    cutReplies: () => {
      mode = 'cut-replies'
    },
    cutRequests: () => {
      mode = 'cut-requests'
    },
    refuse: () => {
      mode = 'refuse'
      breakAll()
    },
    pass: () => {
      mode = 'pass'
    },
    leadTo: (other) => {
      port = other
      breakAll()
    },
    leadNewTo: (other) => {
      port = other
    },
    moveUnder: (other) => {
      moving = other
    },
  }
}

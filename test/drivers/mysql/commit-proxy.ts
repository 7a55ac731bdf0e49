/** A TCP proxy between a client and its server that loses or holds back what belongs to a COMMIT. */
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

export type CommitFate =
  /** Goes through. */
  | 'pass'
  /** Reaches the server; its answer is lost, and the connection with it. */
  | 'lose-answer'
  /** Never reaches the server; the connection breaks. */
  | 'lose-commit'
  /** Waits for `release`. */
  | 'hold'

export class CommitProxy {
  fate: CommitFate = 'pass'
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #held: (() => void)[] = []
  #seen: (() => void) | undefined

  private constructor(server: Server) {
    this.#server = server
  }

  static async before(port: number): Promise<CommitProxy> {
    const server = createServer()
    const proxy = new CommitProxy(server)
    server.on('connection', (client) =>
      proxy.#join(client, connect({ port, host: '127.0.0.1', noDelay: true })),
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Resolves when a COMMIT has come that did not simply pass. */
  committed(): Promise<void> {
    return new Promise((resolve) => (this.#seen = resolve))
  }

  /** What was held back goes to the server. */
  release(): void {
    for (const send of this.#held.splice(0)) send()
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #join(client: Socket, server: Socket): void {
    let deaf = false
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(one)
      one.on('error', () => other.destroy())
      // A held COMMIT still has to arrive when its client is gone.
      one.on('close', () => {
        if (this.#held.length === 0) other.destroy()
      })
    }
    server.on('data', (chunk) => {
      if (!deaf) client.write(chunk)
      else client.destroy()
    })
    client.on('data', (chunk) => {
      if (this.fate === 'pass' || !chunk.includes('COMMIT')) {
        server.write(chunk)
        return
      }
      if (this.fate === 'hold') this.#held.push(() => server.write(chunk))
      else if (this.fate === 'lose-answer') {
        deaf = true
        server.write(chunk)
      } else {
        client.destroy()
        server.destroy()
      }
      this.#seen?.()
    })
  }
}

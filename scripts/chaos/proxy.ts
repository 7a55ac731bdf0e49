/**
 * A TCP proxy that stands between one server process and one store, and does to its connections what networks do.
 *
 *   client ─▶ [held while it is being flipped] ─▶ store
 *   client ◀─ [cut, swallowed]                 ◀─ store
 *
 *   cut        every connection breaks, new ones are refused, until `mend`
 *   cutReplies a request is forwarded, and the connection breaks when its answer comes: the work was done
 *   stall      the store's bytes no longer arrive, and nobody is told: the connection looks alive to both ends
 *   swallow    the same for the first request with a given text in it, and the answer never arrives
 *   flip       the other server answers from now on, on the connections that are there. Only between two messages:
 *              what was asked is answered by the old server first, as a proxy that speaks the protocol does it
 */
import { createServer, connect } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { RespFrames, commandOf } from './resp-frames.ts'

/** What a client says first, and what its connection is nothing without. */
const HANDSHAKE = new Set(['HELLO', 'AUTH', 'SELECT', 'CLIENT'])
const FLIP_MS_MAX = 2_000

/** `bytes` are forwarded as they come: only what speaks Redis can be flipped. */
export type Protocol = 'redis' | 'bytes'

class Link {
  readonly client: Socket
  readonly #protocol: Protocol
  readonly #proxy: Proxy
  #server: Socket
  #requests = new RespFrames()
  #replies = new RespFrames()
  readonly #handshake: Buffer[] = []
  #held: Buffer[] | undefined
  #unanswered = 0
  #toDiscard = 0
  #doomed = false
  #swallowing: (() => void) | undefined
  #idle: (() => void) | undefined

  constructor(proxy: Proxy, client: Socket, protocol: Protocol) {
    this.#proxy = proxy
    this.client = client
    this.#protocol = protocol
    client.setNoDelay(true)
    client.on('data', (chunk) => this.#fromClient(chunk))
    client.on('close', () => this.break())
    client.on('error', () => this.break())
    this.#server = this.#connect(proxy.target)
  }

  #connect(port: number): Socket {
    const server = connect({ port, host: '127.0.0.1', noDelay: true })
    server.on('data', (chunk) => {
      if (server === this.#server) this.#fromServer(chunk)
    })
    for (const event of ['close', 'error'])
      server.on(event, () => {
        if (server === this.#server) this.break()
      })
    return server
  }

  #fromClient(chunk: Buffer): void {
    if (this.#protocol === 'bytes') {
      this.#forward(chunk)
      return
    }
    for (const frame of this.#requests.push(chunk)) {
      if (HANDSHAKE.has(commandOf(frame))) this.#handshake.push(frame)
      if (this.#held === undefined) this.#forward(frame)
      else this.#held.push(frame)
    }
  }

  #forward(bytes: Buffer): void {
    this.#unanswered += 1
    this.#doomed ||= this.#proxy.takesReplyOf(bytes)
    this.#swallowing ??= this.#proxy.swallows(bytes)
    this.#server.write(bytes)
  }

  #fromServer(chunk: Buffer): void {
    if (this.#proxy.isStalled) return
    if (this.#swallowing !== undefined) {
      this.#swallowing()
      return
    }
    if (this.#doomed) {
      this.#proxy.replyCut()
      this.break()
      return
    }
    if (this.#protocol === 'bytes') {
      this.client.write(chunk)
      return
    }
    for (const frame of this.#replies.push(chunk)) {
      if (this.#toDiscard > 0) {
        this.#toDiscard -= 1
        continue
      }
      this.#unanswered -= 1
      this.client.write(frame)
    }
    if (this.#unanswered === 0) this.#idle?.()
  }

  /** Nothing new is forwarded; resolves once all that was is answered. A link that never is breaks. */
  async hold(): Promise<void> {
    this.#held ??= []
    if (this.#unanswered === 0 || this.client.destroyed) return
    await new Promise<void>((resolve) => {
      const late = setTimeout(() => {
        this.break()
        resolve()
      }, FLIP_MS_MAX)
      this.#idle = () => {
        clearTimeout(late)
        resolve()
      }
    })
  }

  /** From now on `port` answers; it is told first what the client had said of itself. */
  release(port: number): void {
    if (this.client.destroyed) return
    const old = this.#server
    this.#replies = new RespFrames()
    this.#server = this.#connect(port)
    old.destroy()
    this.#toDiscard = this.#handshake.length
    for (const frame of this.#handshake) this.#server.write(frame)
    const held = this.#held ?? []
    this.#held = undefined
    for (const frame of held) this.#forward(frame)
  }

  break(): void {
    this.client.destroy()
    this.#server?.destroy()
    this.#idle?.()
    this.#proxy.gone(this)
  }
}

export class Proxy {
  readonly port: number
  /** Where new connections go. */
  target: number
  readonly #listener: Server
  readonly #links = new Set<Link>()
  #isCut = false
  #isStalled = false
  #repliesToCut = 0
  #repliesBytesMin = 0
  #repliesTo = ''
  #repliesCut = 0
  #pattern: { readonly text: string; readonly found: () => void } | undefined

  private constructor(listener: Server, target: number, protocol: Protocol) {
    this.#listener = listener
    this.port = (listener.address() as AddressInfo).port
    this.target = target
    listener.on('connection', (client) => {
      if (this.#isCut) client.destroy()
      else this.#links.add(new Link(this, client, protocol))
    })
  }

  static async open(target: number, protocol: Protocol): Promise<Proxy> {
    const listener = createServer()
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject)
      listener.listen(0, '127.0.0.1', resolve)
    })
    return new Proxy(listener, target, protocol)
  }

  get links(): number {
    return this.#links.size
  }

  get repliesCut(): number {
    return this.#repliesCut
  }

  cut(): void {
    this.#isCut = true
    for (const link of this.#links) link.break()
  }

  get isStalled(): boolean {
    return this.#isStalled
  }

  /** For good: bytes are missing from then on. */
  stall(): void {
    this.#isStalled = true
  }

  mend(target = this.target): void {
    this.target = target
    this.#isCut = false
  }

  /** As a changed name does: connections break, the next ones reach the other server. */
  retarget(port: number): void {
    this.target = port
    for (const link of this.#links) link.break()
  }

  /** The answers of the next `count` requests of at least so many bytes, and with `text` in them, are cut. */
  cutReplies(count: number, bytesMin = 0, text = ''): void {
    this.#repliesToCut = count
    this.#repliesBytesMin = bytesMin
    this.#repliesTo = text
  }

  /** Resolves when a request with `text` in it was answered by the store, and the answer was thrown away. */
  swallow(text: string): Promise<void> {
    return new Promise((found) => {
      this.#pattern = { text, found }
    })
  }

  takesReplyOf(bytes: Buffer): boolean {
    if (this.#repliesToCut === 0 || bytes.length < this.#repliesBytesMin) return false
    if (!bytes.includes(this.#repliesTo)) return false
    this.#repliesToCut -= 1
    return true
  }

  replyCut(): void {
    this.#repliesCut += 1
  }

  swallows(bytes: Buffer): (() => void) | undefined {
    const pattern = this.#pattern
    if (pattern === undefined || !bytes.includes(pattern.text)) return undefined
    this.#pattern = undefined
    return pattern.found
  }

  gone(link: Link): void {
    this.#links.delete(link)
  }

  /** Several proxies change servers at one moment: none asks the old one after another has asked the new one. */
  static async flip(proxies: readonly Proxy[], port: number): Promise<void> {
    const links = new Set(proxies.flatMap((proxy) => [...proxy.#links]))
    await Promise.all([...links].map((link) => link.hold()))
    for (const proxy of proxies) {
      proxy.target = port
      for (const link of proxy.#links) {
        if (links.has(link)) link.release(port)
        // It came while the others were held, and went to the old one.
        else link.break()
      }
    }
  }

  async close(): Promise<void> {
    this.cut()
    await new Promise<void>((resolve) => this.#listener.close(() => resolve()))
  }
}

/** A fault that cut nothing was none. */
export function mustHaveCut(proxies: readonly Proxy[]): void {
  if (proxies.every(({ repliesCut }) => repliesCut === 0)) throw new Error('No reply was cut')
}

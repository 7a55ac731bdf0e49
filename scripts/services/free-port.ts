import { createServer } from 'node:net'

/**
 * Below every system's range of ephemeral ports: a port from that range can be taken by any outgoing connection
 * while a killed server is down, and then its restart fails.
 */
const portMin = 10_240
const portMax = 32_000
const triesMax = 50

export const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })

/** A loopback port that nobody listens on now; whoever starts a server there still has to expect a race. */
export const freePort = async (): Promise<number> => {
  for (let tries = 0; tries < triesMax; tries += 1) {
    const port = portMin + Math.floor(Math.random() * (portMax - portMin))
    if (await isFree(port)) return port
  }
  throw new Error(`no free port found between ${portMin} and ${portMax} in ${triesMax} tries`)
}

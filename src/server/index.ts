/** The HTTP surface: a tier behind a port of this runtime. */
export { isLoopback, startServer } from './start-server.ts'
export type { Server, ServerOptions } from './start-server.ts'

/** The HTTP surface: a handler for any listener, and a server on this runtime's own. */
export { createHandler } from './handler.ts'
export type { Handler, HandlerOptions } from './handler.ts'
export { isLoopback, startServer } from './start-server.ts'
export type { Server, ServerOptions } from './start-server.ts'

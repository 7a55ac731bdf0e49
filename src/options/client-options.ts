/**
 * The options of the verbs that talk to a running server.
 */
import type { OptionTable } from './declare.ts'

export const CLIENT_OPTIONS = {
  url: {
    kind: 'text',
    default: 'http://127.0.0.1:7070',
    placeholder: 'url',
    meaning: 'The server to talk to.',
  },
  token: {
    kind: 'text',
    placeholder: 'text',
    secret: true,
    meaning: 'Bearer token of the server.',
  },
  tokenFile: {
    kind: 'path',
    placeholder: 'file',
    meaning: 'File that holds the token; white space around it is ignored.',
  },
} as const satisfies OptionTable

/**
 * What the verbs that talk to a server have in common: which server, and how a value gets in and out.
 */
import { readFileSync } from 'node:fs'
import { connect } from '../client/index.ts'
import { SpillwayError } from '../errors.ts'
import { CLIENT_OPTIONS } from '../options/client-options.ts'
import { flagOf, parseValue, variableOf } from '../options/declare.ts'
import { tokenFrom } from './token.ts'
import type { Invocation } from './verb.ts'

function clientOption(invocation: Invocation, name: keyof typeof CLIENT_OPTIONS): string | undefined {
  const option = CLIENT_OPTIONS[name]
  const flag = invocation.flags[name]
  if (typeof flag === 'string') return parseValue(option, flag, flagOf(name)) as string
  const variable = invocation.environment[variableOf(name)]
  if (variable !== undefined && variable !== '')
    return parseValue(option, variable, `Variable ${variableOf(name)}`) as string
  return 'default' in option ? option.default : undefined
}

export function clientOf(invocation: Invocation): ReturnType<typeof connect> {
  const url = clientOption(invocation, 'url') as string
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new SpillwayError(
      'invalid',
      `--url must be an http URL such as http://127.0.0.1:7070, not ${JSON.stringify(url)}.`,
    )
  }
  const token = tokenFrom(clientOption(invocation, 'token'), clientOption(invocation, 'tokenFile'))
  return connect(url, token === undefined ? {} : { token })
}

/** A whole number from a flag that is no declared option. */
export function wholeNumber(
  invocation: Invocation,
  flag: string,
  name: string,
  max = Number.MAX_SAFE_INTEGER,
): number | undefined {
  const text = invocation.flags[name]
  if (typeof text !== 'string') return undefined
  return parseValue({ kind: 'integer', min: 0, max, meaning: '' }, text, flag) as number
}

/** Durations of a call: `500`, `500ms`, `5s`; at most a minute, as everywhere. */
export function timeoutMs(invocation: Invocation): number | undefined {
  const text = invocation.flags.timeoutMs
  if (typeof text !== 'string') return undefined
  return parseValue({ kind: 'ms', min: 0, max: 60_000, meaning: '' }, text, '--timeout-ms') as number
}

const STDIN_BYTES_MAX = 64 * 2 ** 20

/** Reads all of stdin, up to more than any value may have. */
async function readStdin(): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > STDIN_BYTES_MAX)
      throw new SpillwayError('too-large', `The value on stdin has more than ${STDIN_BYTES_MAX} bytes.`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** A value as JSON bytes: the argument itself, `@file`, or `-` (also when left out) for stdin. */
export async function valueFrom(argument: string | undefined): Promise<Uint8Array> {
  if (argument === undefined && process.stdin.isTTY) {
    throw new SpillwayError(
      'invalid',
      'Give the value as an argument, as @file, or pipe it in: spillway put forms 7 \'{"a":1}\'',
    )
  }
  if (argument === undefined || argument === '-') return readStdin()
  if (!argument.startsWith('@')) return new TextEncoder().encode(argument)
  try {
    return readFileSync(argument.slice(1))
  } catch (error) {
    throw new SpillwayError(
      'invalid',
      `The file ${argument.slice(1)} cannot be read: ${(error as Error).message}.`,
      { cause: error },
    )
  }
}

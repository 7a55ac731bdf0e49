/**
 * Where a verb writes: data on stdout, everything else on stderr.
 *
 * A reader that goes away (`spillway errors | head -1`) is no failure: what is left to write is dropped.
 */
import { isSpillwayError } from '../../errors.ts'
import { readEnvironment, terminalEnvironment } from '../../options/environment.ts'
import { VerbFailure } from '../exit-code.ts'
import { paint } from './paint.ts'
import type { Paint } from './paint.ts'

const WIDTH_PLAIN = 80
const WIDTH_MIN = 40
const WIDTH_MAX = 120

export interface Terminal {
  /** Colours of stdout; plain when piped or NO_COLOR. */
  readonly outPaint: Paint
  readonly errPaint: Paint
  /** A person may be looking at stderr, so lines may move. */
  readonly live: boolean
  /** Columns to use. */
  readonly width: number
  /** One line of data. */
  out(line: string): void
  /** Data as it is, without a line end. */
  outBytes(bytes: Uint8Array): void
  /** One line for people. */
  say(line: string): void
  /** Replaces the last live line; '' removes it. Only where `live`. */
  liveLine(line: string): void
  /** Says what failed, as a sentence or, with `json`, as one problem. */
  failure(error: unknown, json: boolean): void
  /** Resolves once everything written has left the process. */
  flush(): Promise<void>
}

function problemOf(error: unknown): Record<string, unknown> {
  if (isSpillwayError(error)) {
    return {
      code: error.code,
      detail: error.detail,
      ...(error.retryAfterMs === undefined ? {} : { retryAfter: Math.ceil(error.retryAfterMs / 1_000) }),
      ...(error.entry === undefined ? {} : { entry: error.entry }),
    }
  }
  return {
    code: error instanceof VerbFailure ? 'failed' : 'internal',
    detail: error instanceof Error ? error.message : String(error),
  }
}

export function openTerminal(): Terminal {
  const { noColor, forceColor, columns } = terminalEnvironment(readEnvironment())
  const coloured = (stream: NodeJS.WriteStream): boolean => !noColor && (forceColor || stream.isTTY === true)
  const errPaint = paint(coloured(process.stderr))
  const live = process.stderr.isTTY === true && !noColor
  let liveShown = false
  for (const stream of [process.stdout, process.stderr]) {
    // EPIPE: the reader has all it wanted. Anything else on stdout means that data was lost: fail.
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && stream === process.stdout) process.exit(1)
    })
  }
  const clearLive = (): void => {
    if (liveShown) process.stderr.write('\r\u001b[2K')
    liveShown = false
  }
  return {
    outPaint: paint(coloured(process.stdout)),
    errPaint,
    live,
    width: Math.max(
      WIDTH_MIN,
      Math.min(process.stdout.columns ?? process.stderr.columns ?? columns ?? WIDTH_PLAIN, WIDTH_MAX),
    ),
    out(line) {
      clearLive()
      process.stdout.write(`${line}\n`)
    },
    outBytes(bytes) {
      clearLive()
      process.stdout.write(bytes)
    },
    say(line) {
      clearLive()
      process.stderr.write(`${line}\n`)
    },
    liveLine(line) {
      if (!live) return
      clearLive()
      if (line === '') return
      process.stderr.write(line)
      liveShown = true
    },
    failure(error, json) {
      clearLive()
      if (json) {
        process.stderr.write(`${JSON.stringify(problemOf(error))}\n`)
        return
      }
      const known = isSpillwayError(error) || error instanceof VerbFailure
      const text = isSpillwayError(error)
        ? `${error.code}: ${error.detail}`
        : error instanceof Error
          ? error.message
          : String(error)
      process.stderr.write(`${errPaint.bad('spillway:')} ${text}\n`)
      if (isSpillwayError(error) && error.entry !== undefined)
        process.stderr.write(`  entry: ${error.entry}\n`)
      // What nobody foresaw keeps its stack: it is a defect and has to be reported.
      if (
        (!known || isSpillwayError(error, 'internal')) &&
        error instanceof Error &&
        error.stack !== undefined
      ) {
        process.stderr.write(
          `${errPaint.dim(error.stack)}\nThis is a defect of Spillway: please report it with this text.\n`,
        )
      }
    },
    async flush() {
      clearLive()
      for (const stream of [process.stdout, process.stderr]) {
        if (!stream.writable) continue
        await new Promise<void>((resolve) => {
          stream.write('', () => resolve())
        })
      }
    },
  }
}

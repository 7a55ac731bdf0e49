/**
 * The log of a server, on stderr: lines for a person at a terminal, else one JSON object a line.
 */
import { pino } from 'pino'
import type { Logger } from '../index.ts'
import type { Terminal } from './terminal/terminal.ts'

export function serverLogger(terminal: Terminal, json: boolean): Logger {
  if (json || !terminal.live) {
    // Synchronous: the last lines before a crash are the ones that matter.
    return pino({ base: { pid: process.pid } }, pino.destination({ dest: 2, sync: true }))
  }
  const line = (level: string, fields: object, message: string): void => {
    const detail = Object.entries(fields)
      .map(([name, value]) => `${name}=${value instanceof Error ? value.message : String(value)}`)
      .join(' ')
    terminal.say(`${level} ${message}${detail === '' ? '' : ` ${terminal.errPaint.dim(detail)}`}`)
  }
  const { dim, warn, bad } = terminal.errPaint
  return {
    info: (fields, message) => line(dim('info '), fields, message),
    warn: (fields, message) => line(warn('warn '), fields, message),
    error: (fields, message) => line(bad('error'), fields, message),
  }
}

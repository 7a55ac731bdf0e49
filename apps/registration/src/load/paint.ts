/** Colours, where a terminal is looking. */

export interface Paint {
  good(text: string): string
  bad(text: string): string
  warn(text: string): string
  accent(text: string): string
  dim(text: string): string
  strong(text: string): string
}

export function paintFor(stream: NodeJS.WriteStream): Paint {
  const isColoured = stream.isTTY && (process.env['NO_COLOR'] ?? '') === ''
  const code =
    (start: number, end: number) =>
    (text: string): string =>
      isColoured ? `\x1b[${start}m${text}\x1b[${end}m` : text
  return {
    good: code(32, 39),
    bad: code(31, 39),
    warn: code(33, 39),
    accent: code(36, 39),
    dim: code(2, 22),
    strong: code(1, 22),
  }
}

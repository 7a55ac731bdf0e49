/**
 * A few colours with a meaning each; without colour the text stands as it is.
 */

export interface Paint {
  readonly on: boolean
  strong(text: string): string
  dim(text: string): string
  good(text: string): string
  warn(text: string): string
  bad(text: string): string
  accent(text: string): string
}

const PLAIN: Paint = {
  on: false,
  strong: (text) => text,
  dim: (text) => text,
  good: (text) => text,
  warn: (text) => text,
  bad: (text) => text,
  accent: (text) => text,
}

const sgr =
  (open: number, close: number) =>
  (text: string): string =>
    text === '' ? '' : `\u001b[${open}m${text}\u001b[${close}m`

const COLOURED: Paint = {
  on: true,
  strong: sgr(1, 22),
  dim: sgr(2, 22),
  good: sgr(32, 39),
  warn: sgr(33, 39),
  bad: sgr(31, 39),
  accent: sgr(36, 39),
}

export function paint(coloured: boolean): Paint {
  return coloured ? COLOURED : PLAIN
}

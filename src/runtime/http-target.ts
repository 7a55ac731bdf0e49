/** The request target of HTTP/1.1 (RFC 9112, 3.2), taken apart and not decoded. */

export interface Target {
  readonly path: string
  readonly query: string
}

/**
 * Path and query of an origin-form (`/a?b`) or absolute-form (`http://host/a?b`) target; undefined for any other,
 * and for bytes that are neither ASCII nor UTF-8. Raw UTF-8, which some clients send, is percent-encoded.
 */
export function pathAndQuery(target: string): Target | undefined {
  let start = 0
  if (target.charCodeAt(0) !== 0x2f) {
    const scheme = /^https?:\/\/[^/?#]*/i.exec(target)
    if (scheme === null) return undefined
    start = scheme[0].length
  }
  const mark = target.indexOf('?', start)
  const path = encoded(mark < 0 ? target.slice(start) : target.slice(start, mark))
  const query = mark < 0 ? '' : encoded(target.slice(mark + 1))
  if (path === undefined || query === undefined) return undefined
  return { path: path === '' ? '/' : path, query }
}

const BEYOND_ASCII = /[\u0080-\u00ff]/

/** `text` holds one byte a character, as node:http delivers it. */
function encoded(text: string): string | undefined {
  if (!BEYOND_ASCII.test(text)) return text
  try {
    const utf8 = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(text, 'latin1'))
    return utf8.replaceAll(/[\u0080-\u{10ffff}]+/gu, encodeURIComponent)
  } catch {
    return undefined
  }
}

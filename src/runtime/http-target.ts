/** The request target of HTTP/1.1 (RFC 9112, 3.2), taken apart and not decoded. */

export interface Target {
  readonly path: string
  readonly query: string
}

/** Path and query of an origin-form (`/a?b`) or absolute-form (`http://host/a?b`) target; undefined for any other. */
export function pathAndQuery(target: string): Target | undefined {
  let start = 0
  if (target.charCodeAt(0) !== 0x2f) {
    const origin = /^https?:\/\/[^/?#]*/i.exec(target)
    if (origin === null) return undefined
    start = origin[0].length
  }
  const mark = target.indexOf('?', start)
  const path = mark < 0 ? target.slice(start) : target.slice(start, mark)
  return { path: path === '' ? '/' : path, query: mark < 0 ? '' : target.slice(mark + 1) }
}

/**
 * The pages: files of one folder by a short list of kinds, read when asked for (a proxy in front keeps them). A
 * path is looked up among the files that are there, so that none can lead out of the folder.
 */
import { createHash } from 'node:crypto'
import { readFile, readdir, stat } from 'node:fs/promises'
import { extname, join, sep } from 'node:path'

const KINDS: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.webmanifest': 'application/manifest+json',
}
const FILES_MAX = 500

interface KeptFile {
  readonly bytes: Uint8Array
  readonly etag: string
  readonly mtimeMs: number
}

export class StaticFiles {
  readonly #folder: string
  readonly #paths: ReadonlySet<string>
  readonly #kept = new Map<string, KeptFile>()

  private constructor(folder: string, paths: ReadonlySet<string>) {
    this.#folder = folder
    this.#paths = paths
  }

  static async of(folder: string): Promise<StaticFiles> {
    const names = await readdir(folder, { recursive: true }).catch(() => [])
    const paths = names
      .map((name) => `/${name.split(sep).join('/')}`)
      .filter((path) => extname(path) in KINDS)
    if (paths.length > FILES_MAX) throw new Error(`${folder} has more than ${FILES_MAX} files.`)
    return new StaticFiles(folder, new Set(paths))
  }

  /** Undefined: no such file. `/` and `/teacher` are `/index.html` and `/teacher.html`. */
  async answer(path: string, ifNoneMatch: string | undefined): Promise<Response | undefined> {
    const file = path === '/' ? '/index.html' : path
    const name = [file, `${file}.html`].find((one) => this.#paths.has(one))
    if (name === undefined) return undefined
    const { bytes, etag } = await this.#read(name)
    const headers = { etag, 'cache-control': 'no-cache', 'content-type': KINDS[extname(name)] as string }
    if (ifNoneMatch === etag) return new Response(null, { status: 304, headers })
    return new Response(new Uint8Array(bytes), { headers })
  }

  async #read(name: string): Promise<KeptFile> {
    const path = join(this.#folder, name)
    const { mtimeMs } = await stat(path)
    const known = this.#kept.get(name)
    if (known?.mtimeMs === mtimeMs) return known
    const bytes = await readFile(path)
    const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 16)}"`
    const kept = { bytes, etag, mtimeMs }
    this.#kept.set(name, kept)
    return kept
  }
}

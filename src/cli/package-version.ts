import { readFileSync } from 'node:fs'

/** Of the package this file is part of, whether it runs from `src` or from `dist`. */
export function packageVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  return manifest.version
}

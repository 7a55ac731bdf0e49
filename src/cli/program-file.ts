import { fileURLToPath } from 'node:url'

/** The program that this is, from source or from the package: what another process is started with. */
export function programFile(): string {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return fileURLToPath(new URL(`./main.${extension}`, import.meta.url))
}

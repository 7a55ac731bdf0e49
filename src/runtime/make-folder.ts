import { mkdirSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/**
 * Makes a folder and those above it that are missing; returns the ones that were made, outermost first. Throws what
 * the file system says. `mkdirSync(path, { recursive: true })` of Node tries again for ever, at full speed, where a
 * folder is there and none can be made in it, as in /proc.
 */
export function makeFolder(path: string): string[] {
  const missing: string[] = []
  let at = resolve(path)
  while (statSync(at, { throwIfNoEntry: false }) === undefined) {
    missing.push(at)
    at = dirname(at)
  }
  // What is there already must be a folder: made again, a file says that it is in the way.
  if (!statSync(at).isDirectory()) mkdirSync(missing.at(-1) ?? at)
  return missing.reverse().filter(makes)
}

/** Somebody else may have made it in the meantime. */
function makes(folder: string): boolean {
  try {
    mkdirSync(folder)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return false
  }
}

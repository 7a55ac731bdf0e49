/**
 * The data folder of the embedded profile, before anything is opened in it.
 */
import { accessSync, constants, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { makeFolder } from '../runtime/make-folder.ts'
import { EXIT, VerbFailure } from './exit-code.ts'

function refuse(path: string, why: string, cause: unknown): never {
  throw new VerbFailure(EXIT.failed, `The data folder ${path} ${why}`, { cause })
}

/** Makes the folder if it is missing and makes sure that this user can write to it; returns its full path. */
export function prepareDataFolder(data: string): string {
  const path = resolve(data)
  try {
    makeFolder(path)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'EEXIST' || code === 'ENOTDIR')
      refuse(path, 'is a file, or has a file on its way. Name a folder.', error)
    if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM')
      refuse(
        path,
        `cannot be made: ${(error as Error).message}. Make it and give this user write access.`,
        error,
      )
    refuse(path, `cannot be made: ${(error as Error).message}.`, error)
  }
  try {
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    refuse(
      path,
      'cannot be written by this user. Give it write access, or name another folder with --data.',
      error,
    )
  }
  return path
}

/** For verbs that look at stores: the folder has to be there. */
export function requireDataFolder(data: string): string {
  const path = resolve(data)
  let folder: boolean
  try {
    folder = statSync(path).isDirectory()
  } catch (error) {
    throw new VerbFailure(EXIT.notFound, `There is no data folder ${path}. Name it with --data.`, {
      cause: error,
    })
  }
  if (!folder) refuse(path, 'is a file. Name a folder.', undefined)
  return path
}

import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { cacheFolder } from '../repo.ts'

export const debianFolder = join(cacheFolder, 'debian')

export type Tool = {
  /** The command as a shell knows it. */
  command: string
  debianPackage: string
  usedFor: string
}

/** Programs that some suites need and that neither npm nor Node brings along. */
export const tools: Record<string, Tool> = {
  strace: { command: 'strace', debianPackage: 'strace', usedFor: 'counting the fsyncs of a running server' },
}

export const installCommand = (tool: string): string => `npm run services -- install ${tool}`

const isProgram = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

export const onPath = (command: string, path = process.env['PATH'] ?? ''): string | undefined =>
  path
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, command))
    .find(isProgram)

/** Where the project's own copy is, if it was fetched: a small script that finds its libraries. */
export const inCache = (tool: Tool): string | undefined =>
  [join(debianFolder, 'bin', tool.command)].find(isProgram)

/** The path of a tool that tests may run: the machine's own if there is one, else the project's; else undefined. */
export const toolPath = (name: string): string | undefined => {
  const tool = tools[name]
  return tool && (onPath(tool.command) ?? inCache(tool))
}

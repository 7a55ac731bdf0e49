import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repoRoot } from '../../scripts/repo.ts'

/** Every file that git knows or would add, without what it ignores: the code as a clone would see it. */
export const repoFiles = (): string[] =>
  execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
    cwd: repoRoot,
    encoding: 'utf8',
    maxBuffer: 32 * 1024 * 1024,
  })
    .split('\0')
    .filter((file) => file !== '' && existsSync(join(repoRoot, file)))

export const read = (file: string): string => readFileSync(join(repoRoot, file), 'utf8')

export const linesOf = (file: string): { file: string; number: number; text: string }[] =>
  read(file)
    .split('\n')
    .map((text, index) => ({ file, number: index + 1, text }))

/** Where in these files a pattern occurs, as `file:line: text`, ready to be expected as []. */
export const occurrences = (files: string[], pattern: RegExp): string[] =>
  files
    .flatMap(linesOf)
    .filter(({ text }) => pattern.test(text))
    .map(({ file, number, text }) => `${file}:${number}: ${text.trim()}`)

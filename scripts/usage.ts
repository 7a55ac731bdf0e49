/** The comment at the head of a script is its usage: --help prints it, and a wrong argument ends in one line. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

function usageOf(script: string): string {
  const source = readFileSync(fileURLToPath(script), 'utf8')
  const comment = /\/\*\*([\s\S]*?)\*\//.exec(source)?.[1] ?? ''
  return comment.replaceAll(/^ *\* ?/gm, '').trim()
}

/** What `parse` makes of the command line of a script, given as its `import.meta.url`. */
export function parsed<Result>(script: string, parse: () => Result): Result {
  if (process.argv.slice(2).some((each) => each === '--help' || each === '-h')) {
    console.log(usageOf(script))
    process.exit(0)
  }
  try {
    return parse()
  } catch (error) {
    const name = /(\w+)\.ts$/.exec(script)?.[1]
    console.error(`${name}: ${(error as Error).message}\nMore: npm run ${name} -- --help`)
    process.exit(2)
  }
}

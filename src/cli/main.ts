#!/usr/bin/env node
/**
 * The program `spillway`. It looks at the runtime before it loads anything that an older one cannot load, so that
 * the answer is a sentence and not a stack.
 */
const NODE_MIN = [24, 6] as const

function tooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major < NODE_MIN[0] || (major === NODE_MIN[0] && minor < NODE_MIN[1])
}

if (process.versions.bun === undefined && tooOld(process.versions.node)) {
  process.stderr.write(
    `spillway needs Node ${NODE_MIN.join('.')} or newer, or Bun; this is Node ${process.versions.node}.\n`,
  )
  process.exit(2)
}
const { runProgram } = await import('./program.ts')
process.exit(await runProgram(process.argv.slice(2)))

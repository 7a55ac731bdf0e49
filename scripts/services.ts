/**
 * `npm run services -- <verb>`: the programs and servers that tests need and npm does not bring.
 * They are kept in the project's cache folder; the system is never changed.
 */
import { parseArgs } from 'node:util'
import { FetchFailed, fetchTool } from './services/debian-packages.ts'
import { inCache, installCommand, onPath, tools } from './services/tools.ts'

const usage = `Usage: npm run services -- <verb>

  install <tool>…   fetch tools into .cache/debian, without root; a tool that is on PATH is used as it is
                    --even-if-present   fetch it all the same
  status            what is there, and where

Tools: ${Object.entries(tools)
  .map(([name, tool]) => `${name} (${tool.usedFor})`)
  .join(', ')}`

const refuse = (why: string): never => {
  console.error(`services: ${why}\n\n${usage}`)
  process.exit(2)
}

const parsed = (() => {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { 'even-if-present': { type: 'boolean', default: false } },
    })
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error))
  }
})()

const install = (names: string[], evenIfPresent: boolean) => {
  if (names.length === 0) refuse('install needs the name of at least one tool')
  const wanted = names.map((name) => ({ name, tool: tools[name] ?? refuse(`no tool is called "${name}"`) }))
  let failed = 0
  for (const { name, tool } of wanted) {
    const there = evenIfPresent ? undefined : onPath(tool.command)
    if (there) {
      console.log(`${name}: already on PATH, used from ${there}`)
      continue
    }
    try {
      console.log(`${name}: installed at ${fetchTool(tool, (line) => console.log(`${name}: ${line}`))}`)
    } catch (error) {
      if (!(error instanceof FetchFailed)) throw error
      console.error(`${name}: ${error.message}`)
      failed += 1
    }
  }
  return failed === 0 ? 0 : 1
}

const status = () => {
  for (const [name, tool] of Object.entries(tools)) {
    const path = onPath(tool.command)
    const cached = inCache(tool)
    const where = path
      ? `on PATH at ${path}`
      : cached
        ? `in the project's cache at ${cached}`
        : `absent; ${installCommand(name)}`
    console.log(`${name}: ${where}`)
  }
  return 0
}

const [verb, ...names] = parsed.positionals
if (verb === 'install') process.exitCode = install(names, parsed.values['even-if-present'])
else if (verb === 'status') process.exitCode = names.length > 0 ? refuse('status takes no name') : status()
else refuse(verb === undefined ? 'a verb is missing' : `no verb is called "${verb}"`)

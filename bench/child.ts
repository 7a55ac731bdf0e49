/** Runs one bench on the runtime that runs this file, and prints what it found as one line of JSON. */
import { benches } from './benches.ts'
import { machine, versions } from './machine.ts'
import type { Size } from './result.ts'

const [name, size = 'full'] = process.argv.slice(2)
const bench = benches.find((one) => one.name === name)
if (bench === undefined)
  throw new Error(`There is no bench ${name}; there are ${benches.map((one) => one.name).join(', ')}.`)
const about = {
  bench: bench.name,
  date: new Date().toISOString(),
  machine: machine(),
  versions: await versions(),
}
const finding = await bench.run(size as Size)
process.stdout.write(`${JSON.stringify({ ...about, ...finding })}\n`, () => process.exit(0))

/** Runs one bench on the runtime that runs this file, and prints its finding as one line of JSON. */
import { benches } from './benches.ts'
import type { Size } from './result.ts'

const [name, size = 'full'] = process.argv.slice(2)
const bench = benches.find((one) => one.name === name)
if (bench === undefined) throw new Error(`There is no bench ${name}; there are ${benches.map((one) => one.name).join(', ')}.`)
process.stdout.write(`${JSON.stringify(await bench.run(size as Size))}\n`)

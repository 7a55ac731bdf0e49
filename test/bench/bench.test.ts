import { embeddedBenches } from '../../bench/benches.ts'
import { runTiny } from './tiny.ts'

runTiny(embeddedBenches)

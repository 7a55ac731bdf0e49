import { redisBenches } from '../../bench/benches.ts'
import { runTiny } from '../bench/tiny.ts'

runTiny(redisBenches)

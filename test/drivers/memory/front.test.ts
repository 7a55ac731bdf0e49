import { openMemoryFront } from '../../../src/drivers/memory/front.ts'
import { frontSuite } from '../../conformance/front-suite.ts'
import { TestClock } from './test-clock.ts'

const BYTES_MAX = 64 * 1024 * 1024

frontSuite('process memory', {
  async open({ partitions, ageMax }) {
    const clock = new TestClock()
    const front = openMemoryFront({ partitions, bytesMax: BYTES_MAX, clock, ageMax })
    return {
      front,
      elapse: async (ms) => clock.pass(ms),
      squeeze: async () => {
        // More than there is: evicts all that may go, and gets nothing.
        front.reserve(BYTES_MAX)
      },
      close: () => front.close(),
    }
  },
})

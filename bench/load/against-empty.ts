/** A call of a server against a handler that does nothing, in turn, under the same load: what `read` and `save` find. */
import { generatorName, underLoad } from './load.ts'
import type { Load } from './load.ts'
import { percent, perSecond } from '../result.ts'
import type { Finding } from '../result.ts'
import { interleaved, median } from '../rounds.ts'
import type { Series } from '../rounds.ts'

export interface AgainstEmpty {
  readonly name: 'read' | 'save'
  /** The calls, for people: `HTTP reads`. */
  readonly calls: string
  readonly url: string
  readonly method: Load['method']
  readonly emptyUrl: string
  readonly emptyMethod: 'GET' | 'POST'
  readonly load: Omit<Load, 'url' | 'method'>
  readonly rounds: number
  readonly shareMin: number
  /** Besides those of the load. */
  readonly settings: Readonly<Record<string, string | number>>
}

export async function againstEmpty(options: AgainstEmpty): Promise<Finding> {
  const { name, calls, url, method, emptyUrl, emptyMethod, load, rounds, shareMin } = options
  const p99Ms: number[] = []
  const contestants: Record<string, () => Promise<number>> = {
    empty: async () => (await underLoad({ ...load, url: emptyUrl, method: emptyMethod })).perSecond,
    [name]: async () => {
      const answer = await underLoad({ ...load, url, method })
      p99Ms.push(answer.p99Ms)
      return answer.perSecond
    },
  }
  const series = await interleaved(contestants, rounds)
  const [rate, empty] = [(series[name] as Series).median, (series['empty'] as Series).median]
  const share = rate / empty
  const handler = `empty ${emptyMethod} handler`
  return {
    headline: {
      [calls]: `${perSecond(rate)} = ${percent(share)} of an ${handler}`,
      [handler]: perSecond(empty),
      [`p99 of a ${name}`]: `${median(p99Ms).toFixed(1)} ms`,
    },
    goals: [{ text: `${name}s ≥ ${percent(shareMin)} of an ${handler}`, met: share >= shareMin }],
    settings: {
      connections: load.connections,
      ...options.settings,
      roundMs: load.ms,
      rounds,
      generator: generatorName(),
    },
    series,
    numbers: { share, p99Ms: median(p99Ms) },
  }
}

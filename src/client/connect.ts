/** From a URL to a tier in another process. */
import { SpillwayError } from '../errors.ts'
import { RemoteReceipt } from './receipt.ts'
import { RemoteParked } from './remote-parked.ts'
import { RemoteRecords, batchBody, outcomesOf } from './remote-records.ts'
import { Transport } from './transport.ts'
import { parsed, recordPath, segment } from './wire.ts'
import type { AskTrace, ReceiptBody } from './receipt.ts'
import type { ResultBody } from './remote-records.ts'
import type { Receipt, Status } from '../index.ts'
import type { AtomicWrite, CollectionOf, Records, RemoteTier, SignalOptions } from './remote-tier.ts'

export interface ConnectOptions {
  /** The server's bearer token, when it has one. */
  readonly token?: string | undefined
  /** Default: the global one. */
  readonly fetch?: typeof fetch
  /** How long an answer may take beyond the waiting that a call asks for; default 15,000 ms, at most a day. */
  readonly timeoutMs?: number
}

const TIMEOUT_MS = 15_000
/** Far below the longest timer, so that waits can be added to it. */
const TIMEOUT_MS_MAX = 86_400_000

/**
 * The tier that `spillway serve` offers at `url`. Makes no request: a wrong address shows at the first call, as
 * `unavailable`. Runs wherever there is a fetch: Node, Bun, browsers. Nothing has to be closed.
 *
 * ```ts
 * const tier = connect('http://127.0.0.1:7070')
 * const receipt = await tier.records('forms').put('k', { choices: [1, 2] })
 * await receipt.landed()
 * ```
 */
export function connect(url: string, options: ConnectOptions = {}): RemoteTier {
  const base = baseOf(url)
  const { timeoutMs = TIMEOUT_MS } = options
  if (!(timeoutMs > 0 && timeoutMs <= TIMEOUT_MS_MAX)) {
    throw new SpillwayError(
      'invalid',
      `timeoutMs must be above 0 and at most ${TIMEOUT_MS_MAX}; it is ${timeoutMs}.`,
    )
  }
  const transport = new Transport({
    url: base,
    token: options.token,
    // Called bare: in browsers fetch refuses to be anyone's method.
    fetch: options.fetch ?? ((...args) => fetch(...args)),
    timeoutMs,
  })
  const trace: AskTrace = async (collection, key, signal) =>
    parsed(
      await transport.send({
        method: 'GET',
        path: `${recordPath(collection, key)}/trace`,
        writes: false,
        signal,
      }),
    )

  function records<T>(collection: CollectionOf<T> | string): Records<T> {
    return new RemoteRecords(typeof collection === 'string' ? collection : collection.name, transport, trace)
  }

  return {
    url: base,
    records,
    atomic: (writes, signalOptions) => atomic(transport, trace, writes, signalOptions),
    settle: async (entry, { signal } = {}) => {
      const path = `/v1/entries/${segment(entry, 'The entry')}/settle`
      // Settling may be repeated: no answer to it leaves nothing unknown that was not so before.
      const bytes = await transport.send({ method: 'POST', path, writes: false, signal })
      return new RemoteReceipt(parsed<ReceiptBody>(bytes), trace)
    },
    parked: new RemoteParked(transport, trace),
    status: async () =>
      parsed<Status>(await transport.send({ method: 'GET', path: '/v1/status', writes: false })),
    ready: async () => void (await transport.send({ method: 'GET', path: '/readyz', writes: false })),
  }
}

function baseOf(url: string): string {
  const parts = URL.canParse(url) ? new URL(url) : undefined
  if (parts === undefined || !/^https?:$/.test(parts.protocol)) {
    throw new SpillwayError(
      'invalid',
      `${JSON.stringify(url)} is not the URL of a server, such as http://127.0.0.1:7070.`,
    )
  }
  if (parts.username !== '' || parts.search !== '' || parts.hash !== '') {
    throw new SpillwayError(
      'invalid',
      'The URL of a server has no user, query or fragment; a token is an option of connect.',
    )
  }
  return (parts.origin + parts.pathname).replace(/\/+$/, '')
}

async function atomic(
  transport: Transport,
  trace: AskTrace,
  writes: readonly AtomicWrite[],
  { signal }: SignalOptions = {},
): Promise<Receipt[]> {
  const [collection, ...others] = new Set(
    writes.map((write) => (typeof write.collection === 'string' ? write.collection : write.collection.name)),
  )
  if (collection === undefined) return []
  if (others.length > 0) {
    throw new SpillwayError(
      'invalid',
      `Over HTTP a frame has one collection; this one has ${[collection, ...others].join(', ')}.`,
    )
  }
  const path = `/v1/records/${segment(collection, 'The collection')}/batch`
  const bytes = await transport.send({
    method: 'POST',
    path,
    writes: true,
    body: batchBody(writes, true),
    signal,
  })
  return outcomesOf(parsed<{ results: ResultBody[] }>(bytes).results, trace).map((outcome) => {
    if (outcome instanceof SpillwayError) throw outcome
    return outcome
  })
}

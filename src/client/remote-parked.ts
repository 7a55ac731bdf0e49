/** Parked writes over HTTP. */
import { SpillwayError, isSpillwayError } from '../errors.ts'
import { memberOf } from '../kit/json-text.ts'
import { RemoteReceipt } from './receipt.ts'
import { jsonText, parsed, queryOf, segment } from './wire.ts'
import type { AskTrace, ReceiptBody } from './receipt.ts'
import type { Parked, ParkedInfo, Receipt } from '../index.ts'
import type { Transport } from './transport.ts'

function pathOf(collection: string, key: string): string {
  return `/v1/parked/${segment(collection, 'The collection')}/${segment(key, 'The key')}`
}

export class RemoteParked implements Parked {
  readonly #transport: Transport
  readonly #trace: AskTrace

  constructor(transport: Transport, trace: AskTrace) {
    this.#transport = transport
    this.#trace = trace
  }

  async list({ collection, after, limit }: NonNullable<Parameters<Parked['list']>[0]> = {}): ReturnType<
    Parked['list']
  > {
    const path = `/v1/parked${queryOf({ collection, after, limit })}`
    return parsed(await this.#transport.send({ method: 'GET', path, writes: false }))
  }

  async get(collection: string, key: string): ReturnType<Parked['get']> {
    let bytes
    try {
      bytes = await this.#transport.send({ method: 'GET', path: pathOf(collection, key), writes: false })
    } catch (error) {
      if (isSpillwayError(error, 'not-found')) return undefined
      throw error
    }
    const {
      delete: isDelete,
      payload: _payload,
      ...info
    } = parsed<ParkedInfo & { delete: boolean; payload: unknown }>(bytes)
    if (isDelete) return { ...info, json: undefined }
    const payload = memberOf(bytes, 'payload')
    if (payload === undefined)
      throw new SpillwayError('internal', 'The server answered a parked write without its payload.')
    return { ...info, json: bytes.slice(payload.start, payload.end) }
  }

  async retry(collection: string, key: string): Promise<Receipt> {
    return this.#post(`${pathOf(collection, key)}/retry`)
  }

  async resolve(
    collection: string,
    key: string,
    how: { readonly with: 'delete' | 'table'; readonly version: number },
  ): Promise<Receipt> {
    return this.#post(
      `${pathOf(collection, key)}/resolve`,
      jsonText({ with: how.with, version: how.version }),
    )
  }

  async #post(path: string, body?: string): Promise<Receipt> {
    const bytes = await this.#transport.send({
      method: 'POST',
      path,
      writes: true,
      ...(body === undefined ? {} : { body }),
    })
    return new RemoteReceipt(parsed<ReceiptBody>(bytes), this.#trace)
  }
}

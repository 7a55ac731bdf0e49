/**
 * A collection as the engine works with it: its compiled table, its schema, its bounds, and which partition a key
 * is in. All that is checked before a write may enter the journal is checked here; nothing has happened yet.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { SpillwayError } from '../errors.ts'
import { compress, decompress } from '../kit/codec.ts'
import type { CodecName } from '../kit/codec.ts'
import { hash32 } from '../kit/hash.ts'
import { checkNesting } from '../kit/json-text.ts'
import { decodeUtf8Strict, encodeUtf8Pooled, isWellFormed, utf8Length } from '../kit/utf8.ts'
import { compileKeyTemplate, parseKey } from '../model/key-template.ts'
import type { KeyTemplate } from '../model/key-template.ts'
import { fromRow, toRow } from '../model/row.ts'
import { checkKey, checkValue, compileTable } from '../model/table.ts'
import type { TableOptions, TableSpec } from '../model/table.ts'
import type { Value } from '../model/value.ts'

/** Of a key, in UTF-8. */
export const KEY_BYTES_MAX = 512
/** Of a value's JSON text, unless the collection says otherwise. */
export const VALUE_BYTES_MAX = 2 ** 20
/** The largest `valueBytesMax`. */
export const VALUE_BYTES_CEILING = 16 * 2 ** 20

export interface CollectionSpec {
  readonly name: string
  readonly options: {
    readonly schema?: StandardSchemaV1
    readonly table?: TableOptions
    readonly history?: boolean
    readonly partitionBy?: string
    readonly compression?: CodecName
    readonly compressionThresholdBytes?: number
    readonly valueBytesMax?: number
  }
}

export class CollectionRuntime {
  readonly name: string
  readonly table: TableSpec
  readonly #schema: StandardSchemaV1 | undefined
  readonly #codec: CodecName
  readonly #thresholdBytes: number
  readonly #valueBytesMax: number
  readonly #partitions: number
  readonly #nestingMax: number
  readonly #partitionBy: PartitionBy | undefined

  constructor(spec: CollectionSpec, partitions: number, nestingMax: number) {
    const { options } = spec
    this.name = spec.name
    this.table = compileTable(spec.name, { table: options.table, history: options.history })
    this.#schema = options.schema
    this.#codec = options.compression ?? 'none'
    this.#thresholdBytes = options.compressionThresholdBytes ?? 4_096
    this.#valueBytesMax = options.valueBytesMax ?? VALUE_BYTES_MAX
    if (!(this.#valueBytesMax > 0 && this.#valueBytesMax <= VALUE_BYTES_CEILING)) {
      throw new SpillwayError(
        'invalid',
        `collections.${spec.name}.valueBytesMax must be from 1 to ${VALUE_BYTES_CEILING}.`,
      )
    }
    this.#partitions = partitions
    this.#nestingMax = nestingMax
    this.#partitionBy =
      options.partitionBy === undefined
        ? undefined
        : compilePartitionBy(spec.name, options.partitionBy, options.table)
  }

  /** The partition of a key; the key must have been checked. */
  partitionOf(key: string): number {
    const by = this.#partitionBy
    return hash32(by === undefined ? key : by(key)) % this.#partitions
  }

  /** The JSON that a value comes back as from the table, where columns convert it (fields in declared order). */
  landedJson(key: string, value: Value): Uint8Array {
    const { mapped } = this.table
    return mapped === undefined
      ? jsonOf(value)
      : fromRow(mapped, toRow(mapped, this.name, key, jsonOf(value)))
  }

  /** Rejects keys that could not come back unchanged with `invalid`. */
  checkKey(key: string): void {
    if (typeof key !== 'string' || key.length === 0)
      throw new SpillwayError('invalid', 'A key must be a string of 1 to 512 bytes; this one is empty.')
    if (key === '.' || key === '..')
      throw new SpillwayError('invalid', `The key ${JSON.stringify(key)} cannot be carried by URLs.`)
    if (!isWellFormed(key))
      throw new SpillwayError('invalid', 'The key has a lone surrogate, which UTF-8 cannot carry.')
    if (key.length > KEY_BYTES_MAX || (key.length * 3 > KEY_BYTES_MAX && utf8Length(key) > KEY_BYTES_MAX)) {
      throw new SpillwayError('invalid', `The key is longer than ${KEY_BYTES_MAX} bytes of UTF-8.`)
    }
    if (this.table.mapped !== undefined) checkKey(this.table, key)
  }

  /** The value of a JavaScript value: serialised, validated. A promise only where something has to be validated. */
  admit(key: string, given: unknown): Value | Promise<Value> {
    let text: string | undefined
    try {
      text = JSON.stringify(given)
    } catch (error) {
      throw new SpillwayError('invalid', `The value cannot be written as JSON: ${(error as Error).message}`, {
        cause: error,
      })
    }
    if (text === undefined)
      throw new SpillwayError(
        'invalid',
        `A value of type ${typeof given} cannot be written as JSON; use delete to remove a record.`,
      )
    const json = encodeUtf8Pooled(text)
    this.#checkSize(json)
    checkNesting(json, this.#nestingMax)
    if (!this.#validates) return this.#packed(json)
    return this.#validate(key, JSON.parse(text)).then(() => this.#packed(json))
  }

  /** The value of JSON text: checked, kept byte for byte. */
  admitJson(key: string, json: Uint8Array): Value | Promise<Value> {
    this.#checkSize(json)
    checkNesting(json, this.#nestingMax)
    const parsed = parseJson(json)
    if (!this.#validates) return this.#packed(json)
    return this.#validate(key, parsed).then(() => this.#packed(json))
  }

  get #validates(): boolean {
    return this.#schema !== undefined || this.table.mapped !== undefined
  }

  #packed(json: Uint8Array): Value {
    return compress(json, { codec: this.#codec, thresholdBytes: this.#thresholdBytes }) as Value
  }

  #checkSize(json: Uint8Array): void {
    if (json.byteLength <= this.#valueBytesMax) return
    throw new SpillwayError(
      'too-large',
      `The value has ${json.byteLength} bytes; ${this.name} takes at most ${this.#valueBytesMax} (valueBytesMax).`,
    )
  }

  async #validate(key: string, value: unknown): Promise<void> {
    if (this.#schema !== undefined) {
      const result = await this.#schema['~standard'].validate(value)
      if (result.issues !== undefined)
        throw new SpillwayError(
          'invalid',
          `The value does not fit the schema of ${this.name}: ${describe(result.issues)}`,
        )
      if (result.value !== value && JSON.stringify(result.value) !== JSON.stringify(value)) {
        throw new SpillwayError(
          'invalid',
          `The schema of ${this.name} changes values (a default, a coercion); what is kept must be what was sent. Use a schema that only checks.`,
        )
      }
    }
    if (this.table.mapped !== undefined) checkValue(this.table, key, value)
  }
}

/** JSON text of a value as it was put. */
export function jsonOf(value: Value): Uint8Array {
  return value.codec === 0 ? value.bytes : decompress(value.codec, value.bytes, value.rawBytes)
}

export function parseJson(json: Uint8Array): unknown {
  let text: string
  try {
    text = decodeUtf8Strict(json)
  } catch (error) {
    throw new SpillwayError('invalid', 'The value is not valid UTF-8.', { cause: error })
  }
  // A byte order mark is no JSON; the decoder of some runtimes would drop it.
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new SpillwayError('invalid', `The value is not valid JSON: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

function describe(issues: readonly StandardSchemaV1.Issue[]): string {
  const shown = issues.slice(0, 5).map((issue) => {
    const path = (issue.path ?? [])
      .map((part) => String(typeof part === 'object' ? part.key : part))
      .join('.')
    return path === '' ? issue.message : `${path}: ${issue.message}`
  })
  return shown.join('; ') + (issues.length > shown.length ? `; and ${issues.length - shown.length} more` : '')
}

type PartitionBy = (key: string) => string

/** `'{school}'` of the key template `'{school}/{candidate}'`: the named parts of the key, joined. */
function compilePartitionBy(name: string, text: string, table: TableOptions | undefined): PartitionBy {
  const where = `collections.${name}.partitionBy`
  if (table === undefined)
    throw new SpillwayError(
      'invalid',
      `${where} names parts of the key, so that the collection needs a table with a key template.`,
    )
  const keyTemplate = compileKeyTemplate(table.key, `collections.${name}.table.key`)
  const wanted = compileKeyTemplate(text, where)
  const indexes = wanted.fields.map((field) => {
    const index = keyTemplate.fields.indexOf(field)
    if (index < 0)
      throw new SpillwayError(
        'invalid',
        `${where} names {${field}}, which is not in the key template ${table.key}.`,
      )
    return index
  })
  return (key) => partsOf(keyTemplate, key, indexes)
}

function partsOf(template: KeyTemplate, key: string, indexes: readonly number[]): string {
  const parts = parseKey(template, key)
  return parts === undefined ? key : indexes.map((index) => parts[index]).join('\0')
}

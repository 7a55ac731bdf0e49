/**
 * A value as every store keeps it: the client's validated JSON bytes, possibly compressed.
 *
 * The bytes are shared between journal, front and landing and are never changed in place.
 */

/** How `bytes` are packed. The numbers are on disk: never reuse one. */
export const CODEC = { plain: 0, gzip: 1, zstd: 2 } as const
export type Codec = (typeof CODEC)[keyof typeof CODEC]

export interface Value {
  readonly codec: Codec
  /** Length of the JSON text in bytes before compression. */
  readonly rawBytes: number
  readonly bytes: Uint8Array
}

export function plainValue(json: Uint8Array): Value {
  return { codec: CODEC.plain, rawBytes: json.byteLength, bytes: json }
}

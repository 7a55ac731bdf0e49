import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SpillwayError } from '../../src/errors.ts'
import { EntryReader, EntryWriter, decodeEntry, encodeEntry } from '../../src/model/entry-codec.ts'
import type { Entry } from '../../src/model/entry.ts'
import { position } from '../../src/model/position.ts'
import { anyEntry } from '../conformance/any-entry.ts'
import { plain } from '../conformance/journal-suite.ts'

function thrownBy(act: () => unknown): unknown {
  try {
    act()
  } catch (error) {
    return error
  }
  return undefined
}

describe('entries as bytes', () => {
  test('every entry comes back as it was', () => {
    fc.assert(
      fc.property(anyEntry(), (entry) => {
        expect(plain(decodeEntry(encodeEntry(entry)))).toEqual(plain(entry))
      }),
      { numRuns: 300 },
    )
  })

  test('a buffer that has to grow holds the same as one that was large enough', () => {
    fc.assert(
      fc.property(fc.array(anyEntry(), { maxLength: 12 }), (entries) => {
        const [small, large] = [1, 4_000_000].map((bytes) => {
          const writer = new EntryWriter(new ArrayBuffer(bytes))
          for (const entry of entries) writer.write(entry)
          return Buffer.from(writer.buffer, 0, writer.length)
        })
        expect(Buffer.compare(small as Buffer, large as Buffer)).toBe(0)
      }),
      { numRuns: 20 },
    )
  })

  test('entries one after another are read or passed over one by one', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyEntry(), fc.boolean()), { maxLength: 12 }), (entries) => {
        const writer = new EntryWriter(new ArrayBuffer(64))
        for (const [entry] of entries) writer.write(entry)
        const reader = new EntryReader(new Uint8Array(writer.buffer, 0, writer.length))
        for (const [entry, passOver] of entries) {
          if (passOver) reader.skip()
          else expect(plain(reader.next())).toEqual(plain(entry))
        }
        expect(reader.done).toBe(true)
      }),
      { numRuns: 100 },
    )
  })

  test('an entry that is cut off anywhere is refused', () => {
    fc.assert(
      fc.property(anyEntry(), fc.nat(), (entry, cut) => {
        const bytes = encodeEntry(entry)
        const error = thrownBy(() => decodeEntry(bytes.subarray(0, cut % bytes.byteLength)))
        expect(error).toMatchObject({ code: 'journal-mismatch' })
      }),
      { numRuns: 300 },
    )
  })

  test('anything that follows the entry is refused', () => {
    const bytes = encodeEntry({ kind: 'marker', id: 'm' })
    expect(() => decodeEntry(Buffer.concat([bytes, new Uint8Array(1)]))).toThrow(SpillwayError)
  })

  test('changed or random bytes are read as some entry or refused, never anything else', () => {
    fc.assert(
      fc.property(
        anyEntry(),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (entry, changes) => {
          const bytes = encodeEntry(entry)
          for (const [at, value] of changes) bytes[at % bytes.byteLength] = value
          const error = thrownBy(() => decodeEntry(bytes))
          if (error !== undefined) expect(error).toMatchObject({ code: 'journal-mismatch' })
        },
      ),
      { numRuns: 300 },
    )
  })

  test('a format of the future is named', () => {
    const bytes = encodeEntry({ kind: 'marker', id: 'm' })
    bytes[4] = 0x24
    expect(() => decodeEntry(bytes)).toThrow('its format is 2')
  })

  test('the bytes of format 1 do not change: journals hold them', () => {
    const entry: Entry = {
      kind: 'write',
      id: 'id',
      knownEnd: position(1, 2),
      writes: [
        {
          collection: 'forms',
          key: 'é',
          ifVersion: position(1, 1),
          value: { codec: 2, rawBytes: 9, bytes: Uint8Array.of(1, 2) },
        },
        { collection: 'x', key: 'k', ifVersion: undefined, value: undefined },
      ],
    }
    expect(Buffer.from(encodeEntry(entry)).toString('hex')).toBe(
      [
        '32000000',
        '10',
        '026964',
        '0000010000004042',
        '0200',
        '03',
        '05666f726d73',
        '0200c3a9',
        '0080000000004042',
        '02',
        '09000000',
        '02000000',
        '0102',
        '00',
        '0178',
        '01006b',
      ].join(''),
    )
  })

  test('names that are not ASCII are a defect of the caller, not damaged entries', () => {
    expect(() => encodeEntry({ kind: 'marker', id: 'é' })).toThrow('not a name')
    expect(() => encodeEntry({ kind: 'marker', id: 'x'.repeat(256) })).toThrow('not a name')
  })
})

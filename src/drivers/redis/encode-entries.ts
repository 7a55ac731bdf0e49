/** Entries as one buffer for a script, which takes them apart itself. */
import { EntryWriter } from '../../model/entry-codec.ts'
import type { Entry } from '../../model/entry.ts'

/** What an entry takes beside its values, generously: one allocation is enough for nearly every batch. */
const ENTRY_BYTES = 160

export function encodeEntries(entries: readonly Entry[]): Buffer {
  let bytes = 0
  for (const entry of entries) {
    bytes += ENTRY_BYTES
    if (entry.kind !== 'write') continue
    for (const { key, value } of entry.writes)
      bytes += ENTRY_BYTES + key.length + (value?.bytes.byteLength ?? 0)
  }
  const writer = new EntryWriter(new ArrayBuffer(bytes))
  for (const entry of entries) writer.write(entry)
  return Buffer.from(writer.buffer, 0, writer.length)
}

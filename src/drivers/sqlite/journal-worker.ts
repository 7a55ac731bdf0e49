import { invariant } from '../../errors.ts'
import { systemClock } from '../../kit/clock.ts'
import type { JournalPartitionInfo } from '../../ports/journal.ts'
import { serveWorker } from '../../runtime/worker.ts'
import type { Transferring } from '../../runtime/worker.ts'
import { JournalFile } from './journal-file.ts'
import type {
  AppendCall,
  AtCall,
  JournalInit,
  OpenAnswer,
  ReadCall,
  TrimAnswer,
  TrimCall,
} from './journal-messages.ts'

// The thread that owns the journal's file: one call after another; trims give way between their steps.
serveWorker(async () => {
  let opened: JournalFile | undefined
  const file = (): JournalFile => {
    invariant(opened !== undefined, 'A journal file was used before it was opened')
    return opened
  }
  return {
    open: (init: JournalInit): OpenAnswer => {
      opened = new JournalFile(init)
      return { bytes: opened.bytesUsed }
    },
    append: (call: AppendCall) => {
      const answer = file().append(call)
      // After the answer has gone out: what it costs delays the next append, not this one.
      void systemClock.turn().then(() => file().checkpointIfDue())
      return moved(answer)
    },
    info: (partition: number): JournalPartitionInfo => ({
      identity: file().identity,
      first: file().first(partition),
      end: file().end(partition),
    }),
    read: (call: ReadCall) => moved(file().read(call)),
    at: ({ partition, offset }: AtCall) => {
      if (offset < file().first(partition) || offset > file().end(partition)) return undefined
      return moved(file().read({ partition, after: offset - 1, entriesMax: 1, bytesMax: 1 }))
    },
    trim: async ({ partition, offset }: TrimCall): Promise<TrimAnswer> => {
      while (file().trim(partition, offset)) await systemClock.turn()
      file().checkpointIfDue()
      return { bytes: file().bytesUsed }
    },
    close: () => opened?.close(),
  }
})

function moved(answer: { readonly buffer: ArrayBuffer }): Transferring {
  return { value: answer, transfer: [answer.buffer] }
}

/**
 * What clients asked for and what they were told, in virtual time: all that the checkers believe, beside the
 * content of journal and database.
 */
import type { ErrorCode } from '../errors.ts'

export interface AskedWrite {
  readonly collection: string
  readonly key: string
  /** JSON text, unique in the run; undefined deletes. */
  readonly text: string | undefined
  readonly ifVersion: number | undefined
}

export type WriteOutcome =
  | { readonly kind: 'receipt'; readonly versions: readonly number[]; readonly stage: string }
  /** It was judged and failed. */
  | { readonly kind: 'refused'; readonly code: 'version-mismatch' | 'sealed' }
  /** Nothing has happened and never will. */
  | { readonly kind: 'rejected'; readonly code: ErrorCode }
  | { readonly kind: 'unknown'; readonly entry: string | undefined }
  /** Its process died before it answered. */
  | { readonly kind: 'lost' }

export interface WriteOp {
  readonly kind: 'write'
  readonly number: number
  readonly process: string
  readonly start: number
  end: number
  writes: readonly AskedWrite[]
  outcome: WriteOutcome | undefined
  /** True: sent with the condition that `update` made; it may have been tried several times. */
  readonly retried: boolean
}

export interface SettleOp {
  readonly kind: 'settle'
  readonly number: number
  readonly process: string
  readonly start: number
  end: number
  readonly of: WriteOp
  outcome: WriteOutcome | { readonly kind: 'void' } | undefined
}

export interface ReadOp {
  readonly kind: 'read'
  readonly number: number
  readonly process: string
  readonly start: number
  /** -1 until it ends. */
  end: number
  readonly collection: string
  readonly keys: readonly string[]
  readonly atLeast: number | undefined
  /** Undefined: it was rejected, or its process died. */
  outcome: readonly ({ readonly version: number; readonly text: string } | undefined)[] | undefined
  code: ErrorCode | undefined
}

export type Op = WriteOp | SettleOp | ReadOp

export class History {
  readonly ops: Op[] = []
  /** Errors that no caller may ever see. */
  readonly bugs: string[] = []
  /** Records of which somebody resolved a parked write: the table's value may have been written again. */
  readonly resolved = new Set<string>()

  add<O extends Op>(op: O): O {
    this.ops.push(op)
    return op
  }

  writes(): WriteOp[] {
    return this.ops.filter((op) => op.kind === 'write')
  }

  settles(): SettleOp[] {
    return this.ops.filter((op) => op.kind === 'settle')
  }

  reads(): ReadOp[] {
    return this.ops.filter((op) => op.kind === 'read')
  }
}

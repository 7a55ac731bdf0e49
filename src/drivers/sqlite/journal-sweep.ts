/**
 * Which blocks go after partitions were trimmed. A block goes when nothing in it is needed any more; a partition
 * that lags, or that has little traffic, would keep every block it is in, so blocks that are hardly needed are
 * merged, and what is not needed is left out.
 *
 *   n   p0 p1 p2                      p0, p2 trimmed to offset 40, p1 to 3
 *   1   ▒▒ ██ ▒▒   ┐
 *   2   ▒▒    ▒▒   │ needed is a      n   p1
 *   3   ▒▒ ██ ▒▒   ├ quarter or  ──▶  4   ████   (into the last one: chapters stay true)
 *   4   ▒▒ ██ ▒▒   ┘ less
 *   5   ██ ██ ██     stays
 *
 * A sweep begins when a quarter as many entries as are needed have come to be not needed, and goes from the oldest
 * block to the last one with something in vain, 64 blocks a step. So the file has at most about four times the bytes
 * that are needed, however unevenly partitions are written, and what is needed is copied at most once for every
 * three times its bytes that go. A section is needed whole where one entry of it is.
 */
import type { Block, BlockHead } from './journal-blocks.ts'
import { lastOf } from './journal-head.ts'
import type { Section } from './journal-head.ts'

export const BLOCKS_PER_STEP = 64
const BYTES_PER_STEP = 4 * 1024 * 1024
const MERGED_SHARE_MAX = 0.25
const VAIN_SHARE = 0.25

export interface SweepStep {
  /** Newest block that was looked at. */
  readonly to: number
  /** Nothing is left of what was looked at. */
  readonly isAll: boolean
  readonly gone: readonly number[]
  /** Blocks that become one, in the place of the last of them; what is in vain is left out. */
  readonly merged: readonly number[]
  /** Entries that are not in the file afterwards. */
  readonly entries: number
  readonly bytes: number
}

/** Whether to begin: entries that are needed, that are not, and that the sweep before had to leave. */
export function isSweepDue(needed: number, vain: number, left: number): boolean {
  return vain > left && vain - left >= needed * VAIN_SHARE
}

/** What to do with the first of these blocks, at least one. */
export function planSweep(heads: readonly BlockHead[], trimmed: readonly number[]): SweepStep {
  const looked: BlockHead[] = []
  let stored = 0
  for (const head of heads) {
    if (looked.length > 0 && stored + head.length > BYTES_PER_STEP) break
    looked.push(head)
    stored += head.length
  }
  const neededBytes = looked.map((head) => bytesNeeded(head, trimmed))
  const needed = neededBytes.reduce((sum, bytes) => sum + bytes, 0)
  const isMerged = needed > 0 && needed < stored && needed <= stored * MERGED_SHARE_MAX
  const gone = looked.filter((_, index) => neededBytes[index] === 0)
  const kept = looked.filter((_, index) => neededBytes[index] !== 0)
  const merged = isMerged ? kept : []
  const entries = [...gone, ...merged].reduce((sum, head) => sum + entriesInVain(head, trimmed), 0)
  return {
    to: (looked.at(-1) as BlockHead).n,
    isAll: kept.length === 0,
    gone: gone.map(({ n }) => n),
    merged: merged.map(({ n }) => n),
    entries,
    bytes: isMerged ? needed : 0,
  }
}

/** Whether anything at or below `trimmed` keeps it: it is needed as long as its last entry is. */
export function isNeeded(section: Section, trimmed: readonly number[]): boolean {
  return lastOf(section) > (trimmed[section.partition] as number)
}

function bytesNeeded(head: BlockHead, trimmed: readonly number[]): number {
  return head.sections.reduce((sum, section) => (isNeeded(section, trimmed) ? sum + section.length : sum), 0)
}

function entriesInVain(head: BlockHead, trimmed: readonly number[]): number {
  return head.sections.reduce((sum, section) => (isNeeded(section, trimmed) ? sum : sum + section.entries), 0)
}

/** What is needed of consecutive blocks, as one block: one section for each partition. */
export function merge(
  blocks: readonly Block[],
  trimmed: readonly number[],
): { readonly sections: readonly Section[]; readonly bytes: Uint8Array } {
  const byPartition = new Map<number, { section: Section; block: Block }[]>()
  let length = 0
  for (const block of blocks) {
    for (const section of block.sections) {
      if (!isNeeded(section, trimmed)) continue
      const pieces = byPartition.get(section.partition)
      if (pieces === undefined) byPartition.set(section.partition, [{ section, block }])
      else pieces.push({ section, block })
      length += section.length
    }
  }
  const bytes = new Uint8Array(length)
  const sections: Section[] = []
  let at = 0
  for (const [partition, pieces] of byPartition) {
    const from = at
    let entries = 0
    for (const { section, block } of pieces) {
      bytes.set(block.bytes.subarray(section.at, section.at + section.length), at)
      at += section.length
      entries += section.entries
    }
    const first = (pieces[0] as { section: Section }).section.first
    sections.push({ partition, entries, first, at: from, length: at - from })
  }
  return { sections, bytes }
}

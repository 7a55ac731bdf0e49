/**
 * The client's own list: what it sent, what was acknowledged, what it has read; and what follows from it.
 *
 * Each key has one writer, which counts: the n-th save of a key carries n. So for every key, at any time:
 *
 *   sent:  1 2 3 … a | a+1 …          a = last acknowledged (with its version), the rest had no answer
 *
 * A later read must find n ≥ a (else an acknowledged save is lost), the very value that was acknowledged if the
 * version is the acknowledged one, no n that was never sent, and no version below one that was read before.
 * A save without an answer may have counted or not; both are right, until a read has shown it.
 */

export interface Seen {
  readonly version: number
  readonly n: number
}

interface KeyHistory {
  sent: number
  acknowledged: Seen | undefined
  /** The highest version that a read or an acknowledgement has shown. */
  seen: Seen | undefined
}

/** Taken when a read is sent: what its answer must at least show. */
export interface ReadStart {
  readonly key: string
  readonly acknowledged: Seen | undefined
  readonly seen: Seen | undefined
}

export type Breach = 'lost' | 'went back' | 'not as acknowledged' | 'never sent'

export interface Finding {
  readonly breach: Breach
  readonly key: string
  readonly expected: string
  readonly found: string
}

const FINDINGS_KEPT_MAX = 100

function show(seen: Seen | undefined): string {
  return seen === undefined ? 'no record' : `save ${seen.n} at version ${seen.version}`
}

function later(a: Seen | undefined, b: Seen | undefined): Seen | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return b.version > a.version ? b : a
}

export class History {
  readonly #keys = new Map<string, KeyHistory>()
  readonly findings: Finding[] = []
  findingsCount = 0
  acknowledgedCount = 0
  unansweredCount = 0
  readsCount = 0

  get keysCount(): number {
    return this.#keys.size
  }

  keys(): IterableIterator<string> {
    return this.#keys.keys()
  }

  /** The number that the next save of this key carries; call it right before sending. */
  nextSave(key: string): number {
    const history = this.#keys.get(key)
    if (history === undefined) {
      this.#keys.set(key, { sent: 1, acknowledged: undefined, seen: undefined })
      return 1
    }
    history.sent += 1
    return history.sent
  }

  acknowledge(key: string, n: number, version: number): void {
    const history = this.#keys.get(key) as KeyHistory
    this.acknowledgedCount += 1
    const seen = { version, n }
    if (history.acknowledged !== undefined && version <= history.acknowledged.version) {
      this.#find(
        'went back',
        key,
        `a version above ${history.acknowledged.version}`,
        `acknowledged ${show(seen)}`,
      )
    }
    history.acknowledged = seen
    history.seen = later(history.seen, seen)
  }

  unanswered(): void {
    this.unansweredCount += 1
  }

  acknowledgedOf(key: string): Seen | undefined {
    return this.#keys.get(key)?.acknowledged
  }

  startRead(key: string): ReadStart {
    const history = this.#keys.get(key)
    return { key, acknowledged: history?.acknowledged, seen: history?.seen }
  }

  /** Judges the answer of a read; `found` undefined = no record. */
  endRead(start: ReadStart, found: Seen | undefined): void {
    const { key, acknowledged, seen } = start
    const history = this.#keys.get(key)
    this.readsCount += 1
    if (
      acknowledged !== undefined &&
      (found === undefined || found.n < acknowledged.n || found.version < acknowledged.version)
    ) {
      this.#find('lost', key, show(acknowledged), show(found))
    } else if (seen !== undefined && (found === undefined || found.version < seen.version)) {
      this.#find('went back', key, show(seen), show(found))
    } else if (
      acknowledged !== undefined &&
      found?.version === acknowledged.version &&
      found.n !== acknowledged.n
    ) {
      this.#find('not as acknowledged', key, show(acknowledged), show(found))
    } else if (found !== undefined && found.n > (history?.sent ?? 0)) {
      this.#find('never sent', key, `at most save ${history?.sent ?? 0}`, show(found))
    }
    if (history !== undefined) history.seen = later(history.seen, found)
  }

  count(breach: Breach): number {
    return this.findings.filter((finding) => finding.breach === breach).length
  }

  #find(breach: Breach, key: string, expected: string, found: string): void {
    this.findingsCount += 1
    if (this.findings.length < FINDINGS_KEPT_MAX) this.findings.push({ breach, key, expected, found })
  }
}

/**
 * Bugs to plant: patches to a copy of the source, each a mistake that somebody could make in good faith. The
 * ordinary simulator has to find every one of them on seeds that the unpatched source passes.
 *
 * Rules that belong to a store (apply, land and fill compare positions) are planted in the simulated store.
 */
import type { Shape } from '../../src/testing/index.ts'

export interface Patch {
  readonly file: string
  /** Must stand in the file exactly once. */
  readonly find: string
  readonly replace: string
}

export interface PlantedBug {
  readonly name: string
  readonly shape: Shape
  /** A bug that random search misses for tens of thousands of runs names the hand-made trace that shows it. */
  readonly trace?: string
  readonly patches: readonly Patch[]
}

export const PLANTED: readonly PlantedBug[] = [
  {
    name: 'acknowledge before the journal',
    shape: 'embedded',
    patches: [
      {
        file: 'engine/write-separate.ts',
        find: "if (this.#options.context.settings.sabotage === 'ack-before-journal')\n",
        replace: 'if (request !== undefined)\n',
      },
      {
        file: 'engine/write-separate.ts',
        find: 'if (signal !== undefined || this.#options.context.settings.sabotage !== undefined) {',
        replace: 'if (request !== undefined) {',
      },
    ],
  },
  {
    name: 'apply without comparing through',
    shape: 'separate',
    patches: [
      {
        file: 'testing/fake-front.ts',
        find: 'at.mark === undefined || !sameMark(at.mark, request.from)',
        replace: 'at.mark === undefined || !sameMark(request.from, request.from)',
      },
    ],
  },
  {
    name: 'land without comparing the position',
    shape: 'separate',
    patches: [
      {
        file: 'testing/database-state.ts',
        find: 'if (at === undefined || !sameMark(at.mark, batch.from))',
        replace: 'if (at === undefined || !sameMark(batch.from, batch.from))',
      },
      {
        file: 'testing/database-state.ts',
        find: "invariant(batch.to.position >= at.mark.position, 'A landing goes back')",
        replace: "invariant(batch.to.position >= batch.from.position, 'A landing goes back')",
      },
    ],
  },
  {
    name: 'fill accepted below the floor',
    shape: 'separate',
    patches: [
      {
        file: 'testing/front-partition.ts',
        find: 'position < this.floor || position > this.mark.position',
        replace: 'position > this.mark.position',
      },
    ],
  },
  {
    name: 'fill accepted above through',
    shape: 'separate',
    trace: 'a fill from ahead of the front',
    patches: [
      {
        file: 'testing/front-partition.ts',
        find: 'position < this.floor || position > this.mark.position',
        replace: 'position < this.floor',
      },
    ],
  },
  {
    name: 'database position not read in the snapshot of the rows',
    shape: 'separate',
    patches: [
      {
        file: 'testing/fake-database.ts',
        find: "read: (partition, refs) => link.call('read', 'read', () => this.state.read(partition, refs)),",
        replace:
          'read: async (partition, refs) => {\n' +
          "        const { held } = await link.call('read', 'read', () => this.state.read(partition, refs))\n" +
          "        const { position } = await link.call('read', 'read', () => this.state.read(partition, []))\n" +
          '        return { position, held }\n' +
          '      },',
      },
    ],
  },
  {
    name: 'reads served before the gate',
    shape: 'separate',
    patches: [
      {
        file: 'engine/gate.ts',
        find: 'get open(): boolean {',
        replace: 'get open(): boolean {\n    if (this.#epoch >= 0) return true\n',
      },
    ],
  },
  {
    name: 'conditions judged from the table without the parked',
    shape: 'separate',
    patches: [
      {
        file: 'testing/database-state.ts',
        find: 'held: refs.map((ref) => this.newest(ref))',
        replace: 'held: refs.map((ref) => this.tableHeld(ref))',
      },
    ],
  },
  {
    name: 'catch-up that judges entries the database already has',
    shape: 'separate',
    patches: [
      {
        file: 'testing/front-partition.ts',
        find: "entry.kind === 'write' && drop !== undefined && placed.last <= drop.position",
        replace: "entry.kind === 'write' && drop !== undefined && placed.last < 0",
      },
    ],
  },
  {
    name: 'voids lost with the front',
    shape: 'separate',
    patches: [
      {
        file: 'testing/front-partition.ts',
        find: 'voids: new Map(fold.voids),\n      seals',
        replace: 'voids: new Map(),\n      seals',
      },
    ],
  },
  {
    name: 'position outside the transaction',
    shape: 'separate',
    patches: [
      {
        file: 'testing/database-state.ts',
        find: '    at.mark = batch.to\n',
        replace: '',
      },
      {
        file: 'testing/fake-database.ts',
        find: "      land: (batch) =>\n        link.call('land', 'land', () => {",
        replace:
          '      land: async (batch) => {\n' +
          '        const landed = await this.#landRows(link, batch, judge, ageMax, process)\n' +
          "        if (landed.kind === 'landed') {\n" +
          "          await link.call('land position', 'land', () => {\n" +
          '            this.state.at(batch.partition).mark = batch.to\n' +
          '            this.#noteHighest()\n' +
          '          })\n' +
          '        }\n' +
          '        return landed\n' +
          '      },\n' +
          '      // @ts-expect-error the whole verb, as it was\n' +
          '      landWhole: (batch) =>\n' +
          "        link.call('land', 'land', () => {",
      },
      {
        file: 'testing/fake-database.ts',
        find: '  #noteHighest(): void {',
        replace:
          '  #landRows(link: Link, batch: any, judge: any, ageMax: number, process: SimProcess): Promise<any> {\n' +
          "    return link.call('land', 'land', () => this.state.land(batch, judge, { parkedMax: PARKED_MAX, ageMax }, process.clock.now()))\n" +
          '  }\n\n' +
          '  #noteHighest(): void {',
      },
    ],
  },
  {
    name: 'refused outcome not kept',
    shape: 'separate',
    patches: [
      {
        file: 'model/batch.ts',
        find: 'plan.refused.push(placed.first)',
        replace: 'plan.refused.length = 0',
      },
    ],
  },
  {
    name: 'known end stamped at send time',
    shape: 'separate',
    trace: 'a writer that sleeps with an old known end',
    patches: [
      {
        file: 'engine/append-lane.ts',
        find: 'const groups = groupByPartition(items, partitions)',
        replace:
          'items = items.map(({ partition, entry }) => {\n' +
          '      const known = at(partitions, partition).tail.position\n' +
          "      return { partition, entry: entry.kind === 'write' ? { ...entry, knownEnd: known } : entry }\n" +
          '    })\n' +
          '    const groups = groupByPartition(items, partitions)',
      },
    ],
  },
  {
    name: 'refusedFrom not kept',
    shape: 'separate',
    trace: 'a settler that sleeps until the refusal is forgotten',
    patches: [
      {
        file: 'testing/front-partition.ts',
        find: 'this.refusedFrom = fold.refusedFrom',
        replace: 'this.refusedFrom = ORIGIN',
      },
      {
        file: 'testing/front-partition.ts',
        find: '    this.refusedFrom = laterOf(this.refusedFrom, upTo)\n',
        replace: '',
      },
      {
        file: 'testing/database-state.ts',
        find: '    at.refusedFrom = laterOf(at.refusedFrom, upTo)\n',
        replace: '',
      },
    ],
  },
]

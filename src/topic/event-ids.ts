/** The ids of events that nobody gave one: `<lineage>-<partition>-<offset>`, computed, never stored.
 * Events that a topic shares with the log it was forked from keep the ids that they have there.
 * @module */
import { type Lineages, lineageAt } from '../manifest/index.ts'

/** The ids of one partition. */
export class EventIds {
  readonly #lineages: Lineages
  readonly #partition: number

  constructor(lineages: Lineages, partition: number) {
    this.#lineages = lineages
    this.#partition = partition
  }

  /** Of the segment that holds an offset. */
  lineageAt(offset: number): string {
    return lineageAt(this.#lineages, this.#partition, offset)
  }

  /** What the ids begin with in the segment that holds an offset. */
  prefixAt(offset: number): string {
    return `${this.lineageAt(offset)}-${this.#partition}-`
  }

  /** The offset that an id was computed from, if it looks like one of this partition. */
  offsetOf(id: string): number | undefined {
    const found = /^(.+-)(0|[1-9]\d{0,15})$/.exec(id)
    if (found === null) return undefined
    const offset = Number(found[2])
    return found[1] === this.prefixAt(offset) ? offset : undefined
  }
}

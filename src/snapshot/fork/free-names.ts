/** Names for files in a directory where others may be, or wait to be removed.
 * @module */
import type { StorageEntry } from '../../ports/storage.ts'
import type { SegmentMaker } from '../../topic/roll.ts'

/** Names in a directory that nothing has, or had and has not lost yet. */
export class FreeNames {
  readonly #maker: Pick<SegmentMaker, 'isLeaving'>
  readonly #directory: string
  readonly #taken: Set<string>

  constructor(maker: Pick<SegmentMaker, 'isLeaving'>, directory: string, entries: readonly StorageEntry[]) {
    this.#maker = maker
    this.#directory = directory
    this.#taken = new Set(entries.map(({ name }) => name))
  }

  has(name: string): boolean {
    return this.#taken.has(name) || this.#maker.isLeaving(`${this.#directory}/${name}`)
  }

  /** The first free one. */
  take(wanted: string, other: (attempt: number) => string): string {
    let name = wanted
    for (let attempt = 1; this.has(name); attempt++) name = other(attempt)
    this.#taken.add(name)
    return name
  }
}

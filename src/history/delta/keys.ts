/** The keys of a group by number.
 * @module */

/** Key texts that deltas of one group name by number: those of the key table of its keyframe, then each other key in
 * the order in which deltas first spell it out. Whoever writes or reads deltas in their order has the same ones. */
export class DeltaKeys {
  readonly #names: string[]
  /** By name; made when it is first needed. */
  #numbers: Map<string, number> | undefined

  /** @param keyframeKeys by their number in the key table. */
  constructor(keyframeKeys: readonly string[]) {
    this.#names = [...keyframeKeys]
  }

  /** By number. Grows. */
  get names(): readonly string[] {
    return this.#names
  }

  /** @returns the number of a key, or -1. */
  find(key: string): number {
    return this.#map().get(key) ?? -1
  }

  /** A key is spelled out: unless it has a number it takes the next one. */
  add(key: string): void {
    const numbers = this.#map()
    if (numbers.has(key)) return
    numbers.set(key, this.#names.length)
    this.#names.push(key)
  }

  #map(): Map<string, number> {
    if (this.#numbers === undefined) {
      this.#numbers = new Map()
      for (const [number, name] of this.#names.entries()) this.#numbers.set(name, number)
    }
    return this.#numbers
  }
}

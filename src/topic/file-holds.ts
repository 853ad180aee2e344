/** Directories of partitions in which nothing is removed for now, because somebody takes files over from them.
 * @module */

export class FileHolds {
  /** By directory, how often. */
  readonly #held = new Map<string, number>()
  readonly #waiting = new Set<() => void>()

  /** Keep the files in a directory. @returns gives them up. */
  hold(directory: string): () => void {
    this.#held.set(directory, (this.#held.get(directory) ?? 0) + 1)
    return () => {
      const count = (this.#held.get(directory) ?? 1) - 1
      if (count > 0) this.#held.set(directory, count)
      else this.#held.delete(directory)
      for (const wake of [...this.#waiting]) wake()
    }
  }

  /** Wait until nobody holds a directory. */
  async free(directory: string): Promise<void> {
    while (this.#held.has(directory)) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiting.delete(wake)
          resolve()
        }
        this.#waiting.add(wake)
      })
    }
  }
}

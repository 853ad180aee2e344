/** A store that goes on and a place that its snapshots are copied to, in any order, whole or interrupted.
 *
 * Goal: the place lists what was copied and not removed, each as the store had it; nothing is sent that is there; no
 * file with two names is written to; a store gets back what it lost.
 * Method: random plans, run with the product on a simulated disk and with a map of what each snapshot held.
 * @module */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { sameBytes } from '../../../src/codec/bytes.ts'
import { isVarveError } from '../../../src/errors.ts'
import { SnapshotCatalogue } from '../../../src/snapshot/catalogue/catalogue.ts'
import { truthFiles } from '../../../src/snapshot/files/state-files.ts'
import { FaultFiles } from '../../faults/fault-files.ts'
import { faultStorage } from '../../faults/fault-storage.ts'
import { share } from '../../support/runtime.ts'
import { bytesUnder, contentOf, copy, type Image, Source } from './export-support.ts'

interface Step {
  readonly do: 'grow' | 'document' | 'version' | 'prune' | 'snapshot' | 'copy' | 'interrupt' | 'remove' | 'lose'
  /** How much, or which snapshot. */
  readonly number: number
  /** Calls of the disk before it fails. */
  readonly calls: number
}

const step: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom(
    ...(['grow', 'grow', 'document', 'version', 'prune', 'snapshot', 'snapshot', 'snapshot'] as const),
    ...(['copy', 'copy', 'copy', 'interrupt', 'interrupt', 'remove', 'lose'] as const),
  ),
  number: fc.nat({ max: 6 }),
  calls: fc.nat({ max: 150 }),
})

class Run {
  readonly #source = new Source(memoryStorage())
  readonly #files = new FaultFiles()
  readonly #to = new SnapshotCatalogue(faultStorage(this.#files))
  /** What each snapshot held when it was made, the oldest first. */
  readonly #made = new Map<string, Image>()
  readonly #copied = new Set<string>()
  /** Those that the store removed. */
  readonly #lost = new Set<string>()

  async all(steps: readonly Step[]): Promise<void> {
    await this.#source.createTopic(1500)
    await this.#source.grow(2)
    for (const one of steps) await this.#run(one)
    await this.#checkPlace()
    for (const id of this.#lost) await this.#bringBack(id)
    expect(this.#files.linkedWrites).toEqual([])
  }

  async #run({ do: what, number, calls }: Step): Promise<void> {
    const source = this.#source
    if (what === 'grow') await source.grow(1 + number)
    else if (what === 'document') await source.writeDocument('catalog', { number })
    else if (what === 'version') await source.appendVersion('board', { number })
    else if (what === 'prune') await source.prune(10 * number)
    else if (what === 'snapshot') {
      const id = await source.snapshot()
      this.#made.set(id, await bytesUnder(source.catalogue.storageOf(id)))
    } else {
      const ids = [...this.#made.keys()]
      const id = ids[number % Math.max(1, ids.length)]
      if (id === undefined) return
      if (what === 'copy') await this.#copy(id)
      else if (what === 'interrupt') await this.#interrupt(id, calls)
      else if (what === 'remove') await this.#remove(id)
      else await this.#lose(id)
    }
  }

  async #copy(id: string): Promise<void> {
    if (this.#lost.has(id)) return
    const keys = new Set<string>()
    for (const other of this.#copied) for (const { key } of truthFiles(await this.#to.state(other))) keys.add(key)
    const truth = truthFiles(await this.#source.catalogue.state(id)).filter(({ key }) => keys.has(key))
    const report = await copy({ from: this.#source.catalogue, to: this.#to }, id)
    const there = truth.reduce((total, { sizeBytes }) => total + sizeBytes, 0)
    expect(report.bytesShared).toBeGreaterThanOrEqual(there)
    this.#copied.add(id)
  }

  async #interrupt(id: string, calls: number): Promise<void> {
    if (this.#lost.has(id)) return
    const from = this.#files.position
    this.#files.failAt(({ index }) => index >= from + calls, 'EIO', { sticky: true })
    try {
      await copy({ from: this.#source.catalogue, to: this.#to }, id)
      this.#copied.add(id)
    } catch (error) {
      if (!isVarveError(error)) throw error
    } finally {
      this.#files.clearFaults()
    }
    // Its name may be there although nobody was told so.
    if ((await this.#to.list()).some((info) => info.id === id)) this.#copied.add(id)
  }

  async #remove(id: string): Promise<void> {
    if (this.#copied.delete(id)) await this.#to.remove(id)
  }

  async #lose(id: string): Promise<void> {
    if (this.#lost.has(id) || !this.#copied.has(id)) return
    await this.#source.catalogue.remove(id)
    this.#lost.add(id)
  }

  async #checkPlace(): Promise<void> {
    const listed = (await this.#to.list()).map(({ id }) => id)
    expect(listed).toEqual([...this.#made.keys()].filter((id) => this.#copied.has(id)).toReversed())
    for (const id of listed) expect(await this.#differences(this.#to, id)).toEqual([])
  }

  async #bringBack(id: string): Promise<void> {
    if (!this.#copied.has(id)) return
    await copy({ from: this.#to, to: this.#source.catalogue }, id)
    expect(await this.#differences(this.#source.catalogue, id)).toEqual([])
    expect(await contentOf(this.#source.catalogue.storageOf(id))).toBe(await contentOf(this.#to.storageOf(id)))
  }

  /** The files of a snapshot that are not as they were; merged term runs may be left out. */
  async #differences(catalogue: SnapshotCatalogue, id: string): Promise<string[]> {
    const found = await bytesUnder(catalogue.storageOf(id))
    const isOther = ([path, bytes]: [string, Uint8Array]) => {
      const other = found.get(path)
      return other === undefined ? !path.includes('/terms-') : !sameBytes(bytes, other)
    }
    return [...(this.#made.get(id) ?? [])].filter(isOther).map(([path]) => path)
  }
}

test('copySnapshot holds what a model says, for any plan', { timeout: 300_000 }, async () => {
  const plans = fc.array(step, { minLength: 5, maxLength: 18 })
  await fc.assert(
    fc.asyncProperty(plans, (steps) => new Run().all(steps)),
    { numRuns: share(60) },
  )
})

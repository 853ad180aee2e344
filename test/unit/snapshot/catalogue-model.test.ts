/** Goal: whatever happens in whatever order, the catalogue shows the snapshots that there are, newest first, with their
 * pins, and names one that is damaged while the others stay usable.
 * Method: random calls, restarts, lost and damaged catalogues and strange files, held against a plain map; and every
 * so many bits of a manifest flipped. A failure prints its seed.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isVarveError } from '../../../src/errors.ts'
import { SnapshotCatalogue } from '../../../src/snapshot/catalogue/catalogue.ts'
import { share } from '../../support/runtime.ts'
import { smallStore } from './small-disk.ts'
import { bytesOf, putBytes, type Still, sizesIn } from './still-host.ts'

const SEED = 20_261_121
const FILE = '.snapshots/snapshots.json'

type Step =
  | { readonly do: 'take'; readonly pinned: boolean; readonly backMs: number }
  | { readonly do: 'pin' | 'unpin' | 'remove'; readonly pick: number }
  | { readonly do: 'restart' | 'lose' | 'damage' | 'age' | 'leave' | 'clean' }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('take' as const), pinned: fc.boolean(), backMs: fc.nat(3) }),
  fc.record({ do: fc.constantFrom('pin' as const, 'unpin' as const, 'remove' as const), pick: fc.nat(5) }),
  fc.record({
    do: fc.constantFrom(...(['restart', 'lose', 'damage', 'age', 'leave', 'clean'] as const)),
  }),
)

/** What happens, in the product and in the model. */
class Run {
  readonly #still: Still
  readonly #model = new Map<string, { pinned: boolean; readonly timestamp: number }>()
  #catalogue: SnapshotCatalogue
  #old: Uint8Array | undefined
  #left = 0

  constructor(still: Still) {
    this.#still = still
    this.#catalogue = still.catalogue
  }

  async apply(one: Step): Promise<void> {
    if (one.do === 'take') await this.#take(one)
    else if ('pick' in one) await this.#change(one)
    else await this.#disturb(one.do)
    await this.#check()
  }

  async #take({ pinned, backMs }: { pinned: boolean; backMs: number }): Promise<void> {
    const { clock } = this.#still
    clock.setWall(clock.now() - backMs)
    const { id, timestamp } = await this.#still.take({ pinned })
    expect(this.#model.has(id)).toBe(false)
    this.#model.set(id, { pinned, timestamp })
  }

  async #change({ do: what, pick }: { do: 'pin' | 'unpin' | 'remove'; pick: number }): Promise<void> {
    const ids = [...this.#model.keys()]
    const id = ids[pick] ?? 'snapshot-1'
    const known = this.#model.get(id)
    const catalogue = this.#catalogue
    const work = async () => (what === 'remove' ? catalogue.remove(id) : catalogue.pin(id, what === 'pin'))
    const code = await work().then(
      () => undefined,
      (error: unknown) => (isVarveError(error) ? error.code : error),
    )
    if (known === undefined) expect(code).toBe('SNAPSHOT_UNKNOWN')
    else if (what === 'remove' && known.pinned) expect(code).toBe('SNAPSHOT_PINNED')
    else {
      expect(code).toBeUndefined()
      if (what === 'remove') this.#model.delete(id)
      else known.pinned = what === 'pin'
    }
  }

  async #disturb(what: 'restart' | 'lose' | 'damage' | 'age' | 'leave' | 'clean'): Promise<void> {
    const { storage } = this.#still
    const bytes = (await storage.exists(FILE)) ? await bytesOf(storage, FILE) : undefined
    if (what === 'restart') this.#catalogue = new SnapshotCatalogue(storage)
    if (what === 'lose') await storage.remove(FILE)
    if (what === 'damage' && bytes !== undefined) await putBytes(storage, FILE, bytes.fill(32, bytes.length >>> 1))
    if (what === 'age') {
      if (this.#old !== undefined) await putBytes(storage, FILE, this.#old)
      this.#old = bytes
    }
    if (what === 'leave') await putBytes(storage, `.snapshots/snapshot-${++this.#left}/topics/a/0/b`, new Uint8Array(1))
    if (what !== 'clean') return
    const removed = await this.#catalogue.cleanLeftovers(() => false)
    expect(removed.length).toBe(this.#left)
    this.#left = 0
    const names = (await storage.list('.snapshots')).filter(({ kind }) => kind === 'directory').map(({ name }) => name)
    expect(names.sort()).toEqual([...this.#model.keys()].sort())
  }

  async #check(): Promise<void> {
    const ids = [...this.#model].sort(
      ([a, { timestamp: x }], [b, { timestamp: y }]) => y - x || Number(b.slice(9)) - Number(a.slice(9)),
    )
    const wanted = ids.map(([id, { pinned, timestamp }]) => ({ id, pinned, timestamp }))
    for (const catalogue of [this.#catalogue, this.#still.catalogue, new SnapshotCatalogue(this.#still.storage)]) {
      const found = (await catalogue.list()).map(({ id, pinned, timestamp }) => ({ id, pinned, timestamp }))
      expect(found).toEqual(wanted)
    }
  }
}

describe('SnapshotCatalogue', () => {
  test('shows what there is, whatever happens', { timeout: 120_000 }, async () => {
    console.info(`seed ${SEED}`)
    const property = fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const run = new Run(await smallStore())
      for (const one of steps) await run.apply(one)
    })
    await fc.assert(property, { seed: SEED, numRuns: share(60) })
  })

  test('names a snapshot whose manifest has a flipped bit, and uses the others', { timeout: 60_000 }, async () => {
    const still = await smallStore()
    const { id } = await still.take({ label: 'to be damaged' })
    const other = await still.take()
    const names = [...(await sizesIn(still.storage, `.snapshots/${id}`)).keys()]
    const path = names.find((name) => name.includes('MANIFEST')) ?? ''
    const bytes = await bytesOf(still.storage, path)
    for (let bit = 0; bit < bytes.length * 8; bit += 37) {
      const flipped = bytes.slice()
      flipped[bit >>> 3] = (flipped[bit >>> 3] ?? 0) ^ (1 << (bit & 7))
      await putBytes(still.storage, path, flipped)
      const damage = { code: 'SNAPSHOT_DAMAGED', details: { snapshot: id, file: expect.stringContaining(id) } }
      await expect(still.catalogue.state(id)).rejects.toMatchObject(damage)
      await expect(still.catalogue.details(other.id)).resolves.toMatchObject({ id: other.id })
    }
    await putBytes(still.storage, path, bytes)
    await expect(still.catalogue.details(id)).resolves.toMatchObject({ label: 'to be damaged' })
  })
})

/** Stores with documents for tests, and what tests ask of their files.
 * @module */
import { expect } from 'vitest'
import { VarveError } from '../../../src/errors.ts'
import { type Diagnostic, openStore, type Store, type StoreOptions } from '../../../src/index.ts'
import { readManifest } from '../../../src/manifest/index.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { type Call, Wire } from '../topic/support.ts'

export interface Shelf {
  readonly wire: Wire
  readonly clock: ManualClock
  readonly store: Store
  readonly diagnostics: Diagnostic[]
}

let seeds = 0

/** Open a store over a wire. */
export async function openShelf(
  options: { wire?: Wire; clock?: ManualClock } & Partial<Omit<StoreOptions, 'clock'>> = {},
): Promise<Shelf> {
  const { wire = new Wire(), clock = new ManualClock(), ...more } = options
  const diagnostics: Diagnostic[] = []
  const onDiagnostic = (diagnostic: Diagnostic) => void diagnostics.push(diagnostic)
  const random = seededRandom(++seeds)
  const store = await openStore({ storage: wire.storage, clock, random, onDiagnostic, ...more })
  return { wire, clock, store, diagnostics }
}

/** The same place again, in another process: the first one lives on, or not. */
export function openAgain({ wire, clock }: Shelf, options: Partial<Omit<StoreOptions, 'clock'>> = {}): Promise<Shelf> {
  return openShelf({ wire: new Wire(wire.storage), clock, takeOver: options.readOnly === undefined, ...options })
}

/** Files of a document, sorted. */
export async function filesOf(storage: Storage, name: string): Promise<string[]> {
  return (await storage.list(`documents/${name}`)).map((entry) => entry.name)
}

/** The file of the newest version of a document, as the manifest names it. */
export async function currentFile(storage: Storage, name: string): Promise<string | undefined> {
  const rows = (await readManifest(storage))?.state.documents
  const id = rows?.find((row) => row.name === name)?.id
  return id === undefined ? undefined : `${id}.vdoc`
}

/** Put an empty file somewhere. */
export async function plant(storage: Storage, path: string): Promise<void> {
  const handle = await storage.createExclusive(path)
  await handle.append(new Uint8Array(100))
  await handle.close()
}

/** A text that takes several blocks. */
export const big = (letter: string, length = 20_000) => ({ text: letter.repeat(length), list: [1, 2, 3] })

/** JSON that comes piece by piece, when the test says so. */
export class SlowJson {
  readonly #waiting: ((result: IteratorResult<Uint8Array>) => void)[] = []
  readonly #ready: IteratorResult<Uint8Array>[] = []
  isClosed = false

  give(text: string): void {
    this.#give({ done: false, value: new TextEncoder().encode(text) })
  }

  end(): void {
    this.#give({ done: true, value: undefined })
  }

  #give(result: IteratorResult<Uint8Array>): void {
    const taker = this.#waiting.shift()
    if (taker === undefined) this.#ready.push(result)
    else taker(result)
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return {
      next: () =>
        new Promise((resolve) => {
          const ready = this.#ready.shift()
          if (ready === undefined) this.#waiting.push(resolve)
          else resolve(ready)
        }),
      return: async () => {
        this.isClosed = true
        return { done: true, value: undefined }
      },
    }
  }
}

/** Fails the calls that fit, so many times. */
export function failing(
  fits: (call: Call) => boolean,
  code: 'STORAGE_FULL' | 'STORAGE_DENIED' | 'STORAGE_UNAVAILABLE',
  times = 1,
) {
  let left = times
  return (call: Call): undefined => {
    if (left <= 0 || !fits(call)) return undefined
    left--
    throw new VarveError(code, `Failed ${call.op} of ${call.path}`)
  }
}

/** The store is whole and has these documents, and each directory exactly the file of the newest version. */
export async function mustBeTidy({ store, wire }: Shelf, values: Record<string, unknown>): Promise<void> {
  const names = (await store.documents.list()).map(({ name }) => name)
  expect(names).toEqual(Object.keys(values).sort())
  for (const [name, value] of Object.entries(values)) expect(await store.documents.read(name)).toEqual(value)
  for (const { name } of await wire.storage.list('documents')) {
    const current = await currentFile(wire.storage, name)
    expect(await filesOf(wire.storage, name)).toEqual(current === undefined ? [] : [current])
  }
  expect(await wire.storage.list('tmp')).toEqual([])
  const { ok, problems, unknownFiles } = await store.verify()
  expect({ ok, problems, unknownFiles }).toEqual({ ok: true, problems: [], unknownFiles: [] })
}

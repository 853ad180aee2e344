/** The published conformance suite of the storage port, for any test runner and any runtime.
 *
 * ```ts
 * import { test } from 'vitest'
 * import { storageSuite } from 'varve/conformance'
 *
 * storageSuite({ test, factory: async () => ({ storage: myStorage(), cleanup: async () => {} }) })
 * ```
 * It proves what can be seen from one process: order and durability across a power loss cannot, so an author shows
 * those in another way. Every capability is proven as declared: what is false must be refused.
 * @module */
import type { Maybe, Storage } from '../../src/ports/storage.ts'
import type { StorageCase } from './assert.ts'
import { nameCases } from './name-cases.ts'
import { portCases } from './port-cases.ts'
import { readCases } from './read-cases.ts'
import { writeCases } from './write-cases.ts'

export { limitedStorage } from './limited.ts'

/** A storage without files, and what takes it away again. */
export interface StorageFixture {
  readonly storage: Storage
  cleanup(): Maybe<void>
}

export interface StorageSuiteOptions {
  /** Registers one case with a test runner, such as `test` of vitest, `node:test` or `Deno.test`. */
  readonly test: (name: string, run: () => Promise<void>) => void
  /** Called once for each case. */
  readonly factory: () => Maybe<StorageFixture>
}

const CASES: readonly StorageCase[] = [...writeCases, ...readCases, ...nameCases, ...portCases]

/** Register every case with a test runner. @returns how many there are. */
export function storageSuite({ test, factory }: StorageSuiteOptions): number {
  for (const [title, run] of CASES) {
    test(title, async () => {
      const { storage, cleanup } = await factory()
      try {
        await run(storage)
      } finally {
        await cleanup()
      }
    })
  }
  return CASES.length
}

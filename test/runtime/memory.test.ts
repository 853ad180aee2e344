/** The conformance suite on memory, with all and with no capabilities. Names no runtime: it also runs in workers and in
 * browsers.
 * @module */
import { describe, test } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import { limitedStorage, storageSuite } from '../conformance/index.ts'

describe('memory storage', () => {
  storageSuite({ test, factory: () => ({ storage: memoryStorage(), cleanup: () => {} }) })
})

describe('memory storage without capabilities', () => {
  storageSuite({ test, factory: () => ({ storage: limitedStorage(memoryStorage()), cleanup: () => {} }) })
})

/** The conformance suite on the runtime that runs this: `node:fs`, and the runtime's own storage (on Node once more
 * `node:fs`, so that every runtime runs the same number of cases). Memory has `memory.test.ts`.
 * @module */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'vitest'
import type { FileStorage } from '../../adapters/files/file-storage.ts'
import { nodeStorage } from '../../adapters/node/index.ts'
import { storageSuite } from '../conformance/index.ts'
import { ownStorage, runtime } from './own-storage.ts'

function inTemporaryDirectory(open: (path: string) => FileStorage) {
  const parent = mkdtempSync(join(tmpdir(), 'varve-storage-'))
  // The root is two levels down, so that the storage has to make it.
  return {
    storage: open(join(parent, 'data', 'store')),
    cleanup: () => rmSync(parent, { recursive: true, force: true }),
  }
}

const adapters = {
  'node:fs': () => inTemporaryDirectory(nodeStorage),
  own: () => inTemporaryDirectory(ownStorage),
}

for (const [title, factory] of Object.entries(adapters)) {
  describe(`${title} storage on ${runtime}`, () => {
    const cases = storageSuite({ test, factory })
    const { storage, cleanup } = factory()
    const origin = Object.entries(storage.calls.origin)
    cleanup()
    const native = origin.filter(([, from]) => from.startsWith('native')).map(([call]) => call)
    console.info(`${runtime}: ${title} (${storage.name}), native calls: ${native.join(' ') || 'none'}; ${cases} cases`)
  })
}

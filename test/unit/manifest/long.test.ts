/** A manifest that is written anew while it is in use.
 * @module */
import { expect, test } from 'vitest'
import { manifestName } from '../../../src/manifest/files.ts'
import { type DocumentRow, type ManifestRecord, readManifest } from '../../../src/manifest/index.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import { Machine } from './support.ts'

function written(version: number): ManifestRecord {
  const id = version.toString(16).padStart(16, '0')
  const document: DocumentRow = { name: 'catalog', version, id, sizeBytes: 1_000, indexBytes: 100, writtenAt: version }
  return { type: 'document-written', document }
}

test('append() keeps the manifest of a small state short, and what it says', async () => {
  const machine = new Machine()
  const { manifest } = await machine.acquire(1, { longBytes: 2_000 })
  let largestBytes = 0
  for (let version = 1; version <= 500; version++) {
    await manifest.append(written(version))
    largestBytes = Math.max(largestBytes, manifest.sizeBytes)
    if (version % 50 === 0) {
      const view = await readManifest(machine.files)
      expect(view?.state).toEqual(manifest.state)
      expect(view?.epoch).toBe(1)
    }
  }
  expect(largestBytes).toBeLessThan(8_000)
  await manifest.close()
  expect((await machine.files.list('tmp')).length).toBe(0)
})

test('append() goes on with the old manifest where names cannot be replaced', async () => {
  const machine = new Machine()
  machine.capabilities = { atomicReplace: false }
  const { manifest } = await machine.acquire(1, { longBytes: 1 })
  for (let version = 1; version <= 20; version++) await manifest.append(written(version))
  expect((await readManifest(machine.files))?.state.documents?.[0]?.version).toBe(20)
})

test('an owner that slept before it replaced its manifest puts no vanished name back, and may not commit', async () => {
  const machine = new Machine()
  let wake = () => {}
  const asleep = new Promise<void>((resolve) => {
    wake = resolve
  })
  let sleeps = () => {}
  const slept = new Promise<void>((resolve) => {
    sleeps = resolve
  })
  const own = machine.storage(1)
  const storage: Storage = Object.create(own, {
    replace: {
      value: async (from: string, to: string) => {
        sleeps()
        await asleep
        await own.replace(from, to)
      },
    },
  })
  const { manifest } = await machine.acquire(1, { storage, longBytes: 1 })
  let acknowledged = 0
  const committing = (async () => {
    for (let version = 1; version <= 20; version++) {
      await manifest.append(written(version))
      acknowledged = version
    }
  })().catch((error: unknown) => error)
  await slept
  machine.alive.delete(1)
  for (const pid of [2, 3, 4]) {
    const next = await machine.acquire(pid)
    expect(next.manifest.state.documents?.[0]?.version).toBeGreaterThanOrEqual(acknowledged)
    machine.alive.delete(pid)
  }
  wake()
  expect(await committing).toMatchObject({ code: expect.stringMatching(/^STORE_(?:POISONED|FENCED)$/) })
  expect(await machine.files.exists(manifestName(1))).toBe(false)
})

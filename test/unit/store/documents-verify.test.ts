/** What checks and salvages of a store say about its documents.
 * @module */
import { describe, expect, test } from 'vitest'
import { openStore, type Store, verifyStorage } from '../../../src/index.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import { imageStorage, type StoreImage } from '../../faults/image-storage.ts'
import { outcome } from '../topic/support.ts'
import { big, openAgain, openShelf, plant, SlowJson } from './documents-support.ts'
import { flipBit, imageOf, shapes, verifyImage, withFile } from './verify-support.ts'

const STRAY = `${'7'.repeat(16)}.vdoc`

/** A closed store with two documents, and an event. */
async function closedStore(): Promise<{ image: StoreImage; paths: Record<string, string> }> {
  const shelf = await openShelf()
  const topic = await shelf.store.topics.open('orders', { create: true })
  await topic.append({ kind: 'Noted', entity: 'e', data: 1 })
  for (const version of ['0', '1']) await shelf.store.documents.write('a', big(version))
  await shelf.store.documents.write('b', big('2', 100))
  await shelf.store.close()
  const image = await imageOf(shelf.wire.storage)
  const paths = Object.fromEntries(
    [...image.keys()].flatMap((path) => (path.endsWith('.vdoc') ? [[path.split('/')[1], path]] : [])),
  )
  return { image, paths }
}

function salvaged(storage: Storage): Promise<Store> {
  return openStore({ storage, readOnly: 'salvage' })
}

describe('verify() of documents', () => {
  test('checks every byte of them, open or not', async () => {
    const { image } = await closedStore()
    const seen: string[] = []
    const report = await verifyStorage({
      storage: imageStorage(image),
      onProgress: ({ doneBytes, totalBytes }) => {
        expect(doneBytes).toBeLessThanOrEqual(totalBytes)
        seen.push(`${doneBytes} of ${totalBytes}`)
      },
    })
    expect(report).toMatchObject({ ok: true, problems: [], unknownFiles: [] })
    const bytes = [...image.values()].reduce((sum, file) => sum + file.length, 0)
    expect(seen.at(-1)).toBe(`${report.bytesChecked} of ${report.bytesChecked}`)
    expect(report.bytesChecked).toBeGreaterThan(bytes * 0.9)
    const store = await openStore({ storage: imageStorage(image), readOnly: true })
    expect(await store.verify()).toMatchObject({ ok: true, bytesChecked: report.bytesChecked })
    await store.close()
  })

  test('names the file and the place of damage, and checks the others all the same', async () => {
    const { image, paths } = await closedStore()
    const { a = '', b = '' } = paths
    const flipped = flipBit(flipBit(image, a, 9_000), b, 60)
    const report = await verifyImage(flipped)
    expect(report.ok).toBe(false)
    expect(shapes(report)).toMatchObject([
      { code: 'DOCUMENT_DAMAGED', file: a, damage: true },
      { code: 'DOCUMENT_DAMAGED', file: b, damage: true },
    ])
    expect(shapes(report)[0]?.position).toBeLessThanOrEqual(9_000)
    const store = await openStore({ storage: imageStorage(flipped), readOnly: true })
    expect(await store.documents.verify('a')).toMatchObject({ ok: false, problems: [{ code: 'DOCUMENT_DAMAGED' }] })
    expect(await outcome(store.documents.read('a'))).toBe('DOCUMENT_DAMAGED')
    await store.close()
  })

  test('says that a file is missing, or another one', async () => {
    const { image, paths } = await closedStore()
    const { a = '', b = '' } = paths
    const missing = withFile(image, a, () => undefined)
    expect(shapes(await verifyImage(missing))).toEqual([{ code: 'DOCUMENT_MISSING', file: a, damage: true }])
    const store = await openStore({ storage: imageStorage(missing), readOnly: true })
    for (const work of [store.documents.open('a'), store.documents.read('a')])
      await expect(work).rejects.toMatchObject({ code: 'DOCUMENT_MISSING', details: { document: 'a', file: a } })
    expect(await store.documents.verify('a')).toMatchObject({ ok: false, problems: [{ code: 'DOCUMENT_MISSING' }] })
    expect((await store.documents.stat('a')).version).toBe(2)
    await store.close()
    const swapped = withFile(image, a, () => image.get(b))
    expect(shapes(await verifyImage(swapped))).toMatchObject([{ code: 'DOCUMENT_DAMAGED', file: a }])
  })

  test('knows the files of other versions from strangers', async () => {
    const shelf = await openShelf()
    await shelf.store.documents.write('a', 1)
    const source = new SlowJson()
    const written = outcome(shelf.store.documents.writeJson('a', source))
    const { storage } = shelf.wire
    await plant(storage, `documents/gone/${STRAY}`)
    await plant(storage, 'documents/a/notes.txt')
    await plant(storage, 'documents/loose.txt')
    for (const report of [await shelf.store.verify(), await verifyStorage({ storage })]) {
      expect(report.ok).toBe(true)
      expect([...report.unknownFiles].sort()).toEqual(['documents/a/notes.txt', 'documents/loose.txt'])
      const left = report.notChecked.filter((sentence) => sentence.startsWith('documents/'))
      expect(left).toEqual([
        expect.stringContaining('documents/a: files that '),
        expect.stringContaining('documents/gone: files that '),
      ])
    }
    source.give('2')
    source.end()
    await written
    await shelf.store.close()
  })

  test.each([true, false])('calls nothing damage that is replaced or deleted meanwhile, open: %s', async (isOpen) => {
    const shelf = await openShelf()
    for (const name of ['a', 'b', 'c']) await shelf.store.documents.write(name, 1)
    const other = await openAgain(shelf, { readOnly: true })
    let changes = 0
    other.wire.before = ({ op, path }) => {
      if (op !== 'openRead' || !path.endsWith('.vdoc') || changes > 1) return undefined
      return changes++ === 0 ? shelf.store.documents.write('a', 2) : shelf.store.documents.delete('b')
    }
    const report = isOpen ? await other.store.verify() : await verifyStorage({ storage: other.wire.storage })
    expect(changes).toBe(2)
    expect(report).toMatchObject({ ok: true, problems: [] })
    await other.store.close()
    await shelf.store.close()
  })

  test('leaves a document out that is replaced whenever it is checked', async () => {
    const shelf = await openShelf()
    await shelf.store.documents.write('a', 1)
    const other = await openAgain(shelf, { readOnly: true })
    other.wire.before = ({ op, path }) =>
      op === 'openRead' && path.endsWith('.vdoc') ? shelf.store.documents.write('a', 2) : undefined
    const report = await other.store.verify()
    expect(report).toMatchObject({ ok: true, problems: [] })
    expect(report.notChecked).toContainEqual(expect.stringMatching(/^documents\/a: the document was replaced/))
    await other.store.close()
    await shelf.store.close()
  })

  test('ends with the reason of its signal, and when the store closes', async () => {
    const shelf = await openShelf()
    await shelf.store.documents.write('a', big('x', 3_000_000))
    const abort = new AbortController()
    const onProgress = () => abort.abort(new RangeError('enough'))
    await expect(shelf.store.documents.verify('a', { signal: abort.signal, onProgress })).rejects.toThrow('enough')
    let closed: Promise<void> | undefined
    const close = () => {
      closed ??= shelf.store.close()
    }
    expect(await outcome(shelf.store.documents.verify('a', { onProgress: close }))).toBe('STORE_CLOSED')
    await closed
  })

  test('checks loose files when no manifest can be read', async () => {
    const { image, paths } = await closedStore()
    const { a = '', b = '' } = paths
    let lost: StoreImage = flipBit(image, b, 60)
    for (const path of image.keys())
      if (path.startsWith('MANIFEST') || path.startsWith('head')) lost = withFile(lost, path, () => undefined)
    lost = new Map([...lost, [`documents/a/${STRAY}`, new Uint8Array(50)]])
    const report = await verifyImage(lost)
    expect(shapes(report)).toMatchObject([
      { code: 'MANIFEST_DAMAGED', damage: true },
      { code: 'DOCUMENT_DAMAGED', file: b },
    ])
    expect(report.bytesChecked).toBeGreaterThan(image.get(a)?.length ?? 0)
    expect(report.notChecked).toContainEqual('documents: files that are not complete: 1.')
  })

  test('misses a manifest where there are only documents', async () => {
    const { image } = await closedStore()
    const only = new Map([...image].filter(([path]) => path.startsWith('documents/')))
    expect(shapes(await verifyImage(only))).toMatchObject([{ code: 'MANIFEST_DAMAGED' }])
    expect(await outcome(openStore({ storage: imageStorage(only) }))).toBe('MANIFEST_DAMAGED')
  })
})

describe('a salvage', () => {
  const withoutManifest = (image: StoreImage) =>
    new Map([...image].filter(([path]) => !path.startsWith('MANIFEST') && !path.startsWith('head')))

  test('finds the documents of a store without a manifest by their files', async () => {
    const { image, paths } = await closedStore()
    const lost = new Map([...withoutManifest(image), [`documents/a/${STRAY}`, new Uint8Array(500)]])
    const store = await salvaged(imageStorage(lost))
    expect(await store.documents.list()).toMatchObject([
      { name: 'a', version: 2, sizeBytes: image.get(paths.a ?? '')?.length },
      { name: 'b', version: 1 },
    ])
    expect(await store.documents.read('a')).toEqual(big('1'))
    expect(await store.documents.read('b', 'list[2]')).toBe(3)
    expect(await outcome(store.documents.write('c', 1))).toBe('STORE_READ_ONLY')
    await store.close()
  })

  test('takes the highest version that is complete', async () => {
    const older = await openShelf()
    await older.store.documents.write('a', 'old')
    const before = await imageOf(older.wire.storage)
    await older.store.documents.write('a', 'new')
    await older.store.close()
    const now = await imageOf(older.wire.storage)
    const both = withoutManifest(new Map([...before, ...now]))
    const store = await salvaged(imageStorage(both))
    expect(await store.documents.read('a')).toBe('new')
    await store.close()
    const [newest = ''] = [...now.keys()].filter((path) => path.endsWith('.vdoc'))
    const torn = withFile(both, newest, (bytes) => bytes.subarray(0, bytes.length - 5))
    const again = await salvaged(imageStorage(torn))
    expect(await again.documents.read('a')).toBe('old')
    await again.close()
  })

  test('says which documents have no file that is complete', async () => {
    const { image, paths } = await closedStore()
    const torn = withFile(withoutManifest(image), paths.a ?? '', (bytes) => bytes.subarray(0, 200))
    const store = await salvaged(imageStorage(torn))
    expect((await store.documents.list()).map(({ name }) => name)).toEqual(['b'])
    expect(store.openReport.ignored).toContainEqual(expect.stringMatching(/^documents\/a: its file is not complete$/))
    await store.close()
  })

  test('goes by a manifest that is whole, and reads what is not damaged', async () => {
    const { image, paths } = await closedStore()
    const damaged = flipBit(image, paths.b ?? '', 60)
    const store = await salvaged(imageStorage(damaged))
    expect(await store.documents.read('a', 'list')).toEqual([1, 2, 3])
    expect(await outcome(store.documents.read('b'))).toBe('DOCUMENT_DAMAGED')
    await store.close()
  })

  test('keeps what a torn manifest says of documents whose files are whole', async () => {
    const { image } = await closedStore()
    const [manifest = ''] = [...image.keys()].filter((path) => path.startsWith('MANIFEST'))
    const store = await salvaged(imageStorage(flipBit(image, manifest, (image.get(manifest)?.length ?? 0) - 400)))
    expect((await store.documents.list()).map(({ name, version }) => [name, version])).toEqual([
      ['a', 2],
      ['b', 1],
    ])
    await store.close()
  })
})

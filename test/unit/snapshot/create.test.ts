/** Taking a snapshot of a store at rest: what is in it, and what is left when it fails.
 * @module */
import { describe, expect, test } from 'vitest'
import { openStore } from '../../../src/index.ts'
import { derivedFiles, truthFiles } from '../../../src/snapshot/files/state-files.ts'
import { bytesOf, sizesIn, stillStore } from './still-host.ts'

const CODE = (code: string) => expect.objectContaining({ code })

describe('createSnapshot', () => {
  test('makes a store that opens read-only and holds what was there, also after the store went on', async () => {
    const still = await stillStore()
    const info = await still.take({ label: 'before the change' })
    await still.write(async (store) => {
      const orders = await store.topics.open('orders')
      await orders.append({ kind: 'Later', entity: 'customer-1', data: {} })
      await store.documents.write('catalog', { products: [] })
      const board = await store.histories.open('board')
      await board.append({ shapes: 99 })
    })
    const store = await openStore({ storage: still.catalogue.storageOf(info.id), readOnly: true, clock: still.clock })
    const orders = await store.topics.open('orders')
    const kinds = []
    for await (const event of orders.read({ from: 0 })) kinds.push(event.kind)
    expect(kinds).toEqual(Array.from({ length: 30 }, () => 'Placed'))
    expect(await store.documents.read('catalog')).toEqual({ products: ['pen', 'ink'] })
    const board = await store.histories.open('board')
    expect(await board.read({ version: 3 })).toEqual({ shapes: 3 })
    expect((await board.list()).items).toHaveLength(3)
    expect((await store.verify()).problems).toEqual([])
    await store.close()
  })

  test('says what is in it', async () => {
    const still = await stillStore()
    const whole = await still.take({ label: 'all', pinned: true })
    expect(whole).toMatchObject({ label: 'all', pinned: true, topics: 2, documents: 1, histories: 1, events: 38 })
    expect(whole.baseOffset).toBeUndefined()
    expect(whole.headHash).toMatch(/^[0-9a-f]{64}$/)
    const state = await still.catalogue.state(whole.id)
    const files = await sizesIn(still.catalogue.storageOf(whole.id), 'topics')
    expect(whole.numSegments).toBe([...files.keys()].filter((file) => file.endsWith('.log')).length)
    expect(whole.totalSizeBytes).toBe(truthFiles(state).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0))

    const one = await still.take({ topic: 'orders' })
    const { lineage, partitions } = state.topics.find(({ name }) => name === 'orders') ?? {}
    expect(one).toMatchObject({
      topic: 'orders',
      topics: 1,
      documents: 0,
      events: 30,
      baseOffset: 0,
      highWatermark: 30,
    })
    expect(one.headHash).toBe(partitions?.[0]?.proven?.hash)
    expect((await still.catalogue.state(one.id)).topics[0]?.lineage).toBe(lineage)
    const details = await still.catalogue.details(one.id)
    expect(details.storeId).toBe(state.storeId)
    expect(details.partitions).toMatchObject([{ topic: 'orders', partition: 0, baseOffset: 0, highWatermark: 30 }])
    expect(details.partitions[0]?.segmentOffsets[0]).toBe(0)
    expect(details.partitions[0]?.sizeBytes).toBe(one.totalSizeBytes)
  })

  test('links what never changes and copies active segments', async () => {
    const still = await stillStore()
    const { id } = await still.take()
    const state = await still.catalogue.state(id)
    const files = truthFiles(state)
    expect(new Set(files.map(({ kind }) => kind))).toEqual(new Set(['segment', 'active', 'document', 'group']))
    for (const { path, kind } of files) expect(await still.storage.linkCount(path)).toBe(kind === 'active' ? 1 : 2)
    const derived = await derivedFiles(still.storage, state)
    expect(derived.map(({ path }) => path.slice(path.lastIndexOf('.') + 1))).toContain('terms')
    for (const { path } of derived) expect(await still.storage.linkCount(path)).toBe(2)
    expect(
      [...(await sizesIn(still.catalogue.storageOf(id), '')).keys()].filter((file) => file.endsWith('.ckpt')),
    ).toEqual([])
  })

  test('copies everything where files cannot be shared', async () => {
    const still = await stillStore()
    const { storage } = still
    const copying = still.through(
      new Proxy(storage, {
        get: (target, name) => {
          if (name === 'capabilities') return { ...storage.capabilities, hardLinks: false }
          const found = Reflect.get(target, name)
          return typeof found === 'function' ? found.bind(target) : found
        },
      }),
    )
    const { id } = await copying.take()
    const view = copying.catalogue.storageOf(id)
    for (const { path, sizeBytes } of truthFiles(await copying.catalogue.state(id))) {
      expect(await storage.linkCount(path)).toBe(1)
      expect((await bytesOf(view, path)).subarray(0, sizeBytes)).toEqual(
        (await bytesOf(storage, path)).subarray(0, sizeBytes),
      )
    }
  })

  test('lets go of the files and leaves nothing when a file is missing, and names it', async () => {
    const still = await stillStore()
    const before = [...(await sizesIn(still.storage, '.snapshots')).keys()]
    const state = await still.catalogue.state((await still.take()).id)
    await still.catalogue.remove((await still.catalogue.list())[0]?.id ?? '')
    const segment = truthFiles(state).find(({ kind }) => kind === 'segment')?.path ?? ''
    await still.storage.remove(segment)
    await expect(still.take({ pinned: true })).rejects.toMatchObject({
      code: 'SEGMENT_MISSING',
      details: { file: segment },
    })
    expect(still.held).toBe(0)
    expect(await still.catalogue.list()).toEqual([])
    expect([...(await sizesIn(still.storage, '.snapshots')).keys()]).toEqual([...before, '.snapshots/snapshots.json'])
    expect((await still.storage.list('.snapshots')).filter(({ kind }) => kind === 'directory')).toEqual([])
    const document = truthFiles(state).find(({ kind }) => kind === 'document')?.path ?? ''
    await still.storage.remove(document)
    await expect(still.take()).rejects.toMatchObject({ kind: 'corrupt' })
  })

  test('refuses labels and targets that make no sense before it does anything', async () => {
    const still = await stillStore()
    const invalid = [
      { label: '' },
      { label: 'x'.repeat(257) },
      { label: 'é'.repeat(129) },
      { label: '\ud800' },
      { label: 7 as never },
      { partition: 0 },
      { topic: 'orders', partition: -1 },
      { topic: 7 as never },
    ]
    for (const options of invalid) await expect(still.take(options)).rejects.toEqual(CODE('OPTION_INVALID'))
    expect(await still.storage.list('.snapshots')).toEqual([])
    await expect(still.take({ label: 'é'.repeat(128) })).resolves.toMatchObject({ label: 'é'.repeat(128) })
  })

  test('ends with what ended it: a signal, the store that closes, another owner', async () => {
    const still = await stillStore()
    const controller = new AbortController()
    const stop = new Error('enough')
    const taking = still.take({
      signal: controller.signal,
      onProgress: ({ step }) => {
        if (step === 'files') controller.abort(stop)
      },
    })
    await expect(taking).rejects.toBe(stop)
    expect(await still.storage.list('.snapshots')).toEqual([])
    still.fenced = true
    await expect(still.take()).rejects.toEqual(CODE('STORE_FENCED'))
    still.fenced = false
    const closing = still.take({ onProgress: ({ step }) => step === 'files' && still.closing.abort() })
    await expect(closing).rejects.toEqual(CODE('STORE_CLOSED'))
    expect(still.held).toBe(0)
    expect(await still.catalogue.list()).toEqual([])
  })

  test('touches nothing any more once the store was taken over between the files and the manifest', async () => {
    const still = await stillStore()
    const taking = still.take({
      onProgress: ({ step }) => {
        if (step === 'publish') still.fenced = true
      },
    })
    await expect(taking).rejects.toEqual(CODE('STORE_FENCED'))
    expect(await still.catalogue.list()).toEqual([])
    still.fenced = false
    const removed = await still.catalogue.cleanLeftovers(() => false)
    expect(removed).toHaveLength(1)
    expect(await still.storage.list('.snapshots')).toEqual([])
  })

  test('tells how far it is, first that nothing stands in the way', async () => {
    const still = await stillStore()
    const steps: string[] = []
    let done = 0
    await still.take({
      onProgress: ({ step, doneBytes, totalBytes }) => {
        steps.push(step)
        if (step !== 'files') return
        expect(doneBytes).toBeGreaterThanOrEqual(done)
        expect(totalBytes).toBeGreaterThanOrEqual(doneBytes)
        done = doneBytes
      },
    })
    expect([...new Set(steps)]).toEqual(['prepare', 'files', 'publish'])
  })
})

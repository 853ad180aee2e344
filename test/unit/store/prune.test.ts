/** Giving up the oldest segments of a topic: what goes, what stays, who notices.
 * @module */
import { describe, expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { VarveError } from '../../../src/errors.ts'
import { openStore } from '../../../src/index.ts'
import { readManifest } from '../../../src/manifest/index.ts'
import { nextTurn } from '../../../src/ports/clock.ts'
import type { Store } from '../../../src/store/types.ts'
import { collect, event, type Log, openLog, outcome, processOf, Wire } from '../topic/support.ts'
import { bytesIn, filesOf, fill, openSmall, reopen } from './small-log.ts'

/** Wait for what is pruned in the background: it comes before what is asked for after it. */
const pruned = ({ topic }: Log) => topic.prune({ before: 0, dryRun: true, partition: 0 })

const rowOf = async ({ wire }: Log) => (await readManifest(wire.storage))?.state.topics[0]?.partitions[0]

describe('Topic.prune()', () => {
  test('gives up whole segments below an offset, in one record, and returns their space', async () => {
    const log = await openSmall()
    await fill(log, 20)
    const before = await collect(log.topic.read())
    await termsWritten(log)
    const [segments, bytes] = [log.topic.stats().partitions[0]?.segments ?? 0, await bytesIn(log.wire.storage)]
    const report = await log.topic.prune({ before: 10 })
    const [pruned] = report.partitions
    expect(report).toMatchObject({ dryRun: false, partitions: [{ partition: 0, logStartOffsetBefore: 0 }] })
    const start = pruned?.logStartOffset ?? 0
    expect(start).toBeGreaterThan(5)
    expect(start).toBeLessThanOrEqual(10)
    expect(pruned?.events).toBe(start)
    expect(await collect(log.topic.read())).toEqual(before.slice(start))
    expect(log.topic.stats()).toMatchObject({ events: 20 - start, partitions: [{ logStartOffset: start }] })
    expect(log.topic.stats().partitions[0]?.segments).toBe(segments - (pruned?.segments ?? 0))
    // The versions of what went take some of the space that came back.
    const row = await rowOf(log)
    const kept = row?.prunedVersions === undefined ? 0 : await sizeOf(log, row.prunedVersions)
    expect(await bytesIn(log.wire.storage)).toBe(bytes - (pruned?.sizeBytes ?? 0) + kept)
    expect(row).toMatchObject({ logStartOffset: start, droppedSegments: pruned?.segments })
    expect((await readManifest(log.wire.storage))?.state.removing).toBeUndefined()
    await log.store.close()
  })

  test('answers OFFSET_PRUNED below the new start, and goes on from it', async () => {
    const log = await openSmall()
    await fill(log, 20)
    const cursor = (await log.topic.page({ limit: 2 })).nextCursor ?? ''
    const reader = log.topic.read().batches()[Symbol.asyncIterator]()
    const { partitions } = await log.topic.prune({ before: 12 })
    const start = partitions[0]?.logStartOffset ?? 0
    expect(await outcome(log.topic.get(start - 1))).toBe('OFFSET_PRUNED')
    expect(await outcome(log.topic.page({ cursor }))).toBe('OFFSET_PRUNED')
    expect(await outcome(reader.next())).toBe('OFFSET_PRUNED')
    expect((await log.topic.get(start))?.offset).toBe(start)
    expect((await log.topic.append(event('entity-0'))).firstOffset).toBe(20)
    expect((await log.topic.last(1))[0]?.offset).toBe(20)
    await log.store.close()
  })

  test('keeps the versions of entities whose events went, also over a restart', async () => {
    let log = await openSmall()
    await log.topic.append([event('gone'), event('stays')])
    await fill(log, 16)
    await log.topic.append(event('stays'))
    const version = await log.topic.version('stays')
    await log.topic.prune({ before: 12 })
    expect([await log.topic.version('gone'), await log.topic.version('stays')]).toEqual([1, version])
    await log.store.close()
    log = await reopen(log)
    expect([await log.topic.version('gone'), await log.topic.version('stays')]).toEqual([1, version])
    const stale = log.topic.append(event('gone'), { expect: { entity: 'gone', version: 'none' } })
    expect(await outcome(stale)).toBe('VERSION_CONFLICT')
    await log.topic.prune({ before: 16 })
    expect(await log.topic.version('gone')).toBe(1)
    await log.store.close()
  })

  test('gives up segments beside one that a takeover sealed without events', async () => {
    const files = memoryStorage()
    const { wire, topic } = await openLog({ wire: new Wire(files), topic: { segmentBytes: 1 << 20 } })
    const big = event('big', new Uint8Array(700_000))
    await topic.append(event('small'))
    for (let n = 0; n < 2; n++) await topic.append(big)
    // The only event of its segment, and not synced: the takeover moves it.
    await topic.append(big, { durability: 'buffered' })
    wire.before = () => new Promise(() => undefined)
    for (const name of await filesOf(files)) if (name.endsWith('.terms')) await files.remove(`topics/orders/0/${name}`)
    const again = await openLog({ wire: new Wire(files) })
    const { partitions } = await again.topic.prune({ before: 2 })
    expect(partitions).toMatchObject([{ logStartOffset: 2, events: 2 }])
    expect(await again.topic.version('small')).toBe(1)
    await again.store.close()
  })

  test('says what it would do, and does nothing, in a dry run', async () => {
    const log = await openSmall()
    await fill(log, 20)
    await termsWritten(log)
    const files = await filesOf(log.wire.storage)
    const dry = await log.topic.prune({ before: 12, dryRun: true })
    expect(await filesOf(log.wire.storage)).toEqual(files)
    expect(log.topic.stats().events).toBe(20)
    expect(await log.topic.prune({ before: 12 })).toEqual({ ...dry, dryRun: false })
    await log.store.close()
  })

  test('never gives up the active segment, and reports nothing to do', async () => {
    const log = await openSmall()
    await fill(log, 2)
    const nothing = {
      partition: 0,
      logStartOffsetBefore: 0,
      logStartOffset: 0,
      segments: 0,
      events: 0,
      sizeBytes: 0,
      sharedBytes: 0,
    }
    expect((await log.topic.prune({ before: 2 })).partitions).toEqual([nothing])
    expect((await log.topic.prune()).partitions).toEqual([nothing])
    await log.store.close()
  })

  test('refuses impossible options, and a store that only reads', async () => {
    const log = await openSmall({ partitions: 2 })
    expect(await outcome(log.topic.prune({ before: 1 }))).toBe('OPTION_INVALID')
    expect(await outcome(log.topic.prune({ before: -1, partition: 0 }))).toBe('OPTION_INVALID')
    expect(await outcome(log.topic.prune({ partition: 2 }))).toBe('PARTITION_UNKNOWN')
    await log.store.close()
    const reader = await openLog({ wire: log.wire, readOnly: true })
    expect(await outcome(reader.topic.prune())).toBe('STORE_READ_ONLY')
    expect((await reader.topic.prune({ dryRun: true })).partitions).toHaveLength(2)
    await reader.store.close()
  })

  test('changes nothing when its record cannot be written, and can be repeated', async () => {
    const log = await openSmall()
    await fill(log, 20)
    await termsWritten(log)
    const files = await filesOf(log.wire.storage)
    const full = new VarveError('STORAGE_FULL', 'No space')
    log.wire.before = ({ op, path }) => {
      if (op === 'append' && path.startsWith('MANIFEST')) throw full
      return undefined
    }
    expect(await outcome(log.topic.prune({ before: 12 }))).toBe('STORAGE_FULL')
    log.wire.before = undefined
    expect(log.topic.stats().events).toBe(20)
    expect((await filesOf(log.wire.storage)).filter((name) => !name.startsWith('versions-'))).toEqual(files)
    expect((await log.topic.prune({ before: 12 })).partitions[0]?.events).toBeGreaterThan(0)
    expect((await log.store.verify()).problems).toEqual([])
    await log.store.close()
  })

  test('keeps a file that cannot be removed on its list, and removes it at the next open', async () => {
    let log = await openSmall()
    await fill(log, 20)
    const [first = ''] = (await filesOf(log.wire.storage)).filter((name) => name.endsWith('.log'))
    log.wire.before = ({ op, path }) => {
      if (op === 'remove' && path.endsWith(first)) throw new VarveError('STORAGE_DENIED', 'In use')
      return undefined
    }
    const { partitions } = await log.topic.prune({ before: 12 })
    expect(partitions[0]?.segments).toBeGreaterThan(1)
    expect((await readManifest(log.wire.storage))?.state.removing).toEqual([
      { directory: 'topics/orders/0', files: [first] },
    ])
    const { ok, unknownFiles, notChecked } = await log.store.verify()
    expect([ok, unknownFiles]).toEqual([true, []])
    expect(notChecked).toContain('topics/orders/0: 1 files that wait to be removed.')
    await log.store.close()
    expect(log.diagnostics.map(({ code }) => code)).toContain('FILE_LEFT')
    log.wire.before = undefined
    log = await reopen(log)
    await log.store.close()
    expect(await filesOf(log.wire.storage)).not.toContain(first)
    expect((await readManifest(log.wire.storage))?.state.removing).toBeUndefined()
  })

  test('removes nothing once another process has taken the store over', async () => {
    const files = memoryStorage()
    const log = await openSmall({ wire: new Wire(files, { owner: processOf(1) }) })
    await fill(log, 20)
    const successor = new Wire(files, { owner: processOf(2) })
    let other: Store | undefined
    const removed: string[] = []
    log.wire.before = ({ op, path }) => {
      if (op !== 'remove' || !path.startsWith('topics/')) return undefined
      removed.push(path)
      // The look at the fence comes before the call: the second removal must not follow.
      if (other !== undefined) return undefined
      return openStore({ storage: successor.storage, clock: log.clock, takeOver: true }).then((store) => {
        other = store
      })
    }
    const { partitions } = await log.topic.prune({ before: 12, dryRun: true })
    expect(partitions[0]?.segments).toBeGreaterThan(1)
    expect(await outcome(log.topic.prune({ before: 12 }))).toBe('STORE_FENCED')
    expect(removed).toHaveLength(1)
    const topic = await other?.topics.open('orders')
    expect((topic === undefined ? [] : await collect(topic.read())).map(({ offset }) => offset)[0]).toBe(
      partitions[0]?.logStartOffset,
    )
    await other?.close()
    expect((await readManifest(log.wire.storage))?.state.removing).toBeUndefined()
    await log.store.close()
  })
})

describe('retention', () => {
  const settings = async (log: Log, retention: object) => {
    await log.store.topics.change('orders', { retention })
    await pruned(log)
  }

  test('maxEvents keeps that many events and less than a segment more, after each roll', async () => {
    const log = await openSmall()
    await settings(log, { maxEvents: 6 })
    for (let turn = 0; turn < 10; turn++) {
      await fill(log, 3)
      await pruned(log)
      const { events, partitions } = log.topic.stats()
      if (turn < 2) continue
      expect(events).toBeGreaterThanOrEqual(6)
      expect(events).toBeLessThan(6 + 4 + 4)
      expect((await collect(log.topic.read())).length).toBe(events)
      expect(partitions[0]?.logStartOffset).toBe(3 * (turn + 1) - events)
    }
    await log.store.close()
    expect((await filesOf(log.wire.storage)).filter((name) => name.endsWith('.log')).length).toBeLessThanOrEqual(5)
  })

  test('maxBytes keeps that many bytes of segments and less than a segment more', async () => {
    const log = await openSmall()
    await fill(log, 30)
    await settings(log, { maxBytes: 5_000 })
    const { sizeBytes } = log.topic.stats()
    expect(sizeBytes).toBeGreaterThanOrEqual(5_000)
    expect(sizeBytes).toBeLessThan(7_000)
    await log.store.close()
  })

  test('maxAgeMs gives up what is too old, the active segment too when all of it is', async () => {
    const log = await openSmall()
    await fill(log, 20, 1_000)
    await settings(log, { maxAgeMs: 8_500 })
    const kept = log.topic.stats().events
    expect(kept).toBeGreaterThanOrEqual(8)
    expect(kept).toBeLessThan(13)
    await log.clock.advance(60_000)
    const { partitions } = await log.topic.prune()
    expect(partitions[0]).toMatchObject({ events: kept, logStartOffset: 20 })
    expect(log.topic.stats()).toMatchObject({ events: 0, partitions: [{ logStartOffset: 20, segments: 1 }] })
    expect((await log.topic.append(event('entity-0'))).firstOffset).toBe(20)
    expect((await log.store.verify()).problems).toEqual([])
    await log.store.close()
    const again = await reopen(log)
    expect((await collect(again.topic.read())).map(({ offset }) => offset)).toEqual([20])
    await again.store.close()
  })

  test('is applied when a topic is opened', async () => {
    let log = await openSmall()
    await fill(log, 20, 1_000)
    await settings(log, { maxAgeMs: 3_600_000 })
    await log.store.close()
    await log.clock.advance(7_200_000)
    log = await reopen(log)
    await pruned(log)
    expect(log.topic.stats().events).toBe(0)
    await log.store.close()
  })

  test('that is taken away keeps everything from then on', async () => {
    const log = await openSmall()
    await settings(log, { maxEvents: 3 })
    await settings(log, {})
    await fill(log, 20)
    expect(log.topic.stats()).toMatchObject({ events: 20, settings: { retention: {} } })
    await log.store.close()
  })
})

test('openStore() recovers a pruned partition of which nothing is left but an empty segment', async () => {
  const log = await openSmall()
  await fill(log, 20, 1_000)
  await log.store.topics.change('orders', { retention: { maxAgeMs: 1 } })
  await pruned(log)
  expect(log.topic.stats().events).toBe(0)
  const crashed = await openStore({ storage: new Wire(log.wire.storage).storage, clock: log.clock, takeOver: true })
  const topic = await crashed.topics.open('orders')
  expect(topic.stats()).toMatchObject({ events: 0, partitions: [{ logStartOffset: 20 }] })
  expect((await topic.append(event('entity-0'))).firstOffset).toBe(20)
  expect((await crashed.verify()).ok).toBe(true)
  await crashed.close()
  await log.store.close()
})

/** Wait until every sealed segment has its term run. */
async function termsWritten({ wire, topic }: Log): Promise<void> {
  const sealed = (topic.stats().partitions[0]?.segments ?? 1) - 1
  for (;;) {
    const names = await filesOf(wire.storage)
    if (names.filter((name) => name.endsWith('.terms')).length >= sealed) return
    await nextTurn()
  }
}

async function sizeOf({ wire }: Log, name: string): Promise<number> {
  const handle = await wire.storage.openRead(`topics/orders/0/${name}`)
  try {
    return await handle.size()
  } finally {
    await handle.close()
  }
}

/** Checking stores that were pruned, and hashes that were kept elsewhere.
 * @module */
import { describe, expect, test } from 'vitest'
import { verifyStorage } from '../../../src/index.ts'
import type { VerifyHead } from '../../../src/store/types.ts'
import { event, type Log } from '../topic/support.ts'
import { filesOf, fill, openSmall, reopen } from './small-log.ts'

const problemsOf = async (log: Log, head: Omit<VerifyHead, 'topic'> & { topic?: string }) =>
  (await log.store.verify({ head: { topic: 'orders', ...head } })).problems.map(({ code, damage }) => [code, damage])

describe('Store.verify() with a head', () => {
  test('passes for every receipt, also of a call that shared its batch with others', async () => {
    const log = await openSmall()
    await fill(log, 5)
    const receipts = await Promise.all([1, 2, 3].map(() => log.topic.append([event('a'), event('b')])))
    await fill(log, 5)
    expect(new Set(receipts.map(({ hash }) => hash)).size).toBeLessThan(3)
    for (const { endOffset, hash } of receipts) {
      expect(await problemsOf(log, { offset: endOffset, hash })).toEqual([])
      expect(await problemsOf(log, { offset: endOffset, hash: hash.toUpperCase() })).toEqual([])
    }
    expect(await problemsOf(log, { offset: 0, hash: '0'.repeat(64) })).toEqual([])
    await log.store.close()
    const { endOffset = 0, hash = '' } = receipts[1] ?? {}
    const report = await verifyStorage({
      storage: log.wire.storage,
      head: { topic: 'orders', offset: endOffset, hash },
    })
    expect([report.ok, report.problems]).toEqual([true, []])
  })

  test('names a log that says otherwise, and one that does not reach so far', async () => {
    const log = await openSmall()
    await fill(log, 10)
    const { hash } = await log.topic.append(event('a'))
    expect(await problemsOf(log, { offset: 11, hash: 'ab'.repeat(32) })).toEqual([['HEAD_DIFFERS', true]])
    expect(await problemsOf(log, { offset: 5, hash })).toEqual([['HEAD_DIFFERS', true]])
    expect(await problemsOf(log, { offset: 12, hash })).toEqual([['HEAD_UNKNOWN', true]])
    expect(await problemsOf(log, { offset: 11, hash, partition: 1 })).toEqual([['HEAD_UNKNOWN', true]])
    expect(await problemsOf(log, { offset: 11, hash, topic: 'nothing' })).toEqual([['HEAD_UNKNOWN', true]])
    await log.store.close()
  })

  test('goes by the anchor at the log start, and cannot tell below it', async () => {
    const log = await openSmall()
    const hashes = new Map<number, string>()
    for (let turn = 0; turn < 20; turn++) {
      const { endOffset, hash } = await log.topic.append(event('a', 'x'.repeat(500)))
      hashes.set(endOffset, hash)
    }
    const start = (await log.topic.prune({ before: 12 })).partitions[0]?.logStartOffset ?? 0
    const at = (offset: number) => ({ offset, hash: hashes.get(offset) ?? '' })
    expect(await problemsOf(log, at(start))).toEqual([])
    expect(await problemsOf(log, { ...at(start), hash: '0'.repeat(64) })).toEqual([['HEAD_DIFFERS', true]])
    expect(await problemsOf(log, at(start + 1))).toEqual([])
    expect(await problemsOf(log, at(start - 1))).toEqual([['HEAD_UNKNOWN', false]])
    await log.store.close()
  })
})

describe('Store.verify() of a pruned store', () => {
  test('finds nothing wrong and no stranger, while pruning and deletion go on', async () => {
    const log = await openSmall()
    await fill(log, 30)
    const other = await log.store.topics.open('other', { create: true })
    await other.append([event('a'), event('b')])
    const reports = []
    for (let turn = 1; turn < 8; turn++) {
      reports.push(log.store.verify())
      await log.topic.prune({ before: turn * 4 })
      if (turn === 4) await log.store.topics.delete('other')
    }
    reports.push(log.store.verify())
    for (const { ok, problems } of await Promise.all(reports)) {
      expect(problems.filter(({ damage }) => damage)).toEqual([])
      expect(ok).toBe(true)
    }
    await log.store.close()
    expect((await verifyStorage({ storage: log.wire.storage })).unknownFiles).toEqual([])
  })

  test('explains what an interrupted pruning left', async () => {
    let log = await openSmall()
    await fill(log, 20)
    await log.store.close()
    const handle = await log.wire.storage.createExclusive('topics/orders/0/versions-00000000000000000009')
    await handle.close()
    log = await reopen(log)
    expect((await log.store.verify()).unknownFiles).toEqual([
      'topics/orders/0/versions-00000000000000000009: left by an interrupted pruning',
    ])
    await log.topic.prune({ before: 9 })
    expect((await filesOf(log.wire.storage)).filter((name) => name.startsWith('versions-'))).toHaveLength(1)
    expect((await log.store.verify()).unknownFiles).toEqual([])
    await log.store.close()
  })

  test('reports a directory of a deleted topic only when it holds a stranger', async () => {
    const log = await openSmall()
    await fill(log, 10)
    await log.store.topics.delete('orders')
    expect((await log.store.verify()).unknownFiles).toEqual([])
    const handle = await log.wire.storage.createExclusive('topics/orders/0/notes.txt')
    await handle.close()
    expect((await log.store.verify()).unknownFiles).toEqual(['topics/orders'])
    await log.store.close()
  })
})

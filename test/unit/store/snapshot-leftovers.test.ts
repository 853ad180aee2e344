/** What crashes, full disks and damage leave of snapshots and forks, and who takes it away.
 * @module */
import { expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { VarveError } from '../../../src/errors.ts'
import { openStore } from '../../../src/index.ts'
import { nextTurn } from '../../../src/ports/clock.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import { collect, Gate, outcome, Wire } from '../topic/support.ts'
import { filesOf, fill, openSmall, reopen } from './small-log.ts'

const NOW = { minIntervalMs: 0 }

/** Give the files of a topic second names in the directory of one that does not exist, as a crash in a fork does. */
async function leaveFork(storage: Storage): Promise<void> {
  for (const name of await filesOf(storage)) await storage.link(`topics/orders/0/${name}`, `topics/ghost/0/${name}`)
}

test('the next owner takes second names away that a fork left, and nothing that has one name', async () => {
  const files = memoryStorage()
  const log = await openSmall({ wire: new Wire(files) })
  await fill(log, 20)
  await leaveFork(files)
  const handle = await files.createExclusive('topics/lost/0/00000000000000000000.log')
  await handle.close()
  // The owner ends without a close.
  const again = await openSmallAgain(files)
  await again.topics.open('other', { create: true })
  expect((await files.list('topics')).map(({ name }) => name)).toEqual(['lost', 'orders', 'other'])
  expect(await filesOf(files, 'topics/lost/0')).toHaveLength(1)
  expect(await collect((await again.topics.open('orders')).read())).toHaveLength(20)
  await again.close()
  // After a clean close nothing is looked for.
  await leaveFork(files)
  const third = await openSmallAgain(files)
  await third.topics.open('another', { create: true })
  expect((await files.list('topics')).map(({ name }) => name)).toContain('ghost')
  await third.close()
})

test('an owner that lost the store takes no second names away from a fork of the next one', async () => {
  const files = memoryStorage()
  const log = await openSmall({ wire: new Wire(files) })
  await fill(log, 20)
  await leaveFork(files)
  const gate = new Gate()
  const late = new Wire(files)
  late.before = ({ op, path }) => (op === 'list' && path === 'topics/ghost/0' ? gate.passed : undefined)
  const stale = await openStore({ storage: late.storage, takeOver: true })
  while (late.count(({ op, path }) => op === 'list' && path === 'topics/ghost/0') === 0) await nextTurn()
  const next = await openSmallAgain(files)
  await next.topics.open('other', { create: true })
  await leaveFork(files)
  const before = await filesOf(files, 'topics/ghost/0')
  gate.open()
  await stale.close()
  expect(await filesOf(files, 'topics/ghost/0')).toEqual(before)
  await next.close()
})

function openSmallAgain(files: Storage) {
  return openStore({ storage: new Wire(files).storage, takeOver: true })
}

test('a snapshot that could not be taken leaves the files of histories to their histories', async () => {
  const log = await openSmall()
  const { storage } = log.wire
  const history = await log.store.histories.open('board', { create: true })
  await history.append({ n: 1 })
  const before = await filesOf(storage, 'histories/board')
  log.wire.before = ({ op }) => {
    if (op === 'link') throw new VarveError('STORAGE_FULL', 'No space is left')
    return undefined
  }
  expect(await outcome(log.store.snapshots.create(NOW))).toBe('STORAGE_FULL')
  log.wire.before = undefined
  // Its files are looked at beside everything else.
  await log.store.documents.write('wait', 1)
  await history.append({ n: 2 })
  expect(await filesOf(storage, 'histories/board')).toEqual(before)
  await log.store.close()
})

test('a topic that is damaged does not keep a snapshot of everything from being taken', async () => {
  const log = await openSmall()
  await fill(log, 3)
  const broken = await log.store.topics.open('broken', { create: true })
  await broken.append({ kind: 'Noted', entity: 'e', data: 'x'.repeat(100) })
  await log.store.close()
  const [file = ''] = (await filesOf(log.wire.storage, 'topics/broken/0')).filter((name) => name.endsWith('.log'))
  await log.wire.storage.remove('topics/broken/0/index.ckpt')
  const handle = await log.wire.storage.openAppend(`topics/broken/0/${file}`)
  await handle.writeAt(140, new Uint8Array(8))
  await handle.close()
  const again = await reopen(log)
  expect(await outcome(again.store.topics.open('broken'))).toBe('SEGMENT_DAMAGED')
  const { id } = await again.store.snapshots.create()
  expect(await again.store.snapshots.verify(id)).toMatchObject({ ok: false, problems: [{ code: 'SEGMENT_DAMAGED' }] })
  expect(await outcome(again.store.snapshots.create({ topic: 'broken' }))).toBe('SEGMENT_DAMAGED')
  await again.store.close()
})

test('cleanup() takes away what a deletion that failed has left', async () => {
  const log = await openSmall()
  await fill(log, 10)
  const { storage } = log.wire
  const { id } = await log.store.snapshots.create(NOW)
  log.wire.before = ({ op, path }) => {
    if (op === 'remove' && path.endsWith('.log')) throw new VarveError('STORAGE_UNAVAILABLE', 'Not now')
    return undefined
  }
  expect(await outcome(log.store.snapshots.delete(id))).toBe('STORAGE_UNAVAILABLE')
  log.wire.before = undefined
  expect(await storage.exists(`.snapshots/${id}`)).toBe(true)
  expect(await log.store.snapshots.list()).toEqual([])
  await log.store.snapshots.cleanup()
  expect(await storage.exists(`.snapshots/${id}`)).toBe(false)
  await log.store.close()
})

/** Goal: an owner that slept while another one took its store over harms nothing that the other one wrote, and nothing
 * it does then is acknowledged. Files that are being written stay while others are tidied up.
 * Method: a call of the storage waits until the other owner has appended.
 * @module */
import { describe, expect, test } from 'vitest'
import type { Storage, WriteHandle } from '../../src/ports/storage.ts'
import type { Store } from '../../src/store/types.ts'
import { Ledger } from '../faults/explorer.ts'
import { FaultFiles } from '../faults/fault-files.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import { type Stalled, stalledStorage } from '../faults/stalled-storage.ts'
import { mustSettle } from '../support/settle.ts'
import { HistoryAuthor } from './histories-author.ts'
import type { Step, StepLedger } from './histories-model.ts'
import { mustHaveGroups, mustShowHistories } from './histories-oracle.ts'
import { openForTest, passTime, restartIdentifiers } from './oracle.ts'

interface Place {
  readonly files: FaultFiles
  readonly ledger: StepLedger
}

async function withPlace(run: (place: Place) => Promise<void>): Promise<void> {
  restartIdentifiers()
  const files = new FaultFiles()
  await mustSettle(run({ files, ledger: new Ledger<Step>(() => files.position) }), passTime)
}

/** A closed store with a few versions. */
async function begun({ files, ledger }: Place): Promise<void> {
  const store = await openForTest(faultStorage(files))
  const author = new HistoryAuthor(store, ledger, { first: 1 })
  await author.create('board')
  await author.append('board')
  await author.append('board')
  await store.close()
}

/** Do something with a store until a call waits; let another owner append; let the call go on. */
async function overtaken(
  place: Place,
  { storage, arm, reached, release }: Stalled,
  act: (author: HistoryAuthor, store: Store) => Promise<unknown>,
): Promise<string> {
  const { files, ledger } = place
  const stale = await openForTest(storage)
  arm()
  const late = act(new HistoryAuthor(stale, ledger, { first: 100 }), stale)
  const outcome = late.then(
    () => 'done',
    (error: { code?: string }) => String(error.code ?? error),
  )
  await reached
  const next = await openForTest(faultStorage(files), { takeOver: true })
  const author = new HistoryAuthor(next, ledger, { first: 500 })
  await author.append('board')
  await author.append('board')
  release()
  const found = await outcome
  await stale.close().catch(() => undefined)
  await author.append('board')
  await mustShowHistories(next, ledger.at(Number.POSITIVE_INFINITY))
  expect(await next.verify()).toMatchObject({ ok: true, problems: [] })
  await next.close()
  await mustHaveGroups(faultStorage(files))
  const again = await openForTest(faultStorage(files))
  await mustShowHistories(again, ledger.at(Number.POSITIVE_INFINITY))
  await again.close()
  return found
}

/** The next write to the file of a group waits. */
function stalledWrites(storage: Storage): Stalled {
  const before = { write: async (path: string) => void path }
  const { arm, reached, release, ...gate } = stalledStorage(before as unknown as Storage, (_, path) => isGroup(path))
  const { write } = gate.storage as unknown as typeof before
  const slow = (handle: WriteHandle): WriteHandle => ({
    path: handle.path,
    get sizeBytes() {
      return handle.sizeBytes
    },
    append: async (bytes) => {
      await write(handle.path)
      await handle.append(bytes)
    },
    writeAt: (position, bytes) => handle.writeAt(position, bytes),
    sync: () => handle.sync(),
    truncate: (sizeBytes) => handle.truncate(sizeBytes),
    close: () => handle.close(),
  })
  const opening = ['openAppend', 'createExclusive']
  const view = new Proxy(storage, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target)
      if (typeof member !== 'function') return member
      if (!opening.includes(String(name))) return member.bind(target)
      return async (path: string) => slow(await member.call(target, path))
    },
  })
  return { storage: view, arm, reached, release }
}

const isGroup = (path: string) => path.endsWith('.vgrp')

describe('an owner that slept while another one appended', () => {
  test('before it wrote a version writes it where nobody reads it', () =>
    withPlace(async (place) => {
      await begun(place)
      const stalled = stalledWrites(faultStorage(place.files))
      expect(await overtaken(place, stalled, (author) => author.append('board'))).toBe('STORE_FENCED')
    }))

  test('before it wrote a group writes it where nobody reads it', () =>
    withPlace(async (place) => {
      const first = await openForTest(faultStorage(place.files))
      await new HistoryAuthor(first, place.ledger, { first: 1 }).create('board')
      await first.close()
      const stalled = stalledWrites(faultStorage(place.files))
      expect(await overtaken(place, stalled, (author) => author.append('board'))).toBe('STORE_FENCED')
    }))

  test('in the middle of a clean-up changes nothing', () =>
    withPlace(async (place) => {
      await begun(place)
      const stalled = stalledWrites(faultStorage(place.files))
      const act = (author: HistoryAuthor) => author.cleanup('board', 1_000_000)
      expect(await overtaken(place, stalled, act)).toBe('STORE_FENCED')
    }))

  test('before it tidies up leaves the files of the other one alone', () =>
    withPlace(async (place) => {
      await begun(place)
      const isPlace = (method: string, path: string) => method === 'list' && path === 'histories/board'
      const stalled = stalledStorage(faultStorage(place.files), isPlace)
      const act = (author: HistoryAuthor) => author.cleanup('board', 1_000_000)
      expect(await overtaken(place, stalled, act)).toBe('done')
    }))
})

test('a group that is being written stays while files that a reader gave back are removed', () =>
  withPlace(async (place) => {
    await begun(place)
    const isPlace = (method: string, path: string) => method === 'syncDirectory' && path === 'histories/board'
    const { storage, arm, reached, release } = stalledStorage(faultStorage(place.files), isPlace)
    const store = await openForTest(storage)
    const author = new HistoryAuthor(store, place.ledger, { first: 10 })
    const history = await store.histories.open('board')
    const reader = history.query()[Symbol.asyncIterator]()
    await reader.next()
    // The file that is read is replaced by one to which nobody appends.
    await author.cleanup('board', 100_000)
    arm()
    const late = author.append('board', 'edit', history)
    await reached
    await reader.return?.()
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
    release()
    await late
    await mustShowHistories(store, place.ledger.at(Number.POSITIVE_INFINITY))
    await store.close()
    await mustHaveGroups(faultStorage(place.files))
  }))

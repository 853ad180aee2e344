/** Documents of owners that are replaced, and of commits whose outcome nobody knows.
 * @module */
import { describe, expect, test } from 'vitest'
import { settle } from '../../support/manual-clock.ts'
import { type Call, outcome } from '../topic/support.ts'
import { failing, filesOf, mustBeTidy, openAgain, openShelf, type Shelf, SlowJson } from './documents-support.ts'

const isManifest = ({ path }: Call) => path.startsWith('MANIFEST')

describe('an owner whose store was taken over', () => {
  test('acknowledges nothing, and removes nothing that the new owner needs', async () => {
    const old = await openShelf()
    await old.store.documents.write('a', 'old')
    const source = new SlowJson()
    source.give('"stale"')
    const stale = outcome(old.store.documents.writeJson('a', source))
    await settle(50)
    const open = await old.store.documents.open('a')
    const next = await openAgain(old)
    await next.store.documents.write('a', 'new')
    source.end()
    expect(await stale).toBe('STORE_FENCED')
    await open.close()
    expect(await outcome(old.store.documents.write('a', 'later'))).toBe('STORE_FENCED')
    expect(await outcome(old.store.documents.delete('a'))).toBe('STORE_FENCED')
    expect((await old.store.stats()).state).toBe('fenced')
    await old.store.close()
    await settle(50)
    expect(await next.store.documents.read('a')).toBe('new')
    await next.store.close()
    const again = await openShelf({ wire: next.wire, clock: next.clock })
    await mustBeTidy(again, { a: 'new' })
    await again.store.close()
  })

  test('removes nothing of the new owner when a write of its own fails before it knows', async () => {
    const old = await openShelf()
    await old.store.documents.write('a', 'old')
    const next = await openAgain(old)
    await next.store.documents.write('a', 'new')
    expect(await outcome(old.store.documents.writeJson('a', new TextEncoder().encode('[')))).toBe('JSON_INVALID')
    await settle(50)
    await mustBeTidy(next, { a: 'new' })
    await old.store.close()
    await next.store.close()
  })

  test('takes its own files away when it begins to write after the new owner has tidied up', async () => {
    const old = await openShelf()
    await old.store.documents.write('a', 'old')
    const next = await openAgain(old)
    await settle(100)
    expect(await outcome(old.store.documents.write('a', 'stale'))).toBe('STORE_FENCED')
    await mustBeTidy(next, { a: 'old' })
    await old.store.close()
    await next.store.close()
  })

  test('does not acknowledge a version that was fenced while its record was written', async () => {
    const old = await openShelf()
    await old.store.documents.write('a', 'old')
    let next: Promise<Shelf> | undefined
    old.wire.before = (call) => {
      if (!(call.op === 'sync' && isManifest(call)) || next !== undefined) return undefined
      next = openAgain(old)
      return next
    }
    expect(await outcome(old.store.documents.write('a', 'half'))).toBe('STORE_FENCED')
    const shelf = await (next ?? Promise.reject(new Error('nobody took over')))
    expect(['old', 'half']).toContain(await shelf.store.documents.read('a'))
    expect((await shelf.store.documents.verify('a')).ok).toBe(true)
    await old.store.close()
    await shelf.store.close()
  })
})

describe('a record of unknown outcome', () => {
  test('ends the store, keeps both files, and one of the versions is there after a restart', async () => {
    const shelf = await openShelf()
    await shelf.store.documents.write('a', 'old')
    shelf.wire.before = failing((call) => call.op === 'sync' && isManifest(call), 'STORAGE_UNAVAILABLE')
    expect(await outcome(shelf.store.documents.write('a', 'new'))).toBe('STORE_POISONED')
    shelf.wire.before = undefined
    expect(await filesOf(shelf.wire.storage, 'a')).toHaveLength(2)
    expect(await outcome(shelf.store.documents.write('b', 1))).toBe('STORE_POISONED')
    expect(await outcome(shelf.store.documents.delete('a'))).toBe('STORE_POISONED')
    expect((await shelf.store.stats()).state).toBe('poisoned')
    expect(await shelf.store.documents.read('a')).toBe('old')
    await shelf.store.close()
    const again = await openShelf(shelf)
    const value = await again.store.documents.read('a')
    expect(['old', 'new']).toContain(value)
    await settle(50)
    await mustBeTidy(again, { a: value })
    await again.store.close()
  })

  test('of a deletion keeps the file', async () => {
    const shelf = await openShelf()
    await shelf.store.documents.write('a', 'old')
    shelf.wire.before = failing((call) => call.op === 'sync' && isManifest(call), 'STORAGE_UNAVAILABLE')
    expect(await outcome(shelf.store.documents.delete('a'))).toBe('STORE_POISONED')
    shelf.wire.before = undefined
    expect(await filesOf(shelf.wire.storage, 'a')).toHaveLength(1)
    await shelf.store.close()
  })

  test('a deletion whose record finds no space changes nothing', async () => {
    const shelf = await openShelf()
    await shelf.store.documents.write('a', 1)
    shelf.wire.before = failing((call) => call.op === 'append' && isManifest(call), 'STORAGE_FULL')
    expect(await outcome(shelf.store.documents.delete('a'))).toBe('STORAGE_FULL')
    await mustBeTidy(shelf, { a: 1 })
    await shelf.store.documents.delete('a')
    await mustBeTidy(shelf, {})
    await shelf.store.close()
  })
})

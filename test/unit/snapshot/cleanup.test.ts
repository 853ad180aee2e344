/** Clean-up of snapshots: what goes, and what it frees.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { SnapshotCatalogue } from '../../../src/snapshot/catalogue/catalogue.ts'
import { cleanUp } from '../../../src/snapshot/policy/cleanup.ts'
import { DEFAULT_POLICY } from '../../../src/snapshot/policy/policy.ts'
import { SnapshotTurns } from '../../../src/snapshot/policy/turns.ts'
import type { SnapshotCleanupReport, SnapshotPolicy } from '../../../src/snapshot/types.ts'
import { limitedStorage } from '../../conformance/limited.ts'
import { stalledStorage } from '../../faults/stalled-storage.ts'
import { settle } from '../../support/manual-clock.ts'
import { type Still, sizesIn, stillStore } from './still-host.ts'
import { bytesOn, grow, prune, rewrite, sharesOf, tearManifest, usageIn } from './usage-support.ts'

const NEWEST_ONLY: SnapshotPolicy = { ...DEFAULT_POLICY, maxSnapshots: 1 }

function clean(
  { catalogue, clock }: Still,
  options: { policy?: SnapshotPolicy; dryRun?: boolean; turns?: SnapshotTurns } = {},
): Promise<SnapshotCleanupReport> {
  const { policy = NEWEST_ONLY, dryRun = false, turns = new SnapshotTurns(clock) } = options
  return cleanUp({ catalogue, turns, clock }, { policy, dryRun })
}

describe('cleanUp()', () => {
  test('removes what the policy does not keep, the oldest first, and says what stays', async () => {
    const still = await stillStore()
    const ids: string[] = []
    for (let count = 0; count < 4; count++) ids.push((await still.take()).id)
    const topic = await still.take({ topic: 'orders' })
    const pinned = await still.take({ pinned: true })
    const report = await clean(still, { policy: { ...DEFAULT_POLICY, maxSnapshots: 2 } })
    expect(report).toMatchObject({
      dryRun: false,
      policy: { ...DEFAULT_POLICY, maxSnapshots: 2 },
      removed: [
        { id: ids[0], reason: 'count' },
        { id: ids[1], reason: 'count' },
      ],
      kept: [pinned.id, topic.id, ids[3], ids[2]],
    })
    expect((await still.catalogue.list()).map(({ id }) => id)).toEqual(report.kept)
    expect(await clean(still, { policy: { ...DEFAULT_POLICY, maxSnapshots: 2 } })).toMatchObject({
      removed: [],
      freedBytes: 0,
    })
  })

  test('goes by age with the clock of the store, and keeps the newest of a target', async () => {
    const still = await stillStore()
    const old = await still.take()
    await still.clock.advance(DEFAULT_POLICY.retentionTimeMs)
    const young = await still.take()
    await still.clock.advance(9 * DEFAULT_POLICY.retentionTimeMs)
    const report = await clean(still, { policy: DEFAULT_POLICY })
    expect(report).toMatchObject({ removed: [{ id: old.id, reason: 'age' }], kept: [young.id] })
  })

  test('says in a dry run what the real one does, and does nothing', async () => {
    const still = await stillStore()
    await still.take()
    await rewrite(still, 3_000)
    await still.take()
    const before = await sizesIn(still.storage, '')
    const dry = await clean(still, { dryRun: true })
    expect(dry.dryRun).toBe(true)
    expect(await sizesIn(still.storage, '')).toEqual(before)
    const bytes = await bytesOn(still.storage)
    const real = await clean(still)
    expect(real).toEqual({ ...dry, dryRun: false })
    expect(bytes - (await bytesOn(still.storage))).toBe(real.freedBytes)
  })

  test('counts files that several snapshots share when all of them go', async () => {
    const still = await stillStore()
    await rewrite(still, 50_000)
    await still.take()
    await still.take()
    await rewrite(still, 10)
    await still.take()
    expect((await clean(still, { dryRun: true })).freedBytes).toBeGreaterThan(50_000)
    const two = { ...DEFAULT_POLICY, maxSnapshots: 2 }
    expect((await clean(still, { dryRun: true, policy: two })).freedBytes).toBeLessThan(50_000)
  })

  test('counts nothing that somebody has elsewhere', async () => {
    const still = await stillStore()
    await rewrite(still, 50_000)
    const { id } = await still.take()
    const files = [...(await sizesIn(still.storage, `.snapshots/${id}/documents`)).keys()]
    await still.storage.link(files[0] ?? '', 'elsewhere/document')
    await rewrite(still, 10)
    await still.take()
    const dry = await clean(still, { dryRun: true })
    expect(dry.freedBytes).toBeLessThan(50_000)
    expect((await clean(still)).freedBytes).toBe(dry.freedBytes)
  })

  test('counts every file where the storage cannot link', async () => {
    const memory = memoryStorage()
    const still = await stillStore(limitedStorage(memory, { ...memory.capabilities, hardLinks: false }))
    const { totalSizeBytes } = await still.take()
    await still.take()
    const before = await bytesOn(still.storage)
    const dry = await clean(still, { dryRun: true })
    expect(dry.freedBytes).toBeGreaterThan(totalSizeBytes)
    expect((await clean(still)).freedBytes).toBe(dry.freedBytes)
    expect(before - (await bytesOn(still.storage))).toBe(dry.freedBytes)
  })

  test('leaves a snapshot that is being read, and takes it the next time', async () => {
    const still = await stillStore()
    const [first, second] = [await still.take(), await still.take()]
    await still.take()
    const turns = new SnapshotTurns(still.clock)
    let end = () => {}
    const reading = turns.read(first.id, () => new Promise<void>((resolve) => (end = resolve)))
    for (const dryRun of [true, false]) {
      const report = await turns.exclusively({}, () => clean(still, { turns, dryRun }))
      expect(report.removed.map(({ id }) => id)).toEqual([second.id])
      expect(report.kept).toContain(first.id)
    }
    end()
    await reading
    const report = await turns.exclusively({}, () => clean(still, { turns }))
    expect(report.removed.map(({ id }) => id)).toEqual([first.id])
  })

  test('makes whoever comes to read what it removes wait, and then find out', async () => {
    const still = await stillStore()
    const first = await still.take()
    await still.take()
    const turns = new SnapshotTurns(still.clock)
    const slow = stalledStorage(still.storage, (method, path) => method === 'remove' && path.includes(first.id))
    const parts = { catalogue: new SnapshotCatalogue(slow.storage), turns, clock: still.clock }
    slow.arm()
    const cleaned = turns.exclusively({}, () => cleanUp(parts, { policy: NEWEST_ONLY }))
    await slow.reached
    const read = turns.read(first.id, () => still.catalogue.state(first.id))
    await settle()
    expect(turns.isRead(first.id)).toBe(false)
    slow.release()
    await expect(read).rejects.toMatchObject({ code: 'SNAPSHOT_UNKNOWN' })
    expect((await cleaned).removed).toHaveLength(1)
  })

  test('removes a damaged snapshot like others, and reads the others in a dry run', async () => {
    const still = await stillStore()
    const damaged = await still.take()
    await still.take()
    await still.take()
    await tearManifest(still, damaged.id)
    const dry = await clean(still, { dryRun: true })
    const real = await clean(still)
    expect(real.removed).toEqual(dry.removed)
    expect(real.removed[0]?.id).toBe(damaged.id)
    expect(real.freedBytes).toBe(dry.freedBytes)
    expect(await still.catalogue.list()).toHaveLength(1)
  })

  test('stops at a failure of the storage, and the next one goes on', async () => {
    const still = await stillStore()
    await still.take()
    await still.take()
    await still.take()
    let failures = 1
    const failing = new Proxy(still.storage, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target)
        if (typeof member !== 'function') return member
        return (...given: unknown[]): unknown => {
          if (name === 'remove' && String(given[0]).endsWith('.vdoc') && failures-- > 0) throw new Error('no')
          return member.apply(target, given)
        }
      },
    })
    const catalogue = new SnapshotCatalogue(failing)
    const turns = new SnapshotTurns(still.clock)
    const parts = { catalogue, turns, clock: still.clock }
    await expect(cleanUp(parts, { policy: NEWEST_ONLY })).rejects.toThrow('no')
    expect((await cleanUp(parts, { policy: NEWEST_ONLY })).removed).toHaveLength(1)
    expect(await catalogue.list()).toHaveLength(1)
  })

  /** Goal: a dry run says exactly what the real one frees, and the real one what the device gets back, whatever
   * snapshots share. Method: appends, rewritten documents, pruning and snapshots in any order, any policy. */
  test('frees what it says, for any store and policy', async () => {
    const seed = 20_261_125
    console.info(`seed ${seed}`)
    const step = fc.constantFrom('append', 'rewrite', 'prune', 'take', 'take', 'topic', 'pinned')
    const steps = fc.array(step, { minLength: 4, maxLength: 14 })
    const plan = fc.asyncProperty(steps, fc.integer({ min: 1, max: 3 }), async (plans, maxSnapshots) => {
      const still = await stillStore()
      let size = 100
      for (const what of plans) {
        if (what === 'append') await grow(still, 8)
        else if (what === 'prune') await prune(still)
        else if (what !== 'rewrite')
          await still.take({ pinned: what === 'pinned', ...(what === 'topic' ? { topic: 'orders' } : {}) })
        else {
          size += 1_000
          await rewrite(still, size)
        }
      }
      const policy = { ...DEFAULT_POLICY, maxSnapshots }
      for (const usage of await usageIn(still)) expect(sharesOf(usage)).toBe(usage.totalSizeBytes)
      const dry = await clean(still, { policy, dryRun: true })
      const before = await bytesOn(still.storage)
      const real = await clean(still, { policy })
      expect(real).toEqual({ ...dry, dryRun: false })
      expect(before - (await bytesOn(still.storage))).toBe(real.freedBytes)
      for (const { id, ownBytes } of await usageIn(still)) {
        await still.catalogue.pin(id, false)
        const [now] = (await usageIn(still)).filter((usage) => usage.id === id)
        expect(now?.ownBytes).toBeGreaterThanOrEqual(ownBytes)
        expect((await still.catalogue.remove(id)).freedBytes).toBe(now?.ownBytes)
      }
    })
    await fc.assert(plan, { seed, numRuns: 8 })
  })
})

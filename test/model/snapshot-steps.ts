/** Snapshots of a store, taken, looked at, pinned and removed, in the store and in the model.
 * @module */
import { expect } from 'vitest'
import { storageAt } from '../../src/ports/storage-at.ts'
import { SnapshotCatalogue } from '../../src/snapshot/catalogue/catalogue.ts'
import type { SnapshotInfo, SnapshotTarget } from '../../src/snapshot/types.ts'
import type { NewEvent } from '../../src/topic/types.ts'
import { outcome } from '../unit/topic/support.ts'
import { filesUnder, mustHave, mustList, mustTell, withStore } from './snapshot-checks.ts'
import { LiveRun, type Place, POLICY, pick } from './snapshot-live.ts'
import {
  appended,
  cleanedUp,
  endOf,
  eventsOf,
  type ModelSnapshot,
  type ModelStore,
  type ModelTopic,
  newestFirst,
  snapshotOf,
  tooSoon,
} from './snapshot-model.ts'
import type { StepOf } from './snapshot-plans.ts'

/** Carries out what happens to snapshots where they are. */
export class SnapshotRun extends LiveRun {
  protected targetOf({ of, topic: number, partition }: StepOf<'create'>): SnapshotTarget {
    if (of === 'all') return {}
    const topic = this.pickTopic(number)
    const count = this.model.topics.get(topic)?.partitions.length ?? 1
    return of === 'topic' ? { topic } : { topic, partition: partition % count }
  }

  protected async create(step: StepOf<'create'>): Promise<void> {
    const { label, pinned, minIntervalMs, meanwhile } = step
    const target = this.targetOf(step)
    const now = this.clock.now()
    const options = { ...target, ...(label !== undefined && { label }), pinned, minIntervalMs }
    const nextAllowedAt = tooSoon(this.snapshots.values(), target, { now, minIntervalMs })
    const creating = this.live.snapshots.create(options).catch((error: unknown) => error)
    const states = await this.appendMeanwhile(target.topic ?? this.pickTopic(step.topic), meanwhile)
    const info = (await creating) as SnapshotInfo
    if (nextAllowedAt !== undefined) {
      expect(info).toMatchObject({ code: 'SNAPSHOT_TOO_SOON', details: { nextAllowedAt } })
      return
    }
    if (info instanceof Error) throw info
    expect(this.snapshots.has(info.id)).toBe(false)
    const starts = await this.startsIn(info)
    const candidates = states.map((state) => snapshotOf(state, target, (partition) => starts[partition] ?? -1))
    const store = candidates.find(({ topics }) => eventsOf(topics.values()) === info.events)
    if (store === undefined) throw new Error(`${info.events} events in it are those of no moment`)
    const model = { id: info.id, timestamp: now, target, label, pinned, store }
    this.snapshots.set(info.id, model)
    mustTell(info, model)
  }

  /** Append while something else is under way. @returns the model before and after each call. */
  protected async appendMeanwhile(name: string, count: number): Promise<ModelStore[]> {
    const states = [this.model]
    const topic = await this.live.topics.open(name)
    for (let call = 0; call < count; call++) {
      const events: NewEvent[] = ['x', 'y'].map((data) => ({ kind: 'K2', entity: 'b', data }))
      const { partition } = await topic.append(events)
      const model = this.model.topics.get(name) as ModelTopic
      this.setTopic(name, appended(model, events, { partition, now: this.clock.now(), key: undefined }))
      states.push(this.model)
    }
    return states
  }

  /** Where the partitions of the first topic begin. */
  protected async startsIn({ id, topic }: SnapshotInfo): Promise<number[]> {
    if (topic === undefined) return []
    const storage = await this.live.snapshots.storageOf(id)
    return withStore(storage, { readOnly: true, clock: this.clock }, async (store) => {
      const { partitions } = (await store.topics.open(topic)).stats()
      return partitions.map(({ logStartOffset }) => logStartOffset)
    })
  }

  protected async mustListAll(): Promise<void> {
    const models = newestFirst(this.snapshots.values())
    mustList(await this.live.snapshots.list(), models)
    if (this.reader !== undefined) mustList(await this.reader.snapshots.list(), models)
  }

  /** Compare what is in a snapshot, wherever it is. */
  protected async mustBeWhole({ storage, snapshots }: Place, id: string): Promise<void> {
    const model = snapshots.get(id) as ModelSnapshot
    const at = storageAt(storage, `.snapshots/${id}`)
    await withStore(at, { readOnly: true, clock: this.clock }, async (store) => {
      await mustHave(store, model.store)
      expect(await store.verify()).toMatchObject({ ok: true, problems: [], unknownFiles: [] })
    })
    const catalogue = new SnapshotCatalogue(storage)
    mustTell(await catalogue.info(id), model)
    const { partitions, ...details } = await catalogue.details(id)
    mustTell(details, model)
    const size = partitions.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    expect(details.totalSizeBytes).toBeGreaterThanOrEqual(size)
    const segments = partitions.reduce((sum, { segmentOffsets }) => sum + segmentOffsets.length, 0)
    expect(details.numSegments).toBe(segments)
    for (const row of partitions) {
      const known = model.store.topics.get(row.topic)?.partitions[row.partition]
      expect([row.baseOffset, row.highWatermark]).toEqual([known?.start, known && endOf(known)])
    }
    if (snapshots !== this.snapshots) return
    const events = eventsOf(model.store.topics.values())
    expect(await this.live.snapshots.verify(id)).toMatchObject({ ok: true, events, problems: [] })
  }

  protected async pin({ snapshot, pinned }: StepOf<'pin'>): Promise<void> {
    const model = pick([...this.snapshots.values()], snapshot)
    if (model === undefined) return
    mustTell(await this.live.snapshots.pin(model.id, pinned), { ...model, pinned })
    this.snapshots.set(model.id, { ...model, pinned })
  }

  protected async delete({ snapshot }: StepOf<'delete'>): Promise<void> {
    const model = pick([...this.snapshots.values()], snapshot)
    if (model === undefined) return
    if (model.pinned) {
      expect(await outcome(this.live.snapshots.delete(model.id))).toBe('SNAPSHOT_PINNED')
      return
    }
    const own = (await this.live.snapshots.usage()).find(({ id }) => id === model.id)?.ownBytes
    expect(await this.live.snapshots.delete(model.id)).toEqual({ freedBytes: own })
    this.snapshots.delete(model.id)
    expect(await outcome(this.live.snapshots.get(model.id))).toBe('SNAPSHOT_UNKNOWN')
    expect(await filesUnder(this.files, `.snapshots/${model.id}`)).toEqual([])
  }

  /** Nothing outside of the store has its files, and files of the same key are the same. */
  protected get isPlain(): boolean {
    return !this.hasImported && this.target?.isLinked !== true
  }

  protected async cleanup({ maxSnapshots, retentionTimeMs, dryOnly }: StepOf<'cleanup'>): Promise<void> {
    const policy = {
      ...(maxSnapshots !== undefined && { maxSnapshots }),
      ...(retentionTimeMs !== undefined && { retentionTimeMs }),
    }
    const all = { ...POLICY, ...policy }
    const gone = cleanedUp([...this.snapshots.values()], all, this.clock.now())
    const planned = await this.live.snapshots.cleanup({ policy, dryRun: true })
    const removed = Object.fromEntries(planned.removed.map(({ id, reason }) => [id, reason]))
    expect(removed).toEqual(Object.fromEntries(gone))
    expect(planned.policy).toEqual(all)
    const kept = newestFirst(this.snapshots.values()).flatMap(({ id }) => (gone.has(id) ? [] : [id]))
    expect(planned.kept).toEqual(kept)
    await this.mustListAll()
    if (dryOnly) return
    const bytesBefore = await this.bytesStored()
    const done = await this.live.snapshots.cleanup({ policy })
    expect({ ...done, dryRun: true, freedBytes: 0 }).toEqual({ ...planned, freedBytes: 0 })
    for (const id of gone.keys()) this.snapshots.delete(id)
    expect(bytesBefore - (await this.bytesStored())).toBe(done.freedBytes)
    if (this.isPlain) expect(planned.freedBytes).toBe(done.freedBytes)
    else expect(planned.freedBytes).toBeLessThanOrEqual(done.freedBytes)
  }

  /** Bytes of all files of the store and of its snapshots, each shared one once; without the catalogue. */
  protected async bytesStored(): Promise<number> {
    let bytes = 0
    const all = [this.files, ...(this.target?.isLinked ? [this.target.storage] : [])]
    for (const storage of all)
      for (const file of await filesUnder(storage))
        if (!file.path.endsWith('.json')) bytes += file.bytes / (await storage.linkCount(file.path))
    return Math.round(bytes)
  }

  protected async usage(): Promise<void> {
    const usage = await this.live.snapshots.usage()
    expect(usage.map(({ id }) => id)).toEqual(newestFirst(this.snapshots.values()).map(({ id }) => id))
    for (const one of usage) {
      const files = await filesUnder(this.files, `.snapshots/${one.id}`)
      expect(one.totalSizeBytes).toBe(files.reduce((sum, { bytes }) => sum + bytes, 0))
      let own = 0
      for (const { path, bytes } of files) if ((await this.files.linkCount(path)) === 1) own += bytes
      expect(one.ownBytes).toBe(own)
      const parts = one.sharedWithStoreBytes + one.sharedWithSnapshotsBytes + one.ownBytes
      if (this.isPlain) expect(parts).toBe(one.totalSizeBytes)
      else expect(parts).toBeLessThanOrEqual(one.totalSizeBytes)
    }
  }
}

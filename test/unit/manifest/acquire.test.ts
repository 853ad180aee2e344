/** Becoming the owner: creation, takeover, silence, interrupted steps, what is cleaned up.
 * @module */
import { describe, expect, test } from 'vitest'
import { VarveError } from '../../../src/errors.ts'
import { HeadFile, headName, manifestName, readManifest } from '../../../src/manifest/index.ts'
import { sleep } from '../../../src/ports/clock.ts'
import { bytesOf, closed, Machine, segmentAdded, setBytes, topicCreated } from './support.ts'

const code = (wanted: string) => expect.objectContaining({ code: wanted })

describe('acquire()', () => {
  test('creates epoch 1 in an empty place, and leaves nothing in tmp/', async () => {
    const machine = new Machine()
    const { manifest, previous, created } = await machine.acquire(1)
    expect({ created, previous, epoch: manifest.epoch }).toEqual({ created: true, previous: undefined, epoch: 1 })
    expect(manifest.state.topics).toEqual([])
    expect(manifest.state.storeId).toHaveLength(20)
    expect(await machine.files.list('tmp')).toEqual([])
    expect((await readManifest(machine.files))?.state).toEqual(manifest.state)
  })

  test('finds everything again after a clean close, under the next epoch', async () => {
    const machine = new Machine()
    const first = await machine.acquire(1)
    for (const record of [topicCreated(1), segmentAdded(1), closed(1)]) await first.manifest.append(record)
    await first.manifest.close()
    const second = await machine.acquire(2)
    expect(second.created).toBe(false)
    expect(second.previous).toMatchObject({ epoch: 1, clean: true, owner: { pid: 1 } })
    expect(second.manifest.epoch).toBe(2)
    expect(second.manifest.state).toEqual(first.manifest.state)
    expect(second.manifest.state.topics[0]?.partitions[0]?.proven).toEqual({
      position: 900,
      offset: 9,
      hash: '1'.repeat(64),
    })
    expect((await readManifest(machine.files))?.clean).toBe(false)
  })

  test('reports an unclean previous owner that is gone', async () => {
    const machine = new Machine()
    await (await machine.acquire(1)).manifest.append(topicCreated(1))
    machine.alive.delete(1)
    const { previous, manifest } = await machine.acquire(2)
    expect(previous).toMatchObject({ epoch: 1, clean: false })
    expect(manifest.state.topics).toHaveLength(1)
  })

  test('refuses a live owner at once, naming it', async () => {
    const machine = new Machine()
    await machine.acquire(1)
    const details = { epoch: 1, owner: expect.objectContaining({ pid: 1 }) }
    await expect(machine.acquire(2)).rejects.toMatchObject({ code: 'STORE_LOCKED', details })
    expect(await machine.names()).toEqual([manifestName(1), 'tmp'])
  })

  test('takes over a live owner when told to, and fences it', async () => {
    const machine = new Machine()
    const first = await machine.acquire(1)
    expect(await first.manifest.isFenced()).toBe(false)
    const second = await machine.acquire(2, { takeOver: true })
    expect(await first.manifest.isFenced()).toBe(true)
    await expect(first.manifest.append(topicCreated(1))).rejects.toEqual(code('STORE_FENCED'))
    await expect(first.manifest.append(topicCreated(1))).rejects.toEqual(code('STORE_FENCED'))
    await second.manifest.append(topicCreated(1))
  })

  test('takes over an owner whose heartbeat stood still for 15 s, not before', async () => {
    const machine = new Machine()
    await machine.acquire(1)
    await HeadFile.create(machine.files, 1, 0)
    await expect(machine.acquire(2, { lockTimeoutMs: 14_999 })).rejects.toEqual(code('STORE_LOCKED'))
    const before = machine.clock.timeMs
    expect((await machine.acquire(3, { lockTimeoutMs: 60_000 })).manifest.epoch).toBe(2)
    expect(machine.clock.timeMs - before).toBe(15_000)
  })

  test('waits for a beating owner until the timeout, or until it closes', async () => {
    const machine = new Machine()
    const { manifest } = await machine.acquire(1)
    const head = await HeadFile.create(machine.files, 1, 0)
    machine.clock.onSleep = () => head.beat()
    await expect(machine.acquire(2, { lockTimeoutMs: 40_000 })).rejects.toEqual(code('STORE_LOCKED'))
    let polls = 0
    machine.clock.onSleep = async () => {
      await head.beat()
      if (++polls === 20) await manifest.append(closed())
    }
    expect((await machine.acquire(3, { lockTimeoutMs: 40_000 })).previous?.clean).toBe(true)
  })

  test('does not count the time in which it was stopped itself as silence', async () => {
    const machine = new Machine()
    await machine.acquire(1)
    const head = await HeadFile.create(machine.files, 1, 0)
    let polls = 0
    machine.clock.onSleep = () => {
      polls++
      if (polls === 2) machine.clock.timeMs += 600_000
      if (polls === 4) head.beat()
    }
    await expect(machine.acquire(2, { lockTimeoutMs: 610_000 })).rejects.toEqual(code('STORE_LOCKED'))
  })

  test('does not believe in silence where an owner cannot beat', async () => {
    const machine = new Machine()
    machine.capabilities = { randomWrite: false }
    await machine.acquire(1)
    await expect(machine.acquire(2, { lockTimeoutMs: 60_000 })).rejects.toEqual(code('STORE_LOCKED'))
  })

  test('ends its wait with the reason of the signal', async () => {
    const machine = new Machine()
    await machine.acquire(1)
    const controller = new AbortController()
    machine.clock.onSleep = () => controller.abort(new Error('enough'))
    const waiting = machine.acquire(2, { lockTimeoutMs: 60_000, signal: controller.signal })
    await expect(waiting).rejects.toThrow('enough')
    await expect(sleep(machine.clock, 1, controller.signal)).rejects.toThrow('enough')
  })

  test('opens again in the process that gave the store up without closing it', async () => {
    const machine = new Machine()
    const { manifest } = await machine.acquire(1)
    await manifest.close()
    expect((await machine.acquire(1)).previous).toMatchObject({ epoch: 1, clean: false })
  })

  test('refuses a directory that holds something else, and writes nothing', async () => {
    const machine = new Machine()
    await setBytes(machine.files, 'holiday.jpg', new Uint8Array(3))
    await expect(machine.acquire(1)).rejects.toMatchObject({
      code: 'STORE_FOREIGN',
      details: { found: ['holiday.jpg'] },
    })
    expect(await machine.names()).toEqual(['holiday.jpg'])
  })

  test('refuses to create a store over topics whose manifest is lost', async () => {
    const machine = new Machine()
    await setBytes(machine.files, 'topics/orders/0/00000000000000000000.log', new Uint8Array(3))
    await expect(machine.acquire(1)).rejects.toEqual(code('MANIFEST_DAMAGED'))
    expect(await machine.names()).toEqual(['topics'])
  })

  test('refuses a storage without exclusive create', async () => {
    const machine = new Machine()
    machine.capabilities = { exclusiveCreate: false }
    await expect(machine.acquire(1)).rejects.toEqual(code('CAPABILITY_MISSING'))
  })

  test('keeps the previous manifest, removes older ones and what is in tmp/', async () => {
    const machine = new Machine()
    for (const pid of [1, 2, 3, 4]) {
      const { manifest } = await machine.acquire(pid)
      await HeadFile.create(machine.files, manifest.epoch, 0)
      await setBytes(machine.files, 'tmp/left-over', new Uint8Array(3))
      machine.alive.delete(pid)
    }
    await machine.acquire(5)
    expect(await machine.names()).toEqual([manifestName(4), manifestName(5), headName(4), 'tmp'])
    expect(await machine.files.list('tmp')).toEqual([])
  })

  test.each([
    ['sync', undefined],
    ['async', async () => {}],
  ])('fences an owner that slept through several takeovers, on a storage that answers %s', async (_, gate) => {
    const machine = new Machine()
    const { manifest } = await machine.acquire(1, { storage: machine.storage(1, gate) })
    for (const pid of [2, 3, 4]) await machine.acquire(pid, { takeOver: true })
    expect(await machine.names()).toEqual([manifestName(3), manifestName(4), 'tmp'])
    await expect(manifest.append(topicCreated(1))).rejects.toEqual(code('STORE_FENCED'))
  })

  test('without hard links passes over a manifest whose creation was interrupted, and takes the next number', async () => {
    const machine = new Machine()
    machine.capabilities = { hardLinks: false }
    await (await machine.acquire(1)).manifest.append(topicCreated(1))
    machine.alive.delete(1)
    const whole = await bytesOf(machine.files, manifestName(1))
    for (const size of [0, 1, 30]) {
      await setBytes(machine.files, manifestName(2), whole.slice(0, size))
      expect(await readManifest(machine.files)).toMatchObject({ epoch: 1, notes: [{ file: manifestName(2) }] })
    }
    const { manifest, notes } = await machine.acquire(2)
    expect({ epoch: manifest.epoch, topics: manifest.state.topics.length, notes }).toMatchObject({
      epoch: 3,
      topics: 1,
      notes: [{ file: manifestName(2) }],
    })
  })

  test('goes on below a claim that nobody adopted', async () => {
    const machine = new Machine()
    const { manifest } = await machine.acquire(1)
    await manifest.append(topicCreated(1))
    await manifest.append(closed(1))
    const { manifest: second } = await machine.acquire(2, { takeOver: true })
    const adopted = await bytesOf(machine.files, manifestName(2))
    const claimSize = 24 + new DataView(adopted.buffer).getUint32(8, true)
    await setBytes(machine.files, manifestName(2), adopted.slice(0, claimSize))
    expect(await readManifest(machine.files)).toMatchObject({ epoch: 1, lock: { epoch: 2, owner: { pid: 2 } } })
    await expect(machine.acquire(3)).rejects.toMatchObject({ code: 'STORE_LOCKED', details: { epoch: 2 } })
    machine.alive.delete(2)
    const third = await machine.acquire(3)
    expect(third.manifest.epoch).toBe(3)
    expect(third.manifest.state).toEqual(second.state)
  })
})

test('acquire() reports old files that it could not remove, and a later owner removes them', async () => {
  const machine = new Machine()
  machine.keepsFiles = true
  await machine.acquire(1)
  await machine.acquire(2, { takeOver: true })
  const { notes } = await machine.acquire(3, { takeOver: true })
  expect(notes).toEqual([{ file: expect.stringContaining('tmp/claim-'), reason: expect.stringContaining('removed') }])
  machine.keepsFiles = false
  await machine.acquire(4, { takeOver: true })
  expect(await machine.names()).toEqual([manifestName(3), manifestName(4), 'tmp'])
})

describe('OwnedManifest', () => {
  test('append() carries out concurrent calls in order', async () => {
    const machine = new Machine()
    const { manifest } = await machine.acquire(1)
    await Promise.all([1, 2, 3].map((id) => manifest.append(topicCreated(id))))
    expect((await readManifest(machine.files))?.state).toEqual(manifest.state)
    expect(manifest.state.topics.map((topic) => topic.id)).toEqual([1, 2, 3])
  })

  test('append() refuses a record that makes no sense and stays usable', async () => {
    const { manifest } = await new Machine().acquire(1)
    await expect(manifest.append(segmentAdded(4))).rejects.toThrow('no topic 4')
    await manifest.append(topicCreated(1))
  })

  test('append() changes nothing when the write fails, and works when space returns', async () => {
    const machine = new Machine()
    const { manifest } = await machine.acquire(1, { storage: failing(machine, 'append', 'STORAGE_FULL', 2) })
    await expect(manifest.append(topicCreated(1))).rejects.toEqual(code('STORAGE_FULL'))
    expect(manifest.state.topics).toEqual([])
    await manifest.append(topicCreated(1))
    expect((await readManifest(machine.files))?.state).toEqual(manifest.state)
  })

  test('append() is poisoned for ever by one failed sync', async () => {
    const machine = new Machine()
    const { manifest } = await machine.acquire(1, { storage: failing(machine, 'sync', 'STORAGE_UNAVAILABLE', 2) })
    await expect(manifest.append(topicCreated(1))).rejects.toEqual(code('STORE_POISONED'))
    await expect(manifest.append(topicCreated(1))).rejects.toEqual(code('STORE_POISONED'))
    expect(manifest.state.topics).toEqual([])
  })

  test('close() lets earlier calls finish and refuses later ones', async () => {
    const machine = new Machine()
    const { manifest } = await machine.acquire(1)
    const written = manifest.append(topicCreated(1))
    const closing = manifest.close()
    await expect(manifest.append(topicCreated(2))).rejects.toEqual(code('STORE_CLOSED'))
    await Promise.all([written, closing, manifest.close()])
    expect((await readManifest(machine.files))?.state.topics).toHaveLength(1)
  })
})

/** A storage on which call number `at` (from 0) of one method of any write handle fails, after half of its bytes. */
function failing(
  machine: Machine,
  method: 'append' | 'sync',
  failure: 'STORAGE_FULL' | 'STORAGE_UNAVAILABLE',
  at: number,
) {
  const storage = machine.storage(1)
  let calls = 0
  const wrapHandle = (handle: object): object =>
    new Proxy(handle, {
      get(object, key) {
        const value = Reflect.get(object, key, object)
        if (typeof value !== 'function') return value
        return (...args: [Uint8Array]) => {
          if (key !== method || calls++ !== at) return value.apply(object, args)
          if (method === 'append') value.call(object, args[0].subarray(0, 10))
          throw new VarveError(failure, 'Cannot write')
        }
      },
    })
  return new Proxy(storage, {
    get(object, key) {
      const value = Reflect.get(object, key)
      if (key !== 'createExclusive' && key !== 'openAppend') return value
      return async (path: string) => wrapHandle(await value(path))
    },
  })
}

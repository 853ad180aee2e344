/** The head file: slots, heartbeats, torn writes, wrong places.
 * @module */
import { describe, expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { placeSeed } from '../../../src/manifest/frame.ts'
import { HeadFile, headName, readHead } from '../../../src/manifest/index.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import { bytesOf, Gate, Machine, setBytes } from './support.ts'

const end = (endOffset: number) => ({
  endOffset,
  position: endOffset * 100,
  segmentId: 'ffeeddccbbaa9988',
  hash: new Uint8Array(32).fill(endOffset),
})

describe('HeadFile', () => {
  test('create() beats once and has no ends', async () => {
    const storage = memoryStorage()
    await HeadFile.create(storage, 1, 3)
    expect(await readHead(storage, 1)).toEqual({ heartbeat: 1, slots: new Map() })
    expect(await bytesOf(storage, headName(1))).toHaveLength(4 * 128)
  })

  test('write() publishes the last end of each slot, also beyond 2^32', async () => {
    const storage = memoryStorage()
    const head = await HeadFile.create(storage, 1, 2)
    for (const offset of [1, 2, 3]) head.write(1, end(offset))
    const far = { ...end(9), endOffset: Number.MAX_SAFE_INTEGER, position: 2 ** 40 + 7 }
    head.write(2, far)
    head.beat()
    const read = await readHead(storage, 1)
    expect(read.heartbeat).toBe(2)
    expect(read.slots.get(1)).toEqual({ ...end(3), sequence: 3 })
    expect(read.slots.get(2)).toEqual({ ...far, sequence: 1 })
  })

  test.each(['sync', 'async'])('write() grows the file for new topics, on a storage that answers %s', async (kind) => {
    const machine = new Machine()
    const storage = kind === 'sync' ? machine.files : machine.storage(1, async () => {})
    const head = await HeadFile.create(storage, 1, 0)
    await Promise.all([5, 2, 9].map((slot) => head.write(slot, end(slot))))
    await head.beat()
    await head.write(9, end(10))
    await head.close()
    const { slots, heartbeat } = await readHead(storage, 1)
    expect([...slots].map(([slot, { endOffset }]) => [slot, endOffset])).toEqual([
      [2, 2],
      [5, 5],
      [9, 10],
    ])
    expect({ heartbeat, failure: head.failure }).toEqual({ heartbeat: 2, failure: undefined })
  })

  test('beat() does nothing while an earlier beat is being written', async () => {
    const machine = new Machine()
    const gate = new Gate(Number.MAX_SAFE_INTEGER)
    const head = await HeadFile.create(machine.storage(1, gate.pass), 1, 0)
    const stopped = gate.stopAgain(0)
    const beats = [head.beat(), head.beat(), head.beat()]
    stopped.open()
    await Promise.all(beats)
    expect([stopped.calls, (await readHead(machine.files, 1)).heartbeat]).toEqual([1, 2])
  })

  test('write() keeps a failure and never throws', async () => {
    const storage = memoryStorage()
    const head = await HeadFile.create(withFailingWrites(storage), 1, 1)
    await head.write(1, end(1))
    expect(head.failure).toMatchObject({ message: 'broken' })
    await head.close()
  })

  test('does nothing where files cannot be overwritten', async () => {
    const machine = new Machine()
    machine.capabilities = { randomWrite: false }
    const head = await HeadFile.create(machine.storage(1), 1, 1)
    expect([head.write(1, end(1)), head.beat(), head.failure]).toEqual([undefined, undefined, undefined])
    await head.close()
    expect(await machine.names()).toEqual([])
  })

  test('close() ends all writing', async () => {
    const storage = memoryStorage()
    const head = await HeadFile.create(storage, 1, 1)
    await head.close()
    await head.close()
    head.write(1, end(1))
    head.beat()
    expect(await readHead(storage, 1)).toEqual({ heartbeat: 1, slots: new Map() })
  })
})

describe('readHead()', () => {
  test('says nothing about an absent or empty file, or about garbage', async () => {
    const storage = memoryStorage()
    const nothing = { heartbeat: undefined, slots: new Map() }
    expect(await readHead(storage, 1)).toEqual(nothing)
    for (const bytes of [new Uint8Array(0), new Uint8Array(1000), new Uint8Array(777).fill(0xa5)]) {
      await setBytes(storage, headName(1), bytes)
      expect(await readHead(storage, 1)).toEqual(nothing)
    }
  })

  test('reads the end before for every flipped bit of the newer slot', async () => {
    const storage = memoryStorage()
    const head = await HeadFile.create(storage, 1, 1)
    head.write(1, end(1))
    head.write(1, end(2))
    const bytes = await bytesOf(storage, headName(1))
    for (let bit = 128 * 8; bit < bytes.length * 8; bit++) {
      const flipped = bytes.slice()
      flipped[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      await setBytes(storage, headName(1), flipped)
      // Even sequences are in the first slot of a pair.
      expect((await readHead(storage, 1)).slots.get(1)?.endOffset, `bit ${bit}`).toBe(bit < 192 * 8 ? 1 : 2)
    }
  })

  test('takes the newer slot also where the sequence wraps', async () => {
    const storage = memoryStorage()
    const bytes = new Uint8Array(256)
    for (const [half, sequence, endOffset] of [
      [0, 0, 8],
      [1, 2 ** 32 - 1, 7],
    ] as const) {
      const position = 128 + half * 64
      const slot = new DataView(bytes.buffer, position, 64)
      slot.setUint32(4, sequence, true)
      slot.setUint32(8, endOffset, true)
      const seed = placeSeed(1, position, storage.digest)
      slot.setUint32(0, storage.digest.crc32(bytes.subarray(position + 4, position + 64), seed), true)
    }
    await setBytes(storage, headName(1), bytes)
    expect((await readHead(storage, 1)).slots.get(1)?.endOffset).toBe(8)
  })

  test('does not accept the slots of another epoch or another pair', async () => {
    const storage = memoryStorage()
    const head = await HeadFile.create(storage, 1, 2)
    head.write(1, end(1))
    const bytes = await bytesOf(storage, headName(1))
    await setBytes(storage, headName(2), bytes)
    expect(await readHead(storage, 2)).toEqual({ heartbeat: undefined, slots: new Map() })
    bytes.copyWithin(256, 128, 256)
    await setBytes(storage, headName(1), bytes)
    expect([...(await readHead(storage, 1)).slots.keys()]).toEqual([1])
  })
})

function withFailingWrites(storage: Storage): Storage {
  const broken = () => {
    throw new Error('broken')
  }
  const proxy = <T extends object>(target: T, key: string, replacement: unknown): T =>
    new Proxy(target, {
      get(object, name) {
        const value = Reflect.get(object, name, object)
        if (name === key) return replacement
        return typeof value === 'function' ? value.bind(object) : value
      },
    })
  return proxy(storage, 'createExclusive', async (path: string) =>
    proxy(await storage.createExclusive(path), 'writeAt', broken),
  )
}

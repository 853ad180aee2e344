/** Goal: damage to a manifest is found or harmless, never a different state.
 * Method: a store of two epochs; every bit of either manifest is flipped, every length is cut to, and the result of
 * reading is compared with the states that the commits went through.
 * @module */
import { describe, expect, test } from 'vitest'
import { encodeFrame, scanFrames } from '../../../src/manifest/frame.ts'
import {
  emptyState,
  HeadFile,
  type ManifestState,
  type ManifestView,
  manifestName,
  readManifest,
} from '../../../src/manifest/index.ts'
import { encodeBody } from '../../../src/manifest/manifest.ts'
import { bytesOf, closed, Machine, ownerOf, segmentAdded, setBytes, topicCreated } from './support.ts'

interface Sample {
  readonly machine: Machine
  readonly bytes: Uint8Array
  readonly frames: readonly { readonly position: number; readonly endPosition: number }[]
  /** State after each frame of epoch 2; the claim and what lies before it have that of epoch 1. */
  readonly states: readonly ManifestState[]
}

async function twoEpochs(): Promise<Sample> {
  const machine = new Machine()
  const first = (await machine.acquire(1)).manifest
  await first.append(topicCreated(1))
  await first.append(closed(1))
  const second = (await machine.acquire(2)).manifest
  const states = [first.state, second.state]
  for (const record of [segmentAdded(1, 12), topicCreated(2)]) {
    await second.append(record)
    states.push(second.state)
  }
  const bytes = await bytesOf(machine.files, manifestName(2))
  return { machine, bytes, frames: scanFrames(bytes, 2, machine.files.digest).frames, states }
}

async function outcome(machine: Machine): Promise<ManifestView | string | undefined> {
  return readManifest(machine.files).catch((error) => error.code ?? error)
}

describe('readManifest()', () => {
  test('finds every flipped bit of the highest manifest, or reads the state before its last frame', async () => {
    const { machine, bytes, frames, states } = await twoEpochs()
    const last = frames.at(-1)
    const handle = await machine.files.openAppend(manifestName(2))
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const position = bit >> 3
      const original = bytes[position] ?? 0
      await handle.writeAt(position, Uint8Array.of(original ^ (1 << (bit & 7))))
      const view = await outcome(machine)
      if (position < (last?.position ?? 0)) expect(view, `bit ${bit}`).toBe('MANIFEST_DAMAGED')
      else {
        expect(view, `bit ${bit}`).toMatchObject({ epoch: 2, notes: [{ file: manifestName(2) }] })
        expect((view as ManifestView).state, `bit ${bit}`).toEqual(states.at(-2))
      }
      await handle.writeAt(position, Uint8Array.of(original))
    }
    expect(((await outcome(machine)) as ManifestView).state).toEqual(states.at(-1))
  })

  test('reads the same state for every flipped bit of a claim that was not adopted, and of the manifest before', async () => {
    const { machine, bytes, frames, states } = await twoEpochs()
    await setBytes(machine.files, manifestName(2), bytes.slice(0, frames[0]?.endPosition))
    for (const epoch of [1, 2]) {
      const whole = await bytesOf(machine.files, manifestName(epoch))
      const lastFrame = scanFrames(whole, epoch, machine.files.digest).frames.at(-1)?.position ?? 0
      const handle = await machine.files.openAppend(manifestName(epoch))
      for (let bit = 0; bit < whole.length * 8; bit++) {
        const position = bit >> 3
        const original = whole[position] ?? 0
        await handle.writeAt(position, Uint8Array.of(original ^ (1 << (bit & 7))))
        const view = await outcome(machine)
        if (epoch === 1 && position < lastFrame) expect(view, `bit ${bit}`).toBe('MANIFEST_DAMAGED')
        else {
          const { state, clean } = view as ManifestView
          expect({ ...state, topics: state.topics.length }, `bit ${bit}`).toEqual({ ...states[0], topics: 1 })
          // The last record of epoch 1 is its close: without it nothing is proven.
          expect(clean, `bit ${bit}`).toBe(epoch === 2)
          if (epoch === 2) expect(state).toEqual(states[0])
        }
        await handle.writeAt(position, Uint8Array.of(original))
      }
    }
  })

  test('reads the last whole frame for every length, and the manifest before when none is adopted', async () => {
    const { machine, bytes, frames, states } = await twoEpochs()
    for (let size = 0; size <= bytes.length; size++) {
      await setBytes(machine.files, manifestName(2), bytes.slice(0, size))
      const whole = frames.filter((frame) => frame.endPosition <= size).length
      const view = (await outcome(machine)) as ManifestView
      expect(view.epoch, `size ${size}`).toBe(whole < 2 ? 1 : 2)
      expect(view.state, `size ${size}`).toEqual(states[Math.max(0, whole - 1)])
      expect(view.lock.epoch, `size ${size}`).toBe(whole === 0 ? 1 : 2)
    }
  })

  test('refuses an epoch whose head file proves that more of its manifest was there', async () => {
    const { machine, bytes, frames } = await twoEpochs()
    await HeadFile.create(machine.files, 2, 1)
    const adopted = frames[1]?.endPosition ?? 0
    for (let size = 0; size < adopted; size++) {
      await setBytes(machine.files, manifestName(2), bytes.slice(0, size))
      expect(await outcome(machine), `size ${size}`).toBe('MANIFEST_DAMAGED')
    }
  })

  test('refuses a manifest under the name of another epoch, and a frame moved or doubled', async () => {
    const { machine, bytes, frames } = await twoEpochs()
    await setBytes(machine.files, manifestName(3), bytes)
    expect(await outcome(machine)).toMatchObject({ epoch: 2, notes: [{ file: manifestName(3) }] })
    await machine.files.remove(manifestName(3))
    const start = frames[2]?.position ?? 0
    const doubled = new Uint8Array([...bytes.slice(0, start), ...bytes.slice(start), ...bytes.slice(start)])
    await setBytes(machine.files, manifestName(2), doubled)
    expect(await outcome(machine)).toMatchObject({ endPosition: bytes.length, notes: [{ file: manifestName(2) }] })
    const swapped = bytes.slice()
    swapped.set(bytes.slice(frames[2]?.position, frames[2]?.endPosition), frames[1]?.position)
    await setBytes(machine.files, manifestName(2), swapped)
    expect(await outcome(machine)).toBe('MANIFEST_DAMAGED')
  })

  test('says where the damage is', async () => {
    const { machine, bytes, frames } = await twoEpochs()
    const position = frames[2]?.position ?? 0
    bytes.fill(0, position + 30, position + 40)
    await setBytes(machine.files, manifestName(2), bytes)
    await expect(readManifest(machine.files)).rejects.toMatchObject({ details: { file: manifestName(2), position } })
  })
})

describe('readManifest() of a newer format', () => {
  const features = { compatible: ['hue'], readOnlyCompatible: [] as string[], incompatible: [] as string[] }
  async function forge(change: { claim?: object; state?: object; record?: object }): Promise<Machine> {
    const machine = new Machine()
    const claim = { type: 'claim', formatVersion: 1, features, epoch: 1, owner: ownerOf(7), instance: 'i' }
    const state = { ...emptyState('store', 1), features, shade: 'blue' }
    const bodies: object[] = [{ ...claim, ...change.claim }]
    bodies.push({ type: 'adopted', previousEpoch: 0, state: { ...state, ...change.state } })
    if (change.record !== undefined) bodies.push(change.record)
    const parts: number[] = []
    for (const [sequence, body] of bodies.entries()) {
      const place = { epoch: 1, position: parts.length, sequence, syncedThrough: parts.length }
      parts.push(...encodeFrame(place, encodeBody(body), machine.files.digest))
    }
    await setBytes(machine.files, manifestName(1), Uint8Array.from(parts))
    return machine
  }

  test('keeps unknown fields and compatible features, over epochs', async () => {
    const machine = await forge({})
    expect((await readManifest(machine.files))?.state).toMatchObject({ shade: 'blue', features })
    expect((await machine.acquire(1)).manifest.state).toMatchObject({ shade: 'blue', features })
  })

  test.each([
    ['a newer version in the claim', { claim: { formatVersion: 2 } }],
    ['a newer version in the state', { state: { formatVersion: 2 } }],
    ['an unknown incompatible feature', { state: { features: { ...features, incompatible: ['x'] } } }],
    ['an unknown record', { record: { type: 'topic-painted' } }],
  ])('refuses %s and writes nothing', async (_, change) => {
    const machine = await forge(change)
    const before = await bytesOf(machine.files, manifestName(1))
    expect(await outcome(machine)).toBe('FORMAT_NEWER')
    await expect(machine.acquire(1)).rejects.toMatchObject({ code: 'FORMAT_NEWER' })
    expect(await machine.names()).toEqual([manifestName(1)])
    expect(await bytesOf(machine.files, manifestName(1))).toEqual(before)
  })

  test('reads but does not own a store with an unknown read-only-compatible feature', async () => {
    const machine = await forge({ state: { features: { ...features, readOnlyCompatible: ['x'] } } })
    expect(await readManifest(machine.files)).toMatchObject({ epoch: 1 })
    const details = { unknownFeatures: ['x'], readOnly: true }
    await expect(machine.acquire(1)).rejects.toMatchObject({ code: 'FORMAT_NEWER', details })
    expect(await machine.names()).toEqual([manifestName(1)])
  })

  test.each([
    ['no JSON object', { record: [] }],
    ['a claim for another epoch', { claim: { epoch: 3 } }],
    ['a claim without an owner', { claim: { owner: null } }],
    ['a state without a store id', { state: { storeId: 7 } }],
    ['a topic that leads out of the store', { record: topicCreated(1, '../../etc') }],
    ['a close of a topic that does not exist', { record: closed(5) }],
  ])('refuses %s as damage', async (_, change) => {
    expect(await outcome(await forge(change))).toBe('MANIFEST_DAMAGED')
  })
})

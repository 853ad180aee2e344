/** Stores for the tests of the checker, as images that are damaged one copy at a time.
 * @module */
import { type Store, type VerifyProblem, type VerifyReport, verifyStorage } from '../../../src/index.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import { imageStorage, type StoreImage } from '../../faults/image-storage.ts'

export const MIB = 1024 * 1024
export const SEGMENT_HEADER_BYTES = 128
export const BATCH_HEADER_BYTES = 104

/** Ten events of about 90 KB: with the smallest segments every second batch rolls. */
export function bigBatch(number: number, entity = 'e'): { kind: string; entity: string; data: unknown }[] {
  return Array.from({ length: 10 }, (_, i) => ({
    kind: 'Big',
    entity,
    data: { number, i, text: `${number}.${i}.`.repeat(18_000).slice(0, 90_000) },
  }))
}

/** Two topics, three partitions, rolls, optional columns, values of both codecs. Left open. */
export async function fill(store: Store): Promise<number> {
  const orders = await store.topics.open('orders', { create: { partitions: 2, segmentBytes: MIB } })
  let events = 0
  const append = async (topic: typeof orders, batch: Parameters<typeof orders.append>[0], partition?: number) => {
    const receipt = await topic.append(batch, partition === undefined ? {} : { partition })
    events += receipt.endOffset - receipt.firstOffset
  }
  for (let number = 0; number < 4; number++) await append(orders, bigBatch(number, 'a'))
  await append(orders, { kind: 'Small', entity: 'b', data: { n: 1 } })
  for (let number = 0; number < 3; number++) await append(orders, bigBatch(number, 'entity-7'))
  const notes = await store.topics.open('notes', { create: true })
  for (let number = 0; number < 20; number++) {
    await append(notes, {
      kind: 'Noted',
      entity: `n-${number % 3}`,
      at: 1_000 + number,
      data: { [`field${number % 4}`]: number, odd: number % 2 ? '\ud800' : 'even' },
      ...(number % 2 ? { meta: { by: 'me' }, tags: ['t'], correlationId: `c${number}` } : {}),
    })
  }
  return events
}

/** All files of a storage, as they are now. */
export async function imageOf(storage: Storage): Promise<Map<string, Uint8Array>> {
  const image = new Map<string, Uint8Array>()
  const walk = async (directory: string): Promise<void> => {
    for (const { name, kind } of await storage.list(directory)) {
      const path = directory === '' ? name : `${directory}/${name}`
      if (kind === 'directory') {
        await walk(path)
        continue
      }
      const handle = await storage.openRead(path)
      const bytes = new Uint8Array(await handle.size())
      await handle.read(0, bytes)
      await handle.close()
      image.set(path, bytes)
    }
  }
  await walk('')
  return image
}

/** A copy of the image in which the bytes of one file are others; undefined removes it. */
export function withFile(
  image: StoreImage,
  path: string,
  change: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array | undefined,
): Map<string, Uint8Array> {
  const changed = new Map(image)
  const bytes = change(new Uint8Array(image.get(path) ?? []))
  if (bytes === undefined) changed.delete(path)
  else changed.set(path, bytes)
  return changed
}

export function flipBit(image: StoreImage, path: string, position: number): Map<string, Uint8Array> {
  return withFile(image, path, (bytes) => {
    const byte = bytes[position]
    if (byte === undefined) throw new RangeError(`"${path}" has no byte ${position}`)
    bytes[position] = byte ^ 4
    return bytes
  })
}

export function verifyImage(image: StoreImage): Promise<VerifyReport> {
  return verifyStorage({ storage: imageStorage(image) })
}

/** Problems without their messages. */
export function shapes(report: VerifyReport): Omit<VerifyProblem, 'message'>[] {
  return report.problems.map(({ message: _, ...rest }) => rest)
}

/** Where the batches of a segment begin, and its end. */
export function batchPositions(bytes: Uint8Array | undefined): number[] {
  const positions = [SEGMENT_HEADER_BYTES]
  const view = new DataView(bytes?.buffer ?? new ArrayBuffer(0), bytes?.byteOffset ?? 0, bytes?.byteLength ?? 0)
  for (let at = SEGMENT_HEADER_BYTES; at < view.byteLength; ) {
    at += BATCH_HEADER_BYTES + view.getUint32(at + 4, true)
    positions.push(at)
  }
  return positions
}

/** The storage, counting the calls that change something. */
export function countingWrites(storage: Storage): { storage: Storage; writes: () => number } {
  let writes = 0
  const changing = new Set([
    ...['openAppend', 'createExclusive', 'link', 'linkFrom', 'replace', 'remove', 'removeDirectory', 'syncDirectory'],
  ])
  const counted = new Proxy(storage, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        if (changing.has(String(name))) writes++
        return value.apply(target, args)
      }
    },
  })
  return { storage: counted, writes: () => writes }
}

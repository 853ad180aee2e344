/** The bit sweep on toy readers: one that checks its bytes, one that does not, one that hides a part.
 * @module */
import { expect, test } from 'vitest'
import { VarveError } from '../../src/errors.ts'
import { bitSweep } from './bit-sweep.ts'
import { imageStorage } from './image-storage.ts'

const image = () => new Map([['a/b', Uint8Array.of(1, 2, 3, 6)]])

/** Reads three bytes and a sum. */
async function observe(bytes: Map<string, Uint8Array>, checks: boolean) {
  const handle = await imageStorage(bytes).openRead('a/b')
  const into = new Uint8Array(4)
  await handle.read(0, into)
  const [one = 0, two = 0, three = 0, sum = 0] = into
  if (checks && sum !== ((one + two + three) & 255)) throw new VarveError('SEGMENT_DAMAGED', 'Cannot read "a/b"')
  return { answers: `${one},${two}`, found: [] }
}

test('bitSweep() counts what is detected and leaves the image as it was', async () => {
  const bytes = image()
  const report = await bitSweep({ image: bytes, observe: () => observe(bytes, true) })
  expect(report.files.get('a/b')).toEqual({ flips: 32, detected: 32, unchanged: 0 })
  expect(bytes).toEqual(image())
})

test('bitSweep() names a wrong answer and notes bytes that nothing covers', async () => {
  const bytes = image()
  const report = await bitSweep({ image: bytes, observe: () => observe(bytes, false) })
  expect(report.failures).toHaveLength(16)
  expect(report.failures[0]).toBe('BIT file=a/b byte=0 bit=0: wrong answers, found: nothing')
  expect(report.unchangedAt.get('a/b')).toEqual([2, 3])
})

test('imageStorage() leaves the image alone when it is written to', async () => {
  const bytes = image()
  const storage = imageStorage(bytes)
  const handle = await storage.openAppend('a/b')
  await handle.append(Uint8Array.of(9))
  await storage.link('a/b', 'a/c')
  expect(await storage.list('a')).toEqual(['b', 'c'].map((name) => ({ name, kind: 'file' })))
  expect((await storage.openRead('a/c')).size()).toBe(5)
  expect(bytes).toEqual(image())
})

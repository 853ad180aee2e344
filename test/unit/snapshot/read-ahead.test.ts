/** Reading ahead gives the bytes of the file, however requests lie to its windows.
 * @module */
import { expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { sameBytes } from '../../../src/codec/bytes.ts'
import type { Reading } from '../../../src/segment/file-pool.ts'
import { AheadFile } from '../../../src/snapshot/check/read-ahead.ts'
import { draws } from '../../support/seeded-random.ts'

const SIZE = 5 * 1024 * 1024 + 77

test('AheadFile.drive() gives what is asked for, forwards in steps of any size, and looks back', async () => {
  const storage = memoryStorage()
  const bytes = new Uint8Array(SIZE)
  for (let at = 0; at < SIZE; at += 61) bytes[at] = at % 251
  const handle = await storage.createExclusive('file')
  await handle.append(bytes)
  await handle.close()
  const draw = draws(7)
  function* reading(): Reading<number> {
    let wrong = 0
    const ask = function* (position: number, length: number): Reading<void> {
      const given = yield { path: 'file', position, length }
      if (!sameBytes(given, bytes.subarray(position, position + length))) wrong++
    }
    for (let position = 128; position < SIZE; position += 1 + (draw() % 700_000)) {
      yield* ask(position, draw() % 10 === 0 ? 3_000_000 : 1 + (draw() % 1_048_576))
      if (draw() % 4 === 0) yield* ask(draw() % 100, 50)
    }
    yield* ask(SIZE, 10)
    return wrong
  }
  for (let run = 0; run < 5; run++) {
    const file = await AheadFile.open(storage, 'file')
    expect(await file.drive(reading(), () => undefined)).toBe(0)
    await file.close()
  }
})

/** Documents in memory.
 * @module */
import { expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { sameBytes } from '../../../src/codec/bytes.ts'
import { pumpValue } from '../../../src/document/events/value-source.ts'
import { openDocumentFile } from '../../../src/document/read/document.ts'
import { encodeDocument } from '../../../src/document/write/encode-document.ts'
import { DocumentWriter } from '../../../src/document/write/writer.ts'
import { systemClock } from '../../../src/ports/clock.ts'
import type { ReadHandle } from '../../../src/ports/storage.ts'
import { difference } from '../../support/same-value.ts'

const FACTS = { id: '0123456789abcdef', storeId: 'store', version: 7 }

test('encodeDocument() makes the bytes that a file would have, which are read through any handle', async () => {
  const storage = memoryStorage()
  const rows = Array.from({ length: 3_000 }, (_, id) => ({
    id,
    name: `row ${id}`,
    tags: ['a', 'b'],
    rest: 'x'.repeat(id % 300),
  }))
  const many = Object.fromEntries(Array.from({ length: 6_000 }, (_, at) => [`key ${at}`, at]))
  const path = 'documents/d/0123456789abcdef.vdoc'
  for (const value of [{ rows, many }, 'a scalar', []]) {
    const made = await encodeDocument(value, { ...FACTS, threshold: 4_096, digest: storage.digest })
    const bytes = new Uint8Array([made.header, ...made.blocks, made.section].flatMap((part) => [...part]))
    const writer = await DocumentWriter.create({ storage, path, ...FACTS, options: { thresholdBytes: 4_096 } })
    await pumpValue(writer, value)
    const { sizeBytes, indexBytes } = await writer.finish(FACTS.version)
    const file = await storage.openRead(path)
    const written = new Uint8Array(sizeBytes)
    await file.read(0, written)
    await file.close()
    await storage.remove(path)
    expect(sameBytes(bytes, written)).toBe(true)

    let closed = 0
    const handle: ReadHandle = {
      path,
      size: () => bytes.length,
      read: async (position, into) => {
        const part = bytes.subarray(position, position + into.length)
        into.set(part)
        return part.length
      },
      close: async () => {
        closed++
      },
    }
    const stat = { name: 'd', version: FACTS.version, sizeBytes, indexBytes, writtenAt: 0 }
    const document = await openDocumentFile({ storage, clock: systemClock, path, stat, id: FACTS.id, handle })
    expect(difference(await document.read(''), value)).toBeUndefined()
    await document.close()
    expect(closed).toBe(1)
  }
})

/** Documents on a memory storage, without a store.
 * @module */
import { memoryStorage } from '../../../../adapters/memory/index.ts'
import { verifyDocumentFile } from '../../../../src/document/check/verify.ts'
import { pumpEvents } from '../../../../src/document/events/source.ts'
import { pumpValue } from '../../../../src/document/events/value-source.ts'
import { pumpJson } from '../../../../src/document/json/source.ts'
import { openDocumentFile } from '../../../../src/document/read/document.ts'
import type { OpenDocument, StructuralEvent, WriteJsonOptions } from '../../../../src/document/types.ts'
import { DocumentWriter, type WriterLimits } from '../../../../src/document/write/writer.ts'
import { systemClock } from '../../../../src/ports/clock.ts'
import type { Storage } from '../../../../src/ports/storage.ts'

export type Source =
  | { readonly value: unknown }
  | { readonly json: string | Uint8Array | Iterable<Uint8Array> }
  | { readonly events: Iterable<StructuralEvent> }

export interface Written {
  readonly storage: Storage
  readonly parts: Parameters<typeof openDocumentFile>[0]
  open(): Promise<OpenDocument>
  verify(): ReturnType<typeof verifyDocumentFile>
}

/** Write a document. */
export async function writeDocument(
  source: Source,
  options: WriteJsonOptions = {},
  { storage = memoryStorage(), limits = {} }: { storage?: Storage; limits?: WriterLimits } = {},
): Promise<Written> {
  const id = '0123456789abcdef'
  const path = `documents/d/${id}.vdoc`
  const writer = await DocumentWriter.create({ storage, path, id, storeId: 'store-1', options, limits })
  try {
    if ('value' in source) await pumpValue(writer, source.value)
    else if ('events' in source) await pumpEvents(writer, source.events)
    else await pumpJson(writer, typeof source.json === 'string' ? new TextEncoder().encode(source.json) : source.json)
    const stat = { name: 'd', version: 3, writtenAt: 5, ...(await writer.finish(3)) }
    const parts = { storage, clock: systemClock, path, stat, id }
    return { storage, parts, open: () => openDocumentFile(parts), verify: () => verifyDocumentFile(parts) }
  } catch (error) {
    await writer.discard()
    throw error
  }
}

/** Naming a document in the data of an event.
 * @module */

export interface DocumentRef {
  readonly $document: string
  /** The version that was meant; the newest is read all the same, older ones are not kept. */
  readonly version?: number
}

/** What to append in the place of a value that is too large for an event.
 * @example
 * ```ts
 * import { documentRef, openStore } from 'varve'
 * import { memoryStorage } from 'varve/memory'
 * const store = await openStore({ storage: memoryStorage() })
 * const { version } = await store.documents.write('catalog', { products: [{ name: 'tea' }] })
 * const orders = await store.topics.open('orders', { create: true })
 * await orders.append({ kind: 'CatalogSent', entity: 'shop-1', data: documentRef('catalog', version) })
 * const event = await orders.get(0)
 * console.assert((await store.documents.read(event.data, 'products[0].name')) === 'tea')
 * await store.close()
 * ``` */
export function documentRef(name: string, version?: number): DocumentRef {
  return version === undefined ? { $document: name } : { $document: name, version }
}

/** Whether a value names a document, as `documentRef` makes it. */
export function isDocumentRef(value: unknown): value is DocumentRef {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, '$document')) return false
  const { $document: name, version } = value as { $document: unknown; version?: unknown }
  return typeof name === 'string' && (version === undefined || Number.isSafeInteger(version))
}

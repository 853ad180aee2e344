/** A document that has some of everything, in a store of a machine.
 * @module */
import { parseJsonValue, stringifyValue } from '../../../src/index.ts'
import { Machine } from './support.ts'

export const CATALOG = {
  name: 'shop',
  products: Array.from({ length: 40 }, (_, n) => ({
    sku: `sku-${n}`,
    price: n / 10,
    stock: { here: n, 'far away': 0 },
  })),
  note: 'grün \u001b[31mred\u202e',
  image: new Uint8Array([0, 1, 2, 127]),
  since: new Date(86_400_000),
  large: 12345678901234567890n,
  empty: {},
}
export const TEXT = stringifyValue(CATALOG)

/** It is version 1 of `catalog`. */
export async function withCatalog(): Promise<Machine> {
  const machine = new Machine()
  machine.files.set('catalog.json', TEXT)
  await machine.done('doc put catalog catalog.json')
  return machine
}

/** Whether two texts of the dialect mean the same. */
export const same = (a: string, b: string): boolean =>
  stringifyValue(parseJsonValue(a)) === stringifyValue(parseJsonValue(b))

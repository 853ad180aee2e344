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

/** Path of the file of a document. */
export async function fileOf(machine: Machine, name: string): Promise<string> {
  const directory = `documents/${name}`
  const [found] = await machine.storage('./varve-data').list(directory)
  if (found === undefined) throw new Error(`There is no file of ${name}`)
  return `${directory}/${found.name}`
}

/** Change a byte in the middle of the file of a document. */
export async function damage(machine: Machine, name: string): Promise<void> {
  const path = await fileOf(machine, name)
  const storage = machine.storage('./varve-data')
  const file = await storage.openRead(path)
  const position = (await file.size()) >> 1
  const byte = new Uint8Array(1)
  await file.read(position, byte)
  await file.close()
  const written = await storage.openAppend(path)
  await written.writeAt(
    position,
    byte.map((value) => value ^ 0xff),
  )
  await written.close()
}

/** A store with a bit of everything, of which snapshots are taken.
 * @module */
import { Machine, ndjson, numbered } from './support.ts'

/** Where the store of a machine is unless it is said otherwise. */
export const HERE = './varve-data'

/** A topic `orders` of ten events, a document and a history. */
export async function withStore(): Promise<Machine> {
  const machine = new Machine()
  await machine.done('append orders --create', { input: ndjson(numbered(10)) })
  await machine.done('doc put catalog -', { input: '{"a":[1,2,3]}' })
  await machine.done('history append board --create', { input: '{"x":1}' })
  return machine
}

/** Take a snapshot, whenever the last one was. @returns its id. */
export async function take(machine: Machine, ...words: string[]): Promise<string> {
  const ran = await machine.run(['snapshot', 'create', '--min-interval', 'none', '--json', ...words])
  if (ran.exitCode !== 0) throw new Error(ran.errors)
  return JSON.parse(ran.output).id
}

/** The id that a refusal says to confirm with. */
export function storeIdOf(errors: string): string {
  return /--store-id (\S+)/.exec(errors)?.[1] ?? ''
}

/** Flip a byte in the middle of a file of the store. */
export async function damage(machine: Machine, path: string): Promise<void> {
  const storage = machine.storage(HERE)
  const reader = await storage.openRead(path)
  const position = Math.floor((await reader.size()) / 2)
  const byte = new Uint8Array(1)
  await reader.read(position, byte)
  await reader.close()
  const file = await storage.openAppend(path)
  await file.writeAt(
    position,
    byte.map((value) => value ^ 0xff),
  )
  await file.close()
}

/** Path of the first file of a snapshot whose name matches. */
export async function fileOf(machine: Machine, id: string, folder: string): Promise<string> {
  const path = folder === '' ? `.snapshots/${id}` : `.snapshots/${id}/${folder}`
  const first = (await machine.storage(HERE).list(path)).find(({ kind }) => kind === 'file')
  if (first === undefined) throw new Error(`Nothing is in ${path}`)
  return `${path}/${first.name}`
}

/** A history with a bit of everything, in a store of a machine.
 * @module */
import { Machine, ndjson } from './support.ts'

const DAY_MS = 86_400_000
/** When the first version was. */
export const BEGIN = Date.UTC(2026, 0, 1)

/** Six versions of a board, one a day. */
export const BOARD = Array.from({ length: 6 }, (_, day) => ({
  at: BEGIN + day * DAY_MS,
  ...(day === 2 ? { label: 'review' } : {}),
  ...(day === 4 ? { offset: 40, metadata: { by: 'ada' }, fingerprint: 'four' } : {}),
  value: {
    title: day < 3 ? 'Draft' : 'Plan',
    note: 'grün \u001b[31mred\u202e',
    shapes: Array.from({ length: 40 }, (_, n) => ({ id: `s-${n}`, x: n === 4 ? day : n, y: n * 10 })),
    image: { $type: 'bytes', base64: 'AAECfw==' },
    large: 12345678901234,
  },
}))

/** They are the versions 1 to 6 of `board`. */
export async function withBoard(): Promise<Machine> {
  const machine = new Machine()
  machine.files.set('board.ndjson', ndjson(BOARD))
  await machine.done('history append board board.ndjson --ndjson --create')
  return machine
}

/** Path of the newest file of a history. */
export async function fileOf(machine: Machine, name: string): Promise<string> {
  const directory = `histories/${name}`
  const files = await machine.storage('./varve-data').list(directory)
  const last = files.at(-1)
  if (last === undefined) throw new Error(`There is no file of ${name}`)
  return `${directory}/${last.name}`
}

/** Change the last byte of the newest file of a history, or another one. */
export async function damage(machine: Machine, name: string, at = -1): Promise<void> {
  const file = await machine.storage('./varve-data').openAppend(await fileOf(machine, name))
  const position = at < 0 ? file.sizeBytes + at : at
  const byte = new Uint8Array(1)
  const reader = await machine.storage('./varve-data').openRead(await fileOf(machine, name))
  await reader.read(position, byte)
  await reader.close()
  await file.writeAt(
    position,
    byte.map((value) => value ^ 0xff),
  )
  await file.close()
}

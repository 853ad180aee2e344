/** Names of the files that carry epochs, and reading one of them whole.
 * @module */
import type { Storage } from '../ports/storage.ts'

/** Holds unfinished files only; emptied by every new owner. */
export const TMP_DIRECTORY = 'tmp'

const MANIFEST_PREFIX = 'MANIFEST-'
const HEAD_PREFIX = 'head-'
const DIGITS = 20

/** Name of the manifest of an epoch. */
export function manifestName(epoch: number): string {
  return MANIFEST_PREFIX + epoch.toString().padStart(DIGITS, '0')
}

/** Name of the head file of an epoch. */
export function headName(epoch: number): string {
  return HEAD_PREFIX + epoch.toString().padStart(DIGITS, '0')
}

/** The epoch of a manifest's name, or `undefined` for every other name. */
export function manifestEpoch(name: string): number | undefined {
  return epochAfter(MANIFEST_PREFIX, name)
}

/** The epoch of a head file's name, or `undefined` for every other name. */
export function headEpoch(name: string): number | undefined {
  return epochAfter(HEAD_PREFIX, name)
}

function epochAfter(prefix: string, name: string): number | undefined {
  if (!name.startsWith(prefix) || !/^[0-9]{20}$/.test(name.slice(prefix.length))) return undefined
  const epoch = Number(name.slice(prefix.length))
  return epoch > 0 && Number.isSafeInteger(epoch) ? epoch : undefined
}

/** Read what a file holds now; bytes appended meanwhile may be missing. @throws `FILE_MISSING`. */
export async function readWhole(storage: Storage, path: string): Promise<Uint8Array> {
  const handle = await storage.openRead(path)
  try {
    const bytes = new Uint8Array(await handle.size())
    const read = await handle.read(0, bytes)
    return bytes.subarray(0, read)
  } finally {
    await handle.close()
  }
}

/** Directory of a partition, relative to the store. */
export function partitionDirectory(topic: string, partition: number): string {
  return `topics/${topic}/${partition}`
}

/** The catalogue of snapshots, `.snapshots/snapshots.json`: what a list shows, so that it need not read a manifest for
 * each. Derived: a file that is missing, damaged, or out of step costs time.
 *
 * `{"format":1,"crc32":<of the text of the list>,"snapshots":[...]}`, as JSON without spaces. Whether a snapshot is
 * pinned is not in it: the name of another file says so.
 * @module */
import { fromUtf8, utf8 } from '../../codec/bytes.ts'
import type { Digest } from '../../codec/digest.ts'
import { isVarveError } from '../../errors.ts'
import { readWhole } from '../../manifest/files.ts'
import type { Storage } from '../../ports/storage.ts'
import type { SnapshotInfo } from '../types.ts'
import { SNAPSHOTS_DIRECTORY } from './ids.ts'

/** A row of the catalogue. */
export type CatalogueRow = Omit<SnapshotInfo, 'pinned'>

/** By id. */
export type CatalogueRows = ReadonlyMap<string, CatalogueRow>

/** Its name in `.snapshots/`. */
export const CATALOGUE = 'snapshots.json'
/** The same before it is complete. */
export const UNPUBLISHED_CATALOGUE = 'snapshots.json.tmp'

const PATH = `${SNAPSHOTS_DIRECTORY}/${CATALOGUE}`
const UNPUBLISHED_PATH = `${SNAPSHOTS_DIRECTORY}/${UNPUBLISHED_CATALOGUE}`

/** The file in a place that has `.snapshots` in it. */
export class CatalogueFile {
  readonly #storage: Storage
  /** What it says while its checksum is this one. */
  #known: { readonly print: string; readonly rows: CatalogueRows } | undefined

  constructor(storage: Storage) {
    this.#storage = storage
  }

  /** What it says; undefined when there is none, or one that cannot be read. */
  async rows(): Promise<CatalogueRows | undefined> {
    const { digest } = this.#storage
    let bytes: Uint8Array
    try {
      bytes = await readWhole(this.#storage, PATH)
    } catch (error) {
      if (!isVarveError(error)) throw error
      return undefined
    }
    const print = `${bytes.length} ${digest.crc32(bytes)}`
    if (this.#known?.print === print) return this.#known.rows
    const list = parseCatalogue(bytes, digest)
    if (list === undefined) return undefined
    const rows = new Map(list.map((row) => [row.id, row]))
    this.#known = { print, rows }
    return rows
  }

  /** Write it: the old one or this one. Without `atomicReplace` its checksum tells a torn one.
   * @param checkFence throws when the place belongs to somebody else.
   * @throws what the storage throws: then the old one may be there, and `remove` makes sure that it is not. */
  async store(rows: CatalogueRows, checkFence: () => Promise<void>): Promise<void> {
    const storage = this.#storage
    const { atomicReplace } = storage.capabilities
    const written = atomicReplace ? UNPUBLISHED_PATH : PATH
    await checkFence()
    await storage.remove(written)
    await writeWhole(storage, written, encodeCatalogue([...rows.values()], storage.digest))
    await checkFence()
    if (atomicReplace) await storage.replace(written, PATH)
    await storage.syncDirectory(SNAPSHOTS_DIRECTORY)
  }

  /** Make sure that there is none, which needs no space. */
  async remove(): Promise<void> {
    await this.#storage.remove(UNPUBLISHED_PATH)
    await this.#storage.remove(PATH)
    await this.#storage.syncDirectory(SNAPSHOTS_DIRECTORY)
  }
}

/** Write a new file and sync it. */
export async function writeWhole(storage: Storage, path: string, bytes: Uint8Array): Promise<void> {
  const handle = await storage.createExclusive(path)
  try {
    if (bytes.length > 0) await handle.append(bytes)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

const FORMAT = 1
const NUMBERS = [
  ...(['timestamp', 'topics', 'documents', 'histories', 'projections', 'events'] as const),
  ...(['numSegments', 'totalSizeBytes'] as const),
]
const TEXTS = ['topic', 'label'] as const
const MAYBE_NUMBERS = ['partition', 'baseOffset', 'highWatermark'] as const

/** The bytes of the file. */
export function encodeCatalogue(rows: readonly CatalogueRow[], digest: Digest): Uint8Array {
  const list = JSON.stringify(rows)
  return utf8(`${headOf(digest.crc32(utf8(list)))}${list}}`)
}

function headOf(crc32: number): string {
  return `{"format":${FORMAT},"crc32":${crc32},"snapshots":`
}

/** @returns undefined for bytes that are no catalogue, or a damaged one. */
export function parseCatalogue(bytes: Uint8Array, digest: Digest): CatalogueRow[] | undefined {
  const begin = bytes.indexOf(0x5b)
  if (begin < 0 || bytes.at(-1) !== 0x7d) return undefined
  const list = bytes.subarray(begin, bytes.length - 1)
  try {
    if (fromUtf8(bytes.subarray(0, begin)) !== headOf(digest.crc32(list))) return undefined
    const rows: unknown = JSON.parse(fromUtf8(list))
    return Array.isArray(rows) && rows.every(isRow) ? rows : undefined
  } catch {
    return undefined
  }
}

function isRow(value: unknown): value is CatalogueRow {
  if (typeof value !== 'object' || value === null) return false
  const row = value as Readonly<Record<string, unknown>>
  return (
    typeof row.id === 'string' &&
    typeof row.headHash === 'string' &&
    NUMBERS.every((field) => Number.isSafeInteger(row[field])) &&
    TEXTS.every((field) => row[field] === undefined || typeof row[field] === 'string') &&
    MAYBE_NUMBERS.every((field) => row[field] === undefined || Number.isSafeInteger(row[field]))
  )
}

/** A reader of snapshots, in a store or a place that they were exported to, that knows src/FORMAT.md and none of the
 * product's code.
 * @module */
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { check } from './document-events.ts'
import { DocumentFile, type Row as DocumentRow } from './documents.ts'
import { dumpManifest } from './dump.ts'
import { GroupPage } from './group-files.ts'
import { readPackedGroups } from './packed-groups.ts'

/** Path to bytes. */
export type Files = ReadonlyMap<string, Uint8Array>

const SEGMENT_HEADER = 128
const BATCH_HEADER = 104
const ID = /^snapshot-\d{1,16}$/
const MANIFEST = /^MANIFEST-(\d{20})$/

export interface Listed {
  readonly id: string
  readonly timestamp: number
  readonly topic?: string
  readonly partition?: number
  readonly label?: string
}

interface Segment {
  readonly file: string
  readonly id: string
  readonly baseOffset: number
  readonly hashBefore: string
  readonly sealed?: { readonly endOffset: number; readonly endPosition: number; readonly endHash: string }
}

interface PackedSegments {
  readonly baseOffset: number
  readonly hashBefore: string
  readonly ids: string
  readonly endHashes: string
  readonly endOffset: readonly number[]
  readonly endPosition: readonly number[]
  readonly files?: Readonly<Record<string, string>>
  readonly rest: readonly Segment[]
}

interface Partition {
  readonly partition: number
  readonly logStartOffset: number
  readonly logStartHash: string
  readonly segments: readonly Segment[] | PackedSegments
}

interface Topic {
  readonly name: string
  readonly id: number
  readonly lineage: string
  readonly ancestors?: readonly { lineage: string; ends: readonly { offset: number; hash: string }[] }[]
  readonly partitions: readonly Partition[]
}

interface PackedDocuments {
  readonly names: string
  readonly ids: string
  readonly version: readonly number[]
  readonly sizeBytes: readonly number[]
  readonly indexBytes: readonly number[]
}

interface State {
  readonly storeId: string
  readonly snapshot?: Listed
  readonly topics: readonly Topic[]
  readonly documents?: PackedDocuments
  readonly histories?: readonly { readonly name: string; readonly groups: Parameters<typeof readPackedGroups>[0] }[]
}

interface Closed {
  readonly type: string
  readonly partitions: readonly { topic: number; partition: number; position: number; offset: number; hash: string }[]
}

/** Events without an id of their own: `<lineage>-<partition>-<offset>`. */
export interface Batch {
  readonly baseOffset: number
  readonly endOffset: number
  readonly recordedAt: number
  readonly lineage: string
}

/** The rows of the catalogue; undefined when it is missing or damaged. */
export function readCatalogue(files: Files): (Listed & Record<string, unknown>)[] | undefined {
  const bytes = files.get('.snapshots/snapshots.json')
  if (bytes === undefined) return undefined
  const text = new TextDecoder().decode(bytes)
  const [, crc, list = ''] = /^\{"format":1,"crc32":(\d+),"snapshots":(\[.*\])\}$/.exec(text) ?? []
  return crc32(list) === Number(crc) ? JSON.parse(list) : undefined
}

/** All snapshots by their manifests, in the order of their ids. */
export function listSnapshots(files: Files): (Listed & { pinned: boolean })[] {
  const ids = new Set(
    [...files.keys()]
      .map((path) => path.split('/'))
      .flatMap(([root, id = '', name = '']) =>
        root === '.snapshots' && ID.test(id) && MANIFEST.test(name) ? [id] : [],
      ),
  )
  return [...ids].sort().map((id) => {
    const { snapshot } = new SnapshotPage(files, id).state
    check(snapshot?.id === id, 'the snapshot is the one of its directory')
    return { ...(snapshot as Listed), pinned: files.has(`.snapshots/${id}.pinned`) }
  })
}

export class SnapshotPage {
  readonly state: State
  readonly #closed: Closed
  readonly #files: Files
  readonly #root: string

  constructor(files: Files, id: string) {
    this.#files = files
    this.#root = `.snapshots/${id}/`
    const found = [...files.keys()].filter((path) => path.startsWith(this.#root))
    const names = found.map((path) => path.slice(this.#root.length)).filter((name) => MANIFEST.test(name))
    const epoch = Number(MANIFEST.exec(names[0] ?? '')?.[1])
    const { bodies } = dumpManifest(this.#bytes(names[0] ?? ''), epoch)
    const [claim, adopted, closed] = bodies as [{ epoch: number }, { previousEpoch: number; state: State }, Closed]
    check(names.length === 1 && bodies.length === 3 && closed.type === 'closed', 'a manifest of three frames')
    check(claim.epoch === epoch && adopted.previousEpoch === epoch - 1, 'the epochs')
    this.state = adopted.state
    this.#closed = closed
  }

  /** Every batch of a partition, whose checksums, places and chain hashes hold up to its end. */
  batches(name: string, partition: number): Batch[] {
    const topic = this.state.topics.find((row) => row.name === name)
    const row = topic?.partitions.find((other) => other.partition === partition)
    if (topic === undefined || row === undefined) throw new Error(`No ${name}/${partition}`)
    const end = this.#closed.partitions.find((other) => other.topic === topic.id && other.partition === partition)
    const found: Batch[] = []
    let at = { offset: row.logStartOffset, hash: row.logStartHash }
    for (const segment of segmentsOf(row)) {
      const { baseOffset, hashBefore, sealed } = segment
      check(baseOffset === at.offset && hashBefore === at.hash, 'segments follow each other')
      const owner = topic.ancestors?.find(({ ends }) => baseOffset < (ends[partition]?.offset ?? 0)) ?? topic
      const bytes = this.#bytes(`topics/${name}/${partition}/${segment.file}`)
      const stop = sealed?.endPosition ?? end?.position ?? 0
      const own = { ...segment, partition, lineage: owner.lineage }
      const log = readSegment(bytes.subarray(0, stop), own)
      found.push(...log.batches)
      at = { offset: log.batches.at(-1)?.endOffset ?? baseOffset, hash: log.hash }
      const wanted = sealed === undefined ? [end?.offset, end?.hash] : [sealed.endOffset, sealed.endHash]
      check(at.offset === wanted[0] && at.hash === wanted[1], 'a segment ends as its row says')
      const last = topic.ancestors?.find(({ ends }) => ends[partition]?.offset === at.offset)?.ends[partition]
      check(last === undefined || last.hash === at.hash, 'the hash where an ancestor ends')
    }
    return found
  }

  /** Where a segment ends in its file. */
  endOf(path: string): number {
    const [, name, partition, file] = path.split('/')
    const topic = this.state.topics.find((row) => row.name === name)
    const row = topic?.partitions.find((other) => other.partition === Number(partition))
    const segment = row && segmentsOf(row).find((other) => other.file === file)
    const isHere = ({ topic: id, partition: number }: Closed['partitions'][number]) =>
      id === topic?.id && number === Number(partition)
    return segment?.sealed?.endPosition ?? this.#closed.partitions.find(isHere)?.position ?? 0
  }

  /** Names and values. */
  documents(): Record<string, unknown> {
    const { names, ids, version, sizeBytes, indexBytes } = this.state.documents ?? NO_DOCUMENTS
    const found = names === '' ? [] : names.split('/')
    return Object.fromEntries(
      found.map((name, at) => {
        const id = ids.slice(at * 16, at * 16 + 16)
        const numbers = [version, sizeBytes, indexBytes].map((list) => list[at] ?? 0)
        const [of = 0, size = 0, index = 0] = numbers
        const row: DocumentRow = { id, version: of, sizeBytes: size, indexBytes: index }
        return [name, new DocumentFile(this.#bytes(`documents/${name}/${id}.vdoc`), row).value()]
      }),
    )
  }

  /** Names and values of all versions. */
  histories(): Record<string, unknown[]> {
    return Object.fromEntries(
      (this.state.histories ?? []).map(({ name, groups }) => {
        const rows = readPackedGroups(groups) as { id: string; file: string; epoch: number; endBytes: number }[]
        const pages = rows.map(({ id, file, epoch, endBytes }) => {
          check(epoch === 2 ** 53 - 1, 'nobody appends to a group of a snapshot')
          return new GroupPage(this.#bytes(`histories/${name}/${file}.vgrp`).subarray(0, endBytes), id)
        })
        return [name, pages.flatMap((page) => page.values().map(({ value }) => value))]
      }),
    )
  }

  #bytes(path: string): Uint8Array {
    const bytes = this.#files.get(this.#root + path)
    if (bytes === undefined) throw new Error(`There is no ${this.#root}${path}`)
    return bytes
  }
}

const NO_DOCUMENTS: PackedDocuments = { names: '', ids: '', version: [], sizeBytes: [], indexBytes: [] }

function segmentsOf({ segments }: Partition): Segment[] {
  if (!('ids' in segments)) return [...segments]
  const { ids, endHashes, endOffset, endPosition, files, rest } = segments
  let [baseOffset, hashBefore] = [segments.baseOffset, segments.hashBefore]
  const rows = endOffset.map((end, at): Segment => {
    const endHash = endHashes.slice(at * 64, at * 64 + 64)
    const sealed = { endOffset: end, endPosition: endPosition[at] ?? 0, endHash }
    const file = files?.[at] ?? `${String(baseOffset).padStart(20, '0')}.log`
    const row = { file, id: ids.slice(at * 16, at * 16 + 16), baseOffset, hashBefore, sealed }
    ;[baseOffset, hashBefore] = [end, endHash]
    return row
  })
  return [...rows, ...rest]
}

type Own = Segment & { readonly partition: number; readonly lineage: string }

/** Batches of one block each. */
function readSegment(bytes: Uint8Array, own: Own): { batches: Batch[]; hash: string } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const u32 = (at: number) => view.getUint32(at, true)
  const u64 = (at: number) => Number(view.getBigUint64(at, true))
  const hex = (from: number, end: number) => Buffer.from(bytes.subarray(from, end)).toString('hex')
  const latin = (from: number, end: number) => Buffer.from(bytes.subarray(from, end)).toString('latin1')
  check(u32(124) === crc32(bytes.subarray(0, 124)) && latin(0, 8) === 'VARVSEG\x01', 'the segment header')
  check(hex(16, 24) === own.id && u64(24) === own.baseOffset && u32(12) === own.partition, 'the segment of the row')
  check(hex(48, 80) === own.hashBefore && latin(80, 96).replaceAll('\0', '') === own.lineage, 'hash and lineage')
  const batches: Batch[] = []
  let hash = own.hashBefore
  for (let at = SEGMENT_HEADER; at < bytes.length; ) {
    const seed = (crc32(bytes.subarray(16, 24)) ^ Math.imul(at, 0x9e3779b1)) >>> 0
    check(u32(at + 100) === crc32(bytes.subarray(at, at + 100), seed), 'the header of a batch in its place')
    const flags = view.getUint16(at + 2, true)
    check((flags & 2) === 2, 'a single block')
    const [bodyEnd, tableAt] = [at + BATCH_HEADER + u32(at + 4), u32(at + 56)]
    const table = tableAt === 0 ? undefined : bytes.subarray(tableAt + 4, tableAt + 4 + u32(tableAt))
    const skipped = (flags & 1) === 1 ? 4 + (table?.length ?? 0) : 0
    const logical = bytes.subarray(at + BATCH_HEADER + skipped, bodyEnd)
    check(table === undefined || crc32(table) === u32(at + 60), 'a record table')
    check(crc32(logical) === u32(at + 64), 'the body of a batch')
    const numbers = Buffer.concat([
      ...[bytes.subarray(at + 24, at + 32), bytes.subarray(at + 8, at + 12), bytes.subarray(at + 32, at + 56)],
    ])
    const tableHash = table === undefined ? Buffer.alloc(32) : sha256(table)
    hash = sha256(Buffer.from(hash, 'hex'), numbers, tableHash, sha256(logical)).toString('hex')
    check(hash === hex(at + 68, at + 100), 'the chain')
    const baseOffset = u64(at + 24)
    const endOffset = baseOffset + u32(at + 8) + 1
    batches.push({ baseOffset, endOffset, recordedAt: u64(at + 48), lineage: own.lineage })
    at = bodyEnd
  }
  return { batches, hash }
}

function sha256(...parts: Uint8Array[]): Buffer {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** Checkpoints for tests: a segment, its rows, the files of every version, and the files that `test/golden` keeps.
 *
 * With `UPDATE_GOLDEN=1` the fixtures are written again: the segments from the events below, and each older version by
 * taking the fields away that came later.
 * @module */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Packr } from 'msgpackr/pack'
import { Unpackr } from 'msgpackr/unpack'
import { viewOf } from '../../../src/codec/bytes.ts'
import { type CheckpointFacts, encodeCheckpoint } from '../../../src/index/checkpoint.ts'
import { collectRows } from '../../../src/index/scan-rows.ts'
import { type TailRow, TailRows } from '../../../src/index/tail-rows.ts'
import { SEGMENT_HEADER_BYTES } from '../../../src/segment/header.ts'
import { digest } from '../codec/batch-support.ts'
import { AT, type BatchPlan, type BuiltSegment, buildSegment, endOf, runOver } from '../segment/support.ts'

const FOLDER = fileURLToPath(new URL('../../golden/checkpoint/', import.meta.url))
export const VERSIONS = [2, 3, 4, 5, 6] as const
export const OWNER = { storeId: 'store-1', lineage: 'lineage12345', partition: 0 }
export const BASE_OFFSET = 70

/** Fields by the version that brought them. */
const SINCE: Readonly<Record<string, number>> = {
  segments: 3,
  lane: 4,
  depth: 4,
  kinds: 5,
  receiptExtensions: 6,
  keyId: 6,
  tags: 6,
  tagRow: 6,
  tagId: 6,
}

/** Events with every field that a checkpoint keeps; lane and depth only where the version keeps them. */
function plans(lanes: boolean): BatchPlan[] {
  let n = 0
  return [1, 4, 2, 30, 1].map((rows) => ({
    events: Array.from({ length: rows }, () => {
      const i = n++
      return {
        kind: `Kind${i % 4}`,
        entity: i % 9 === 0 ? `Größe-\u{1F600}-${i}` : `entity-${i % 5}`,
        at: AT + i,
        data: { i },
        ...(i % 3 === 0 ? { id: `id-${i}`, scope: 'Kind1' } : {}),
        ...(i % 4 === 1 ? { correlationId: `entity-${i}`, causationId: `id-${i - 1}` } : {}),
        ...(lanes && i % 5 === 2 ? { lane: i, depth: 0xffff_ffff - i } : {}),
      }
    }),
  }))
}

/** The segment that the checkpoints of a version speak of. */
export function segmentOf(version: number): BuiltSegment {
  return buildSegment(plans(version >= 4), { baseOffset: BASE_OFFSET, hashBefore: 'ab'.repeat(32) })
}

/** What a scan of a segment finds. */
export function rowsOf(segment: BuiltSegment, bytes = segment.bytes): TailRows {
  const rows = new TailRows()
  const from = { position: SEGMENT_HEADER_BYTES, offset: segment.ref.baseOffset }
  runOver(collectRows(segment.ref, { rows, from, to: endOf(segment) }, digest), { [segment.ref.path]: bytes })
  return rows
}

export function factsOf(segment: BuiltSegment): CheckpointFacts {
  const { position, offset, hash } = endOf(segment)
  const watermark = { segment: segment.ref.id, position, offset, hash }
  return { ...OWNER, epoch: 3, watermark, recordedAt: AT + 4, index: segment.index, rows: rowsOf(segment) }
}

type Body = Record<string, unknown>

/** The body of a checkpoint file. */
export function bodyOf(bytes: Uint8Array): Body {
  return new Unpackr({ useRecords: false, mapsAsObjects: true }).unpack(bytes.slice(12)) as Body
}

/** A checkpoint file of any body, with a right checksum. */
export function fileOf(body: unknown, version: number): Uint8Array {
  const packed = new Packr({ useRecords: false, variableMapSize: true }).pack(body)
  const bytes = new Uint8Array(12 + packed.length)
  bytes.set(new TextEncoder().encode('FBATCK'))
  viewOf(bytes).setUint16(6, version, true)
  bytes.set(packed, 12)
  viewOf(bytes).setUint32(8, digest.crc32(bytes.subarray(12)), true)
  return bytes
}

/** What an older varve would have written: the body without the fields that came later. */
export function olderFile(version: number): Uint8Array {
  const body = bodyOf(encodeCheckpoint(factsOf(segmentOf(version)), digest))
  const kept = Object.entries(body).filter(([name]) => (SINCE[name] ?? 0) <= version)
  return fileOf({ ...Object.fromEntries(kept), version }, version)
}

/** The committed file of a version, and the segment it speaks of. */
export function golden(version: number): { checkpoint: Uint8Array; segment: Uint8Array } {
  const segmentFile = version >= 4 ? 'v4-v6.log' : 'v2-v3.log'
  if (process.env.UPDATE_GOLDEN === '1') {
    mkdirSync(FOLDER, { recursive: true })
    writeFileSync(`${FOLDER}v${version}.ckpt`, olderFile(version))
    writeFileSync(FOLDER + segmentFile, segmentOf(version).bytes)
  }
  const read = (name: string) => new Uint8Array(readFileSync(FOLDER + name))
  return { checkpoint: read(`v${version}.ckpt`), segment: read(segmentFile) }
}

/** Everything that rows answer: every field of every row, the batches, and the version of every entity. */
export function answers(rows: TailRows): unknown {
  const text = (id: number) => (id === 0 ? undefined : rows.strings[id])
  const list = Array.from(
    { length: rows.length },
    (_, row): TailRow => ({
      kind: text(rows.kindIds.at(row)) ?? '',
      entity: text(rows.entityIds.at(row)) ?? '',
      id: text(rows.eventIds.at(row)),
      correlationId: text(rows.correlationIds.at(row)),
      causationId: text(rows.causationIds.at(row)),
      scope: text(rows.scopeIds.at(row)),
      lane: rows.lanes.at(row),
      depth: rows.depths.at(row),
      tags: undefined,
      idempotencyKey: text(rows.keyIds.at(row)),
    }),
  )
  return { list, batches: rows.batches, versions: Object.fromEntries(rows.versions()) }
}

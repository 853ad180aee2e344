/** Segments of random rows, their term runs, and a Map that knows what the runs must answer.
 * @module */
import type { Digest } from '../../../src/codec/digest.ts'
import { PageCache } from '../../../src/index/page-cache.ts'
import { type TailRow, TailRows } from '../../../src/index/tail-rows.ts'
import { TERM_FIELDS, type Term } from '../../../src/index/term.ts'
import { buildRun } from '../../../src/index/term-build.ts'
import { PAGE_BYTES, PAGE_ROOM, type RunIdentity } from '../../../src/index/term-format.ts'
import { type MergeTools, mergeLast, mergeRuns } from '../../../src/index/term-merge.ts'
import { findTerm, openRun, type TermRun } from '../../../src/index/term-run.ts'
import { type BatchPlace, offsetsIn } from '../../../src/index/term-seek.ts'
import type { Reading } from '../../../src/segment/file-pool.ts'
import { type Draw, draws } from '../../support/seeded-random.ts'
import { digest } from '../codec/batch-support.ts'

export const EVERYTHING = { from: 0, to: Number.MAX_SAFE_INTEGER, most: Number.POSITIVE_INFINITY, backward: false }

/** Eight hashes for all keys, so that everything collides; pages keep their checksums. */
export const weakDigest: Digest = {
  sha256: digest.sha256,
  crc32: (bytes, seed) => (bytes.length === PAGE_ROOM ? digest.crc32(bytes, seed) : digest.crc32(bytes, seed) & 7),
}

/** Files by path, and how often they were read. */
export class Files {
  readonly bytes = new Map<string, Uint8Array>()
  reads = 0

  answer(request: { path: string; position: number; length: number } | object): Uint8Array {
    if (!('path' in request)) throw new Error('term runs inflate nothing')
    this.reads++
    const file = this.bytes.get(request.path) ?? new Uint8Array(0)
    return file.slice(request.position, request.position + request.length)
  }

  run<T>(reading: Reading<T>): T {
    let step = reading.next()
    while (!step.done) step = reading.next(this.answer(step.value))
    return step.value
  }
}

/** What one segment holds. */
export interface Segment {
  readonly rows: TailRows
  readonly identity: RunIdentity
}

/** Segments that follow each other, and what they hold. */
export interface Log {
  readonly segments: Segment[]
  /** Offsets by `field:text`. */
  readonly model: Map<string, number[]>
  /** Batches, with the number of their segment. */
  readonly places: BatchPlace[]
}

const ODD = ['a', 'Größe', '\u{1F600}', '日本語', 'x'.repeat(256), '\u0000', 'é\uFFFF', '𝒳'.repeat(60)]

/** Make segments of so many rows each. Some texts are frequent, some odd, some in one row only. */
export function makeLog(seed: number, sizes: readonly number[]): Log {
  const draw = draws(seed)
  const below = (limit: number) => draw() % limit
  const log: Log = { segments: [], model: new Map(), places: [] }
  let offset = below(2) * 1000
  for (const [sequence, size] of sizes.entries()) {
    const baseOffset = offset
    const rows = new TailRows()
    let position = 128
    while (offset < baseOffset + size) {
      const count = Math.min(1 + below(20), baseOffset + size - offset)
      const key = below(3) === 0 ? `key-${draw()}` : undefined
      const list = Array.from({ length: count }, (_, i) => makeRow(draw, offset + i, key))
      const sizeBytes = 100 + below(100_000)
      rows.add(list, { baseOffset: offset, recordedAt: 1, position, length: sizeBytes })
      log.places.push({ segment: sequence, position, sizeBytes, baseOffset: offset, rows: count })
      for (const [i, row] of list.entries()) note(log.model, row, offset + i)
      offset += count
      position += sizeBytes
    }
    log.segments.push({ rows, identity: identityOf({ sequence, baseOffset, endOffset: offset }) })
    offset += below(4) === 0 ? below(300) : 0
  }
  return log
}

function makeRow(draw: Draw, offset: number, idempotencyKey: string | undefined): TailRow {
  const one = (limit: number) => draw() % limit
  const maybe = (share: number, text: string) => (one(share) === 0 ? text : undefined)
  return {
    kind: `Kind${one(3)}`,
    entity: one(10) === 0 ? (ODD[one(ODD.length)] as string) : `entity-${one(40)}`,
    id: maybe(2, `id-${offset}`),
    correlationId: maybe(3, `entity-${one(9)}`),
    causationId: maybe(4, `id-${one(offset + 1)}`),
    scope: maybe(2, `Kind${one(2)}`),
    lane: undefined,
    depth: undefined,
    tags: one(3) === 0 ? [`tag-${one(3)}`, ODD[one(ODD.length)] as string, `tag-${one(3)}`] : undefined,
    idempotencyKey,
  }
}

function note(model: Map<string, number[]>, row: TailRow, offset: number): void {
  for (const field of TERM_FIELDS) {
    const texts = field === 'tag' ? [...new Set(row.tags)] : [row[field]]
    for (const text of texts) {
      if (text === undefined) continue
      const list = model.get(`${field}:${text}`)
      if (list === undefined) model.set(`${field}:${text}`, [offset])
      else list.push(offset)
    }
  }
}

export function termOf(key: string): Term {
  const field = TERM_FIELDS.find((one) => key.startsWith(`${one}:`)) ?? 'entity'
  return { field, text: key.slice(field.length + 1) }
}

export function identityOf(facts: Partial<RunIdentity>): RunIdentity {
  const sequence = facts.sequence ?? 0
  return {
    ...{ level: 0, sequence, segments: 1, baseOffset: 0, endOffset: 0, endPosition: 128 + sequence },
    ...{ lastSegmentId: sequence.toString(16).padStart(16, '0'), endHash: 'ab'.repeat(32) },
    ...facts,
  }
}

/** Take a build to its end. */
export function build(segment: Segment, by: Digest = digest): Uint8Array {
  const building = buildRun(segment.rows, segment.identity, by)
  let step = building.next()
  while (!step.done) step = building.next()
  return step.value
}

/** Build a run into the files and open it. */
export function buildAndOpen(
  files: Files,
  segment: Segment,
  facts: { digest?: Digest; cache?: PageCache } = {},
): TermRun {
  const path = `run-${segment.identity.sequence}`
  files.bytes.set(path, build(segment, facts.digest))
  return openIn(files, path, { ...facts, expected: segment.identity })
}

export function openIn(
  files: Files,
  path: string,
  facts: { expected?: Partial<RunIdentity>; digest?: Digest; cache?: PageCache },
): TermRun {
  const { expected = {}, ...tools } = facts
  return files.run(openRun(path, expected, { digest, cache: new PageCache(1 << 20), ...tools }))
}

/** Merge adjacent runs into the files and open the result. */
export async function mergeIn(
  files: Files,
  inputs: readonly TermRun[],
  { level, ...facts }: { level: number; digest?: Digest },
): Promise<TermRun> {
  const [first, last] = [inputs[0] as TermRun, inputs.at(-1) as TermRun]
  const { endOffset, lastSegmentId, endPosition, endHash } = last.identity
  const { sequence, baseOffset } = first.identity
  const segments = inputs.reduce((sum, input) => sum + input.identity.segments, 0)
  const end = { endOffset, lastSegmentId, endPosition, endHash }
  const identity = { level, sequence, segments, baseOffset, ...end }
  const path = `run-${level}-${sequence}`
  files.bytes.set(path, await written(files, (tools) => mergeRuns(inputs, identity, tools), facts))
  return openIn(files, path, { ...facts, expected: identity })
}

/** Keep the last offsets of entities of runs. */
export async function mergeLastIn(files: Files, inputs: readonly TermRun[], path: string): Promise<TermRun> {
  const endOffset = inputs.at(-1)?.identity.endOffset ?? 0
  const identity = identityOf({ level: 255, segments: 0, endOffset })
  files.bytes.set(path, await written(files, (tools) => mergeLast(inputs, identity, tools), {}))
  return openIn(files, path, { expected: identity })
}

/** The bytes that a merge writes. @param facts.appendOnly the storage cannot overwrite. */
export async function written(
  files: Files,
  merge: (tools: MergeTools) => Promise<void>,
  facts: { digest?: Digest; appendOnly?: boolean },
): Promise<Uint8Array> {
  let file = new Uint8Array(0)
  const append = (bytes: Uint8Array) => {
    const longer = new Uint8Array(file.length + bytes.length)
    longer.set(file)
    longer.set(bytes, file.length)
    file = longer
  }
  await merge({
    digest: facts.digest ?? digest,
    answer: (request) => files.answer(request),
    append,
    ...(facts.appendOnly ? {} : { overwrite: (position: number, bytes: Uint8Array) => file.set(bytes, position) }),
    turn: () => undefined,
  })
  if (file.length % PAGE_BYTES !== 0) throw new Error('a run is whole pages')
  return file
}

/** All offsets of a term in a run. */
export function offsetsOf(files: Files, run: TermRun, key: string): number[] {
  const found = files.run(findTerm(run, termOf(key)))
  return found === undefined ? [] : files.run(offsetsIn(run, found, EVERYTHING))
}

/** Checking term runs, which are derived, and the versions of pruned entities, which are truth: every page, and that
 * the answers are those of the segments.
 *
 * A run is gone through twice: page by page, then term by term, each of which is looked up as a reader does. What its
 * postings and places add up to is compared with what the scan of the segments added up. Memory: a few pages.
 * @module */
import { fromUtf8 } from '../codec/bytes.ts'
import { isVarveError } from '../errors.ts'
import { PageCache } from '../index/page-cache.ts'
import { TERM_FIELDS, type TermField } from '../index/term.ts'
import { RunCursor, readPages } from '../index/term-cursor.ts'
import { PAGE_BYTES, type RunIdentity, runRefused } from '../index/term-format.ts'
import { findTerm, openRun, type Postings, type TermRun } from '../index/term-run.ts'
import { offsetsIn, PlacesWalk, placeAt } from '../index/term-seek.ts'
import { type PartitionRow, partitionDirectory, type SegmentRow } from '../manifest/index.ts'
import type { Reading } from '../segment/file-pool.ts'
import { besideSegment, mergedRun } from '../segment/names.ts'
import { prunedIdentity } from '../topic/pruned-versions.ts'
import { RUN_FAN_IN } from '../topic/term-cover.ts'
import type { VerifyRun } from './verify-run.ts'
import { type SegmentSums, TermHash, TermSums } from './verify-sums.ts'

/** Enough for the pages that neighbouring terms share. */
const CACHE_BYTES = 1024 * 1024
/** Offsets of a long list taken at once. */
const OFFSETS_AT_ONCE = 8192

/** A partition whose segments were scanned. */
export interface TermsWish {
  readonly topic: string
  readonly row: PartitionRow
  /** Of each segment of the row; undefined where it was not scanned to its end. */
  readonly sums: readonly (SegmentSums | undefined)[]
  /** Whether the manifest still names a file with the versions of pruned entities. */
  readonly isNamed: (file: string) => Promise<boolean>
}

/** A file with a run, and the segments of the row that it covers. */
interface RunFile {
  readonly path: string
  readonly level: number
  readonly sequence: number
}

/** The files that `checkTerms` looks at: what there may be beside each sealed segment, merged runs, and versions. */
export async function termFiles(run: VerifyRun, topic: string, row: PartitionRow): Promise<string[]> {
  const versions =
    row.prunedVersions === undefined ? [] : [`${partitionDirectory(topic, row.partition)}/${row.prunedVersions}`]
  return [...(await runFiles(run, topic, row)).map(({ path }) => path), ...versions]
}

async function runFiles(run: VerifyRun, topic: string, row: PartitionRow): Promise<RunFile[]> {
  const directory = partitionDirectory(topic, row.partition)
  const { droppedSegments = 0 } = row
  const files: RunFile[] = []
  for (const [at, { file, sealed }] of row.segments.entries()) {
    if (sealed !== undefined) {
      files.push({ path: `${directory}/${besideSegment(file, 'terms')}`, level: 0, sequence: droppedSegments + at })
    }
  }
  for (const { name } of await run.storage.list(directory)) {
    if (isRunOf(row, name)) files.push({ path: `${directory}/${name}`, ...mergedRun(name) } as RunFile)
  }
  return files
}

/** Whether a name is that of a merged run of segments of which some are there, and sealed. */
export function isRunOf(row: PartitionRow, name: string): boolean {
  const { level = 0, sequence = 0 } = mergedRun(name) ?? {}
  const { droppedSegments = 0, segments } = row
  const end = sequence + RUN_FAN_IN ** level
  return level > 0 && end > droppedSegments && segments[end - 1 - droppedSegments]?.sealed !== undefined
}

/** Check the term runs of a partition, and the versions of its pruned entities. */
export async function checkTerms(run: VerifyRun, wish: TermsWish): Promise<void> {
  const { row, topic } = wish
  const covered = new Set<number>()
  for (const file of await runFiles(run, topic, row)) {
    const isGood = await checkOne(run, file, wish)
    const end = file.sequence + RUN_FAN_IN ** file.level
    for (let sequence = file.sequence; isGood && sequence < end; sequence++) covered.add(sequence)
  }
  const { droppedSegments = 0, prunedVersions } = row
  const directory = partitionDirectory(topic, row.partition)
  const without = row.segments.filter(({ sealed }, at) => sealed !== undefined && !covered.has(droppedSegments + at))
  if (without.length > 0) {
    run.leaveOut(`${directory}: ${without.length} sealed segments have no good term index; it is made when asked for.`)
  }
  if (prunedVersions !== undefined) await checkVersions(run, `${directory}/${prunedVersions}`, wish)
}

/** @returns whether a run is there and can be used. */
async function checkOne(run: VerifyRun, file: RunFile, wish: TermsWish): Promise<boolean> {
  const { path } = file
  const differs = (code: string, reason: string, position?: number) => {
    const message = `Term index "${path}" is wrong: ${reason}; it is derived and can be deleted`
    run.problem({ code, file: path, message, damage: false, ...(position === undefined ? {} : { position }) })
    return false
  }
  try {
    const size = await run.sizeOf(path)
    run.plan(path, size ?? 0)
    // Merged into a larger one, or not made yet.
    if (size === undefined) return false
    run.begin(path, size)
    const found = await run.drive(openRun(path, identityOf(file, wish.row), tools(run)))
    const sums = await run.drive(walkRun(run, found, { size, from: firstKept(file, wish.row) }))
    const wanted = wantedOf(file, wish)
    if (wanted === undefined) {
      run.leaveOut(`${path}: a segment it is of could not be read, so there is nothing to compare it with.`)
      return true
    }
    if (!sums.postings.equals(wanted.postings))
      return differs('TERMS_DIFFER', 'its terms are not those of its segments')
    if (!sums.places.equals(wanted.places)) return differs('TERMS_DIFFER', 'its batches are not those of its segments')
    return true
  } catch (error) {
    if (isVarveError(error, 'FILE_MISSING')) return false
    if (!isVarveError(error) || error.retryable || error.kind === 'closed') throw error
    const { page, reason } = error.details
    return differs(
      'TERMS_DAMAGED',
      String(reason ?? error.message),
      typeof page === 'number' ? page * PAGE_BYTES : undefined,
    )
  } finally {
    run.finish()
  }
}

function tools(run: VerifyRun) {
  return { digest: run.digest, cache: new PageCache(CACHE_BYTES) }
}

/** The segments of a row that a run covers; those before them were pruned. */
function segmentsOf<T>({ level, sequence }: RunFile, row: PartitionRow, all: readonly T[]): T[] {
  const { droppedSegments = 0 } = row
  const from = Math.max(0, sequence - droppedSegments)
  return all.slice(from, sequence + RUN_FAN_IN ** level - droppedSegments)
}

/** The first offset of a run that was not pruned. */
function firstKept(file: RunFile, row: PartitionRow): number {
  return segmentsOf(file, row, row.segments)[0]?.baseOffset ?? 0
}

function identityOf(file: RunFile, row: PartitionRow): Partial<RunIdentity> {
  const { level, sequence } = file
  const covered: SegmentRow[] = segmentsOf(file, row, row.segments)
  const [first, last] = [covered[0], covered.at(-1)]
  const segments = RUN_FAN_IN ** level
  const isWhole = covered.length === segments
  return {
    level,
    sequence,
    segments,
    ...(isWhole && first !== undefined ? { baseOffset: first.baseOffset } : {}),
    ...(last?.sealed === undefined
      ? {}
      : {
          endOffset: last.sealed.endOffset,
          lastSegmentId: last.id,
          endPosition: last.sealed.endPosition,
          endHash: last.sealed.endHash,
        }),
  }
}

function wantedOf(file: RunFile, { row, sums }: TermsWish): TermSums | undefined {
  const wanted = new TermSums()
  for (const part of segmentsOf(file, row, sums)) {
    if (part === undefined) return undefined
    wanted.addAll(part)
  }
  return wanted
}

/** Read a whole run. @returns what it adds up to from an offset on. @throws {VarveError} `DECODE_FAILED`. */
function* walkRun(run: VerifyRun, found: TermRun, facts: { size: number; from: number }): Reading<TermSums> {
  const sums = new TermSums()
  const end = found.filter + found.sizes.filterPages
  if (facts.size !== end * PAGE_BYTES) throw runRefused(found.path, `it has ${facts.size} bytes, not ${end} pages`)
  const { sequence } = found.identity
  run.reached(PAGE_BYTES)
  for (let page = 1; page < end; ) {
    const pages = yield* readPages(found, page, end)
    for (const [at, own] of pages.entries()) {
      if (page + at >= found.postings) continue
      const walk = new PlacesWalk(own)
      while (walk.next()) {
        const { segment, ...batch } = placeAt(walk)
        if (batch.baseOffset >= facts.from) sums.place(sequence + segment, batch)
      }
    }
    page += pages.length
    run.reached(page * PAGE_BYTES)
  }
  yield* walkTerms(found, facts.from, sums)
  return sums
}

function* walkTerms(found: TermRun, from: number, sums: TermSums): Reading<void> {
  const cursor = new RunCursor(found)
  const hash = new TermHash()
  let terms = 0
  let postings = 0
  for (yield* cursor.load(); cursor.hash !== Number.POSITIVE_INFINITY; ) {
    const list = cursor.list()
    const { one, other } = hash.key(cursor.key)
    yield* mustFind(found, cursor.key, list)
    for (let next = list.first; next <= list.last; ) {
      const offsets = yield* offsetsIn(found, list, {
        from: next,
        to: list.last + 1,
        most: OFFSETS_AT_ONCE,
        backward: false,
      })
      const last = offsets.at(-1)
      if (last === undefined) throw runRefused(found.path, 'a list ends before its last offset')
      postings += offsets.length
      for (const offset of offsets) if (offset >= from) sums.postings.add(one, other, offset)
      next = last + 1
    }
    terms++
    if (!cursor.next()) yield* cursor.load()
  }
  const { sizes } = found
  if (terms !== sizes.terms || postings !== sizes.postings) throw runRefused(found.path, 'its header counts otherwise')
}

/** A term must be found as a reader looks for it: by the filter, and on the page that the filter names. */
function* mustFind(found: TermRun, key: Uint8Array, list: Postings): Reading<void> {
  const field = TERM_FIELDS[key[0] ?? TERM_FIELDS.length] as TermField | undefined
  if (field === undefined) throw runRefused(found.path, 'a term has a field that there is none of')
  const seen = yield* findTerm(found, { field, text: fromUtf8(key.subarray(1)) })
  if (seen === undefined || seen.first !== list.first || seen.last !== list.last || seen.count !== list.count) {
    throw runRefused(found.path, 'a term in it is not found')
  }
}

/** Check the versions of pruned entities. Nothing else tells them, so only the file itself can be checked. */
async function checkVersions(run: VerifyRun, path: string, wish: TermsWish): Promise<void> {
  const { prunedVersions = '', logStartOffset } = wish.row
  const damaged = (reason: string) => {
    const message = `The versions of pruned entities in "${path}" cannot be told: ${reason}`
    run.problem({ code: 'VERSIONS_DAMAGED', file: path, message, damage: true })
  }
  await run.about(path, async () => {
    const size = await run.sizeOf(path)
    run.plan(path, size ?? 0)
    if (size === undefined) {
      if (await wish.isNamed(prunedVersions)) damaged('the file is missing')
      return
    }
    run.begin(path, size)
    try {
      const found = await run.drive(openRun(path, prunedIdentity(logStartOffset), tools(run)))
      await run.drive(walkRun(run, found, { size, from: 0 }))
    } catch (error) {
      if (!isVarveError(error, 'DECODE_FAILED')) throw error
      damaged(String(error.details.reason ?? error.message))
      return
    }
    run.leaveOut(`${path}: whether the versions in it are true; the events that told them are gone.`)
  })
}

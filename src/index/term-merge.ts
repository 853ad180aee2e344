/** Merging term runs of adjacent segments into one, with memory for a few pages of each and the filter.
 *
 * The inputs are gone through twice: for the long lists, whose pages come first in the file, and for the terms. The
 * header tells the sizes of everything and stands before it, so it is written last, over zeros that no reader takes
 * for a run; where a storage cannot write there, everything is gone through once more, before, only to measure.
 * @module */
import type { Digest } from '../codec/digest.ts'
import { assert } from '../errors.ts'
import type { Maybe } from '../ports/storage.ts'
import { readPages } from './term-cursor.ts'
import { encodeRunHeader, LEVEL_LAST, PAGE_BYTES, type RunIdentity, runRefused, runSeed } from './term-format.ts'
import {
  type Asked,
  countEntities,
  handOn,
  type Merging,
  writeLast,
  writeLongLists,
  writeTerms,
} from './term-merge-terms.ts'
import { PageOutput, PlacesWriter } from './term-output.ts'
import type { TermRun } from './term-run.ts'
import { type BatchPlace, PlacesWalk, placeAt } from './term-seek.ts'
import { TermsWriter } from './term-write.ts'

/** What a merge needs from outside. */
export interface MergeTools {
  readonly digest: Digest
  /** Answer what a `Reading` asks for, as `FilePool` does. */
  answer(request: Asked): Maybe<Uint8Array>
  /** Write at the end of the new file. The bytes are not used again here. */
  append(bytes: Uint8Array): Maybe<void>
  /** Write over the beginning of the new file. Absent when the storage cannot. */
  overwrite?(position: number, bytes: Uint8Array): Maybe<void>
  /** Called after at most a few milliseconds of work: return a promise to let others have a turn. */
  turn(): Maybe<void>
}

/** Merge runs of adjacent segments, oldest first, into one that answers as all of them do.
 * @throws {VarveError} `DECODE_FAILED` when an input is damaged. */
export function mergeRuns(inputs: readonly TermRun[], identity: RunIdentity, tools: MergeTools): Promise<void> {
  for (const [i, input] of inputs.entries()) {
    const before = inputs[i - 1]
    assert(before === undefined || before.identity.endOffset <= input.identity.baseOffset, 'runs are merged in order')
  }
  return run({ inputs, identity, digest: tools.digest }, tools)
}

/** Keep of several runs, oldest first, nothing but the last offset of each entity. The inputs may be such runs
 * themselves.
 * @param identity of level 255.
 * @throws {VarveError} `DECODE_FAILED` when an input is damaged. */
export function mergeLast(inputs: readonly TermRun[], identity: RunIdentity, tools: MergeTools): Promise<void> {
  assert(identity.level === LEVEL_LAST, 'last offsets are a level of their own')
  return run({ inputs, identity, digest: tools.digest }, tools)
}

interface Job {
  readonly inputs: readonly TermRun[]
  readonly identity: RunIdentity
  readonly digest: Digest
}

async function run(job: Job, tools: MergeTools): Promise<void> {
  const { overwrite } = tools
  if (overwrite === undefined) {
    await tools.append(await take(merge(job, true), tools))
    await take(merge(job, false), tools)
    return
  }
  await tools.append(new Uint8Array(PAGE_BYTES))
  const header = await take(merge(job, false), tools)
  await tools.overwrite?.(0, header)
}

/** Take a merge to its end. */
async function take<T>(merging: Merging<T>, tools: MergeTools): Promise<T> {
  const nothing = new Uint8Array(0)
  let step = merging.next(nothing)
  while (!step.done) {
    const asked = step.value
    let bytes: Maybe<Uint8Array> = nothing
    if (asked instanceof Uint8Array) {
      const written = tools.append(asked)
      if (written !== undefined) await written
    } else bytes = tools.answer(asked)
    if (bytes instanceof Promise) bytes = await bytes
    const turn = tools.turn()
    if (turn !== undefined) await turn
    step = merging.next(bytes)
  }
  return step.value
}

/** Everything but the header, which it returns. */
function* merge(job: Job, measuring: boolean): Merging<Uint8Array> {
  const { inputs, identity, digest } = job
  const out = new PageOutput({ seed: runSeed(identity, digest), digest }, measuring)
  if (identity.level !== LEVEL_LAST) yield* mergePlaces(inputs, out)
  const placesPages = out.page - 1
  const found = yield* identity.level === LEVEL_LAST ? countEntities(inputs) : writeLongLists(inputs, out)
  const postingsPages = out.page - 1 - placesPages
  const writer = new TermsWriter(out, found.terms)
  yield* identity.level === LEVEL_LAST
    ? writeLast(inputs, writer, out)
    : writeTerms(inputs, { writer, longs: found.longs }, out)
  const termsPages = writer.endTerms()
  const { filterPages, blocks } = writer.writeFilter()
  out.flush()
  yield* handOn(out)
  const pages = { placesPages, postingsPages, termsPages, filterPages }
  const header = encodeRunHeader(identity, { ...pages, blocks, terms: found.terms, postings: found.postings })
  out.seal(header, 0)
  return header
}

function* mergePlaces(inputs: readonly TermRun[], out: PageOutput): Merging<void> {
  const writer = new PlacesWriter(out)
  let segments = 0
  for (const input of inputs) {
    const end = input.places + input.sizes.placesPages
    let before: BatchPlace = { segment: 0, position: 0, sizeBytes: 0, baseOffset: input.identity.baseOffset, rows: 0 }
    for (let page = input.places; page < end; ) {
      const pages = yield* readPages(input, page, end)
      page += pages.length
      for (const own of pages) {
        const walk = new PlacesWalk(own)
        while (walk.next()) {
          const batch = placeAt(walk)
          if (!follows(before, batch, input.identity)) throw runRefused(input.path, 'its places are not in order')
          writer.add({ ...batch, segment: segments + batch.segment })
          before = batch
        }
      }
      yield* handOn(out)
    }
    segments += input.identity.segments
  }
  writer.end()
}

function follows(before: BatchPlace, batch: BatchPlace, { segments, endOffset }: RunIdentity): boolean {
  const start = batch.segment === before.segment ? before.position + before.sizeBytes : 0
  return (
    batch.segment >= before.segment &&
    batch.segment < segments &&
    batch.position >= start &&
    batch.baseOffset >= before.baseOffset + before.rows &&
    batch.baseOffset + batch.rows <= endOffset
  )
}

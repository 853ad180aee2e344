/** Which term runs cover the sealed segments of a partition: one for each segment or, merged, one for 8, 64, 512 ... of
 * them, so that thousands of segments take a few look-ups. All of it is derived: what is missing is made again.
 * @module */
import { isVarveError } from '../errors.ts'
import type { RunIdentity } from '../index/term-format.ts'
import { openRun, type TermRun } from '../index/term-run.ts'
import { isUnreadable, type Reading } from '../segment/file-pool.ts'
import { besideSegment } from '../segment/names.ts'
import type { LogContext } from './context.ts'
import type { HeldSegment } from './held-segments.ts'
import type { Partition } from './partition.ts'
import { type RowsSource, RunSource } from './term-sources.ts'

/** A run of level n covers this many segments to the power of n. */
export const RUN_FAN_IN = 8
const LEVEL_MAX = 8

/** A sealed segment of which the terms are not known yet. */
export interface Unindexed {
  readonly segment: HeldSegment
  /** Counted from the first segment the partition ever had. */
  readonly sequence: number
  readonly baseOffset: number
  readonly endOffset: number
}

/** What covers some sealed segments. */
export type Cover = RunSource | RowsSource | Unindexed

/** Whether a part of the cover has no terms yet. */
export function isUnindexed(cover: Cover): cover is Unindexed {
  return 'segment' in cover
}

/** A run by its level and the sequence of its first segment. */
export interface RunName {
  readonly level: number
  readonly sequence: number
}

export class TermCover {
  readonly #context: LogContext
  readonly #partition: Partition
  /** In order; undefined: not looked for yet. */
  #parts: Cover[] | undefined

  constructor(context: LogContext, partition: Partition) {
    this.#context = context
    this.#partition = partition
    partition.onPruned = () => this.#dropPruned()
  }

  get isLoaded(): boolean {
    return this.#parts !== undefined
  }

  /** Everything is known. */
  get isComplete(): boolean {
    return this.#parts !== undefined && !this.#parts.some(isUnindexed)
  }

  /** In order; empty before `load`. */
  get parts(): readonly Cover[] {
    return this.#parts ?? []
  }

  /** Look for the largest runs. Cost: one small read for each run. */
  *load(): Reading<void> {
    this.#parts ??= yield* this.#find()
  }

  /** Look again when it is next needed. */
  forget(): void {
    this.#parts = undefined
  }

  /** The largest runs that cover the sealed segments, and segments that have none. */
  *#find(): Reading<Cover[]> {
    const segments = this.#partition.segments.slice(0, -1)
    const first = this.#partition.droppedSegments
    const cover: Cover[] = []
    for (let at = 0; at < segments.length; ) {
      const found = yield* this.#largestRun(segments, at, first)
      if (found === undefined) {
        cover.push(unindexed(segments[at] as HeldSegment, first + at))
        at++
      } else {
        cover.push(found)
        at = found.endSequence - first
      }
    }
    return cover
  }

  *#largestRun(segments: readonly HeldSegment[], at: number, first: number): Reading<RunSource | undefined> {
    for (let level = LEVEL_MAX; level >= 0; level--) {
      const size = RUN_FAN_IN ** level
      const sequence = Math.floor((first + at) / size) * size
      // Only the first run may begin before what is kept.
      if (sequence + size > first + segments.length || (sequence < first + at && at > 0)) continue
      const found = yield* this.openRun({ level, sequence })
      if (found !== undefined) return found
    }
    return undefined
  }

  /** Open the run of a level that begins with a segment. @returns undefined when there is no good one. */
  *openRun(name: RunName): Reading<RunSource | undefined> {
    const path = this.runPath(name)
    const identity = this.identityOf(name)
    if (path === undefined || identity === undefined) return undefined
    const { digest, termPages } = this.#context
    try {
      const run = yield* openRun(path, identity, { digest, cache: termPages })
      return this.sourceOf(run)
    } catch (error) {
      if (!isUnreadable(error)) throw error
      if (!isVarveError(error, 'FILE_MISSING')) this.#refuse(path, error)
      return undefined
    }
  }

  /** A run of this partition as a source. Offsets that were pruned do not count. */
  sourceOf(run: TermRun): RunSource {
    const { sequence, segments, baseOffset } = run.identity
    const facts = { baseOffset: Math.max(baseOffset, this.#partition.logStartOffset), endSequence: sequence + segments }
    return new RunSource(run, facts)
  }

  /** What the run of a level has to say of itself; without its base offset where that segment was pruned. */
  identityOf({ level, sequence }: RunName): (Partial<RunIdentity> & Omit<RunIdentity, 'baseOffset'>) | undefined {
    const { segments, droppedSegments } = this.#partition
    const size = RUN_FAN_IN ** level
    const first = segments[sequence - droppedSegments]
    const last = segments[sequence + size - 1 - droppedSegments]
    if (last?.seal === undefined) return undefined
    return {
      level,
      sequence,
      segments: size,
      ...(first === undefined ? {} : { baseOffset: first.ref.baseOffset }),
      endOffset: last.seal.endOffset,
      lastSegmentId: last.ref.id,
      endPosition: last.seal.endPosition,
      endHash: last.seal.endHash,
    }
  }

  /** Where the run of a level lies that begins with a segment. */
  runPath(name: RunName): string | undefined {
    if (name.level > 0) return `${this.#partition.directory}/${mergedRunFile(name)}`
    const segment = this.#partition.segments[name.sequence - this.#partition.droppedSegments]
    return segment === undefined ? undefined : besideSegment(segment.ref.path, 'terms')
  }

  /** Put one part in the place of some neighbours. @returns false when they are not there any more. */
  replace(old: readonly Cover[], by: RunSource | RowsSource): boolean {
    const at = this.#parts?.indexOf(old[0] as Cover) ?? -1
    if (this.#parts === undefined || at < 0 || old.some((part, i) => this.#parts?.[at + i] !== part)) return false
    this.#parts.splice(at, old.length, by)
    return true
  }

  /** A run was written: use it instead of what covers the same segments now. Rows without events do not say where they
   * belong, and stay unless they lie between those that go. */
  adopt(run: RunSource): boolean {
    const parts = this.parts
    const isWithin = (part: Cover) => isPartOf(part, run)
    const first = parts.findIndex(isWithin)
    const old = parts.slice(Math.max(0, first), parts.findLastIndex(isWithin) + 1)
    return old.every((part) => isWithin(part) || part.endOffset === part.baseOffset) && this.replace(old, run)
  }

  /** A segment was sealed. Before `load` there is nothing to do. */
  push(rows: RowsSource): void {
    this.#parts?.push(rows)
  }

  /** Do without a run that cannot be read: its segments have none now. */
  drop(run: RunSource, cause: unknown): void {
    this.#context.termPages.forget(run.run.path)
    const at = this.#parts?.indexOf(run) ?? -1
    // It was replaced meanwhile: asking again meets what came instead.
    if (this.#parts === undefined || at < 0) return
    const isGone = isVarveError(cause, 'FILE_MISSING')
    if (!isGone) this.#refuse(run.run.path, cause)
    // A run that is gone in front of a reader was merged or pruned by the owner.
    if (isGone && this.#context.readOnly) {
      this.#parts = undefined
      return
    }
    const { segments, droppedSegments } = this.#partition
    const first = segments.findIndex(({ ref }) => ref.baseOffset >= run.baseOffset)
    const covered = segments.slice(first, run.endSequence - droppedSegments)
    this.#parts.splice(at, 1, ...covered.map((segment, i) => unindexed(segment, droppedSegments + first + i)))
  }

  #refuse(path: string, cause: unknown): void {
    const reason = isVarveError(cause) ? String(cause.details.reason ?? cause.message) : String(cause)
    this.#context.refuse(path, reason)
  }

  /** Segments before the log start were given up. */
  #dropPruned(): void {
    const start = this.#partition.logStartOffset
    this.#parts = this.#parts?.filter(({ endOffset }) => endOffset > start)
  }
}

/** Whether a run covers all that a part does. */
function isPartOf(part: Cover, { run, baseOffset, endOffset, endSequence }: RunSource): boolean {
  if (part instanceof RunSource) {
    return part.run.identity.sequence >= run.identity.sequence && part.endSequence <= endSequence
  }
  if (isUnindexed(part)) return part.sequence >= run.identity.sequence && part.sequence < endSequence
  return part.endOffset > part.baseOffset && part.baseOffset >= baseOffset && part.endOffset <= endOffset
}

function unindexed(segment: HeldSegment, sequence: number): Unindexed {
  const endOffset = segment.seal?.endOffset ?? segment.begin.offset
  return { segment, sequence, baseOffset: segment.ref.baseOffset, endOffset }
}

/** The name of a merged run. */
export function mergedRunFile({ level, sequence }: RunName): string {
  return `terms-${level}-${String(sequence).padStart(20, '0')}`
}

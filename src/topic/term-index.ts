/** What a partition knows of its events without reading them: which carry a term, and the version of every entity.
 *
 * Sealed segments are covered by term runs (`term-cover.ts`), the active one by its rows in memory; those from before
 * open as its checkpoint has them. What is missing is made from the envelopes of the segment, before the first answer.
 * @module */
import { isVarveError, VarveError } from '../errors.ts'
import type { Checkpoint } from '../index/checkpoint.ts'
import type { RowClause } from '../index/row-search.ts'
import { collectRows } from '../index/scan-rows.ts'
import { TailRows } from '../index/tail-rows.ts'
import { findTerm, openRun, type TermRun } from '../index/term-run.ts'
import { nextTurn } from '../ports/clock.ts'
import type { Maybe } from '../ports/storage.ts'
import type { BlockView } from '../segment/decode.ts'
import type { Reading } from '../segment/file-pool.ts'
import { CHECKPOINT_FILE } from '../segment/names.ts'
import type { LogPoint } from '../segment/segment.ts'
import type { LogContext } from './context.ts'
import type { HeldSegment } from './held-segments.ts'
import type { Partition, Scanned, ScanPlace } from './partition.ts'
import { prunedIdentity } from './pruned-versions.ts'
import { isUnindexed, TermCover, type Unindexed } from './term-cover.ts'
import { findBackward, findForward, firstMatch, lastKeyed, type Searched, type TermWish } from './term-reads.ts'
import { RowsSource, RunFault, RunSource, type TermSource } from './term-sources.ts'

/** A run that cannot be read is replaced and the question asked again, so often. */
const ATTEMPTS = 8

export class TermIndex {
  /** Rows of the active segment, since open or since its beginning. */
  tail = new TailRows()
  readonly cover: TermCover
  readonly #context: LogContext
  readonly #partition: Partition
  #checkpoint: Checkpoint | undefined
  /** Rows of the active segment from before open, where there are some; undefined: not read yet. */
  #earlier: RowsSource | undefined
  /** Where `tail` begins. */
  #tailStart: LogPoint
  /** For a reader: up to where `tail` is complete. */
  #followed: LogPoint
  #active: HeldSegment
  #pruned: { readonly file: string; readonly run: TermRun } | undefined
  #making: Promise<void> | undefined
  #loading: Promise<void> | undefined
  /** Told of rows of a sealed segment that has no run yet. */
  onRows: ((segment: Unindexed, rows: RowsSource) => void) | undefined

  constructor(context: LogContext, partition: Partition, checkpoint: Checkpoint | undefined) {
    this.#context = context
    this.#partition = partition
    this.cover = new TermCover(context, partition)
    this.#checkpoint = checkpoint?.stored.covers('tag') ? checkpoint : undefined
    this.#active = partition.active
    this.#tailStart = partition.durable
    this.#followed = partition.durable
    if (!this.#tailIsWhole && this.#checkpoint !== undefined) this.#earlier = new RowsSource(this.#checkpoint.stored)
  }

  get #tailIsWhole(): boolean {
    return this.#tailStart.offset === this.#active.ref.baseOffset
  }

  /** Ask something of the index, which is completed first. A run that turns out to be damaged is replaced. */
  ask<T>(question: () => Reading<T>): Maybe<T> {
    if (!this.#isComplete) return this.#askAgain(question, 0)
    try {
      const answer = this.#partition.drive(question())
      return answer instanceof Promise ? answer.catch((error) => this.#afterFault(error, question, 0)) : answer
    } catch (error) {
      return this.#afterFault(error, question, 0)
    }
  }

  async #askAgain<T>(question: () => Reading<T>, attempt: number): Promise<T> {
    try {
      await this.ready()
      return await this.#partition.drive(question())
    } catch (error) {
      return this.#afterFault(error, question, attempt)
    }
  }

  #afterFault<T>(error: unknown, question: () => Reading<T>, attempt: number): Promise<T> {
    if (!(error instanceof RunFault)) throw error
    const { source, cause } = error
    if (attempt >= ATTEMPTS) throw cause
    if (source instanceof RunSource) this.cover.drop(source, cause)
    else this.#dropCheckpoint(cause)
    return this.#askAgain(question, attempt + 1)
  }

  #dropCheckpoint(cause: unknown): void {
    const reason = isVarveError(cause) ? String(cause.details.reason ?? cause.message) : String(cause)
    this.#context.refuse(`${this.#partition.directory}/${CHECKPOINT_FILE}`, reason)
    this.#checkpoint = undefined
    this.#earlier = undefined
  }

  get #isComplete(): boolean {
    if (!this.cover.isComplete || !(this.#tailIsWhole || this.#earlier !== undefined)) return false
    // A writer is told when its active segment is another one. Until then the tail has the rows of the one before.
    if (!this.#context.readOnly) return true
    const { active, durable } = this.#partition
    return this.#active.ref.id === active.ref.id && this.#followed.offset >= durable.offset
  }

  /** Know of every event. */
  async ready(): Promise<void> {
    while (!this.#isComplete) await this.#complete()
  }

  #complete(): Promise<void> {
    this.#making ??= this.#completeNow().finally(() => {
      this.#making = undefined
    })
    return this.#making
  }

  async #completeNow(): Promise<void> {
    const { readOnly } = this.#context
    if (readOnly && this.#active.ref.id !== this.#partition.active.ref.id) this.#beginTail({ forgetCover: true })
    await this.loadCover()
    for (const part of this.cover.parts.filter(isUnindexed)) {
      const { segment } = part
      const to = { position: segment.seal?.endPosition ?? 0, offset: part.endOffset }
      const rows = new RowsSource(await this.#rows(segment, { from: segment.begin, to }))
      if (this.cover.replace([part], rows)) this.onRows?.(part, rows)
      await nextTurn()
    }
    if (!this.#tailIsWhole && this.#earlier === undefined) {
      const active = this.#active
      const earlier = await this.#rows(active, { from: active.begin, to: this.#tailStart })
      // The writer may have rolled meanwhile, and then the rows are in the tail, or covered.
      if (this.#active === active && !this.#tailIsWhole) this.#earlier = new RowsSource(earlier)
    }
    if (readOnly) await this.#follow()
  }

  /** See which runs there are. Two looks at once would be of different moments, and the later one would win. */
  loadCover(): Promise<void> {
    this.#loading ??= this.#loadCoverNow().finally(() => {
      this.#loading = undefined
    })
    return this.#loading
  }

  async #loadCoverNow(): Promise<void> {
    if (this.cover.isLoaded) return
    await this.#partition.drive(this.cover.load())
  }

  /** The rows of a part of a segment, from its envelopes. */
  async #rows(segment: HeldSegment, range: { from: LogPoint; to: LogPoint }): Promise<TailRows> {
    const rows = new TailRows()
    await this.#partition.drive(collectRows(segment.ref, { ...range, rows }, this.#context.digest))
    return rows
  }

  /** Take in what another process appended since this was last asked. */
  async #follow(): Promise<void> {
    const { active, durable } = this.#partition
    const from = this.#followed
    if (from.offset >= durable.offset || active.ref.id !== this.#active.ref.id) return
    await this.#partition.drive(collectRows(active.ref, { rows: this.tail, from, to: durable }, this.#context.digest))
    this.#followed = durable
  }

  /** The active segment is another one now. */
  #beginTail(facts: { forgetCover: boolean }): void {
    if (facts.forgetCover) this.cover.forget()
    this.#active = this.#partition.active
    this.#checkpoint = undefined
    this.#earlier = undefined
    this.#tailStart = this.#active.begin
    this.#followed = this.#active.begin
    this.tail = new TailRows()
  }

  /** The active segment was sealed, after `completeTail`: its rows go to whoever writes runs, a new tail begins. */
  seal(): void {
    const rows = new RowsSource(this.tail)
    const { segments, droppedSegments } = this.#partition
    const segment = segments.at(-2) as HeldSegment
    this.cover.push(rows)
    const { baseOffset, endOffset } = rows
    this.onRows?.({ segment, sequence: droppedSegments + segments.length - 2, baseOffset, endOffset }, rows)
    this.#beginTail({ forgetCover: false })
  }

  /** The rows of the active segment, all of them. Nothing may be written meanwhile. */
  async completeTail(): Promise<TailRows> {
    if (this.#tailIsWhole) return this.tail
    const whole = await this.#earlierRows()
    whole.addAll(this.tail)
    this.tail = whole
    this.#tailStart = this.#active.begin
    this.#earlier = undefined
    return whole
  }

  async #earlierRows(): Promise<TailRows> {
    try {
      if (this.#checkpoint !== undefined) return this.#checkpoint.rows()
    } catch (cause) {
      if (!isVarveError(cause, 'DECODE_FAILED')) throw cause
      this.#dropCheckpoint(cause)
    }
    return this.#rows(this.#active, { from: this.#active.begin, to: this.#tailStart })
  }

  /** Every source from the oldest on. */
  get #searched(): Searched {
    const sources: TermSource[] = []
    // A segment that a recovery sealed may have no events, and then its rows do not even say where it is.
    for (const part of this.cover.parts) {
      if (!isUnindexed(part) && part.endOffset > part.baseOffset) sources.push(part)
    }
    if (this.#earlier !== undefined) sources.push(this.#earlier)
    if (this.tail.length > 0) sources.push(new RowsSource(this.tail))
    return { partition: this.#partition, sources }
  }

  /** The version of an entity: the offset after its last event, written or durable; 0 when it never had one. */
  version(entity: string): Maybe<number> {
    if (this.#partition.salvaged) return this.#partition.drive(this.#salvagedVersion(entity))
    return this.tail.versionOf(entity) ?? this.ask(() => this.#version(entity))
  }

  *#version(entity: string): Reading<number> {
    for (const source of this.#searched.sources.toReversed()) {
      const version = yield* source.version(entity)
      if (version !== undefined) return version
    }
    return yield* this.#prunedVersion(entity)
  }

  /** The version that the events which a salvage found give an entity. Cost: envelopes, from the last one backwards. */
  *#salvagedVersion(entity: string): Reading<number> {
    const from = this.#partition.logStartOffset
    const match = ({ columns }: BlockView, row: number) => columns.entities[row] === entity
    const wish = {
      from,
      to: Number.POSITIVE_INFINITY,
      since: Number.NEGATIVE_INFINITY,
      until: Number.POSITIVE_INFINITY,
    }
    for (let before = this.#partition.durable.offset; before > from; ) {
      const { events, next } = yield* this.#partition.backward(before, { ...wish, match, limit: 1 })
      const [last] = events
      if (last !== undefined) return last.offset + 1
      before = next
    }
    return yield* this.#prunedVersion(entity)
  }

  /** The version of an entity whose durable events were all pruned; 0 when it never had one. */
  prunedVersion(entity: string): Maybe<number> {
    return this.#partition.drive(this.#prunedVersion(entity))
  }

  *#prunedVersion(entity: string): Reading<number> {
    const file = this.#partition.prunedVersions
    if (file === undefined) return 0
    const path = `${this.#partition.directory}/${file}`
    try {
      if (this.#pruned?.file !== file) {
        this.#pruned = { file, run: yield* openRun(path, prunedIdentity(this.#partition.logStartOffset), this.#tools) }
      }
      const found = yield* findTerm(this.#pruned.run, { field: 'entity', text: entity })
      return found === undefined ? 0 : found.last + 1
    } catch (cause) {
      if (!isVarveError(cause, 'DECODE_FAILED') && !isVarveError(cause, 'FILE_MISSING')) throw cause
      const message = `Cannot tell versions of pruned entities: "${path}" cannot be read`
      throw new VarveError('VERSIONS_DAMAGED', message, { details: { file: path }, cause })
    }
  }

  get #tools() {
    return { digest: this.#context.digest, cache: this.#context.termPages }
  }

  /** Some matching events at or after `from`, in order. */
  forward(from: number, wish: TermWish & { place: ScanPlace | undefined }): Maybe<Scanned & { place?: ScanPlace }> {
    return this.ask(() => findForward(this.#searched, from, wish))
  }

  /** Some matching events before `before`, newest first. */
  backward(before: number, wish: TermWish): Maybe<Scanned> {
    return this.ask(() => findBackward(this.#searched, before, wish))
  }

  /** The first event at or after `from` that matches a clause; those written and not durable yet count. */
  firstMatch(clause: RowClause, from: number): Maybe<number | undefined> {
    return this.ask(() => firstMatch(this.#searched, clause, from))
  }

  /** The first event of the last call with an idempotency key; those not durable yet count. */
  lastKeyed(key: string): Maybe<number | undefined> {
    return this.ask(() => lastKeyed(this.#searched, key))
  }

  /** How many calls with a key lie in segments after that of an offset, as far as it is known. */
  keysAfter(offset: number): number {
    let keys = 0
    for (const { ref, seal } of this.#partition.segments) if (ref.baseOffset > offset) keys += seal?.keys ?? 0
    return this.#active.ref.baseOffset > offset ? keys + this.tail.keys : keys
  }
}

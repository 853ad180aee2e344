/** Writing term runs behind the writer's back: one for each segment that was sealed, then merged ones, so that there
 * are never more than a few dozen. All of it is derived; a crash at any moment costs time.
 *
 * 1. Build the run of a segment in slices of a few milliseconds, publish it, use it instead of the rows in memory.
 * 2. When eight runs of a level are there, merge them, publish the merged run, use it, and only then remove the eight.
 * @module */
import { isVarveError, VarveError } from '../errors.ts'
import { TailRows } from '../index/tail-rows.ts'
import { buildRun } from '../index/term-build.ts'
import { PAGE_BYTES, type RunIdentity } from '../index/term-format.ts'
import { mergeRuns } from '../index/term-merge.ts'
import { openRun, type TermRun } from '../index/term-run.ts'
import { nextTurn } from '../ports/clock.ts'
import type { LogContext } from './context.ts'
import { publishDerived, writeDerived } from './derived.ts'
import { mergeTools } from './merge-tools.ts'
import type { Partition } from './partition.ts'
import { RUN_FAN_IN, type RunName, type Unindexed } from './term-cover.ts'
import type { TermIndex } from './term-index.ts'
import { type RowsSource, RunSource } from './term-sources.ts'

/** With more segments than this waiting, a roll waits: their rows are in memory. */
const WAITING_MAX = 2
/** A merge of so much is finished before the store closes. */
const SMALL_MERGE_BYTES = 8 * 1024 * 1024

export class TermKeeper {
  readonly #context: LogContext
  readonly #partition: Partition
  readonly #terms: TermIndex
  readonly #waiting: { segment: Unindexed; rows: RowsSource }[] = []
  #working: Promise<void> | undefined
  #closed = false
  /** Somebody reads the runs: they stay as they are. */
  #held = false
  /** Resolved when a segment's run was written. */
  #wake: (() => void)[] = []

  constructor(context: LogContext, partition: Partition, terms: TermIndex) {
    this.#context = context
    this.#partition = partition
    this.#terms = terms
    terms.onRows = (segment, rows) => {
      this.#waiting.push({ segment, rows })
      this.#start()
    }
  }

  #start(): void {
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined
      if (this.#waiting.length > 0) this.#start()
    })
  }

  /** Wait until few enough segments wait. */
  async room(): Promise<void> {
    while (this.#waiting.length > WAITING_MAX && this.#working !== undefined) await this.#next()
  }

  #next(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve))
  }

  /** Write the runs of sealed segments, and merge those that are small; larger merges are given up. */
  async close(): Promise<void> {
    this.#closed = true
    while (this.#working !== undefined) await this.#working
  }

  /** Never rejects: what cannot be written is reported, and missing runs are made again when they are needed. */
  async #work(): Promise<void> {
    try {
      do {
        for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
          await this.#write(next.segment, next.rows)
          this.#waiting.shift()
          for (const wake of this.#wake.splice(0)) wake()
        }
      } while (await this.#mergeNext())
    } catch (error) {
      this.#waiting.length = 0
      this.#context.diagnose('TERMS_NOT_WRITTEN', 'Could not write a term run', { reason: String(error) })
    } finally {
      // What was sealed since the last look still waits: `#start` sees it.
      for (const wake of this.#wake.splice(0)) wake()
    }
  }

  async #write(segment: Unindexed, rows: RowsSource): Promise<void> {
    const { cover } = this.#terms
    const name = { level: 0, sequence: segment.sequence }
    const path = cover.runPath(name)
    const identity = cover.identityOf(name)
    if (path === undefined || !isWhole(identity) || !(rows.rows instanceof TailRows)) return
    const bytes = await this.#build(rows.rows, identity)
    if (!(await writeDerived(this.#context, { path, durable: false }, bytes))) {
      const { digest, termPages: cache } = this.#context
      cover.adopt(cover.sourceOf(await this.#partition.drive(openRun(path, identity, { digest, cache, bytes }))))
      return
    }
    await this.#use(name, path)
  }

  async #build(rows: TailRows, identity: RunIdentity): Promise<Uint8Array> {
    const building = buildRun(rows, identity, this.#context.digest)
    let step = building.next()
    while (!step.done) {
      await nextTurn()
      step = building.next()
    }
    return step.value
  }

  /** Open a run that was just written and look things up in it from now on. */
  async #use(name: RunName, path: string): Promise<boolean> {
    const { cover } = this.#terms
    const run = await this.#partition.drive(cover.openRun(name))
    if (run !== undefined && cover.adopt(run)) return true
    // Its segments were pruned meanwhile, or the index does not want it.
    if (this.#isPruned(name)) await this.#remove([path])
    return false
  }

  #isPruned({ level, sequence }: RunName): boolean {
    return sequence + RUN_FAN_IN ** level <= this.#partition.droppedSegments
  }

  /** @returns whether there is more to be done. */
  async #mergeNext(): Promise<boolean> {
    const name = this.#held ? undefined : this.#mergeable()
    const merged = name !== undefined && (await this.#merge(name))
    return merged || this.#waiting.length > 0
  }

  /** The next run to be merged: the lowest level first. */
  #mergeable(): RunName | undefined {
    const runs = this.#terms.cover.parts.filter((part) => part instanceof RunSource)
    let best: RunName | undefined
    for (let at = 0; at + RUN_FAN_IN <= runs.length; at++) {
      const { level, sequence } = (runs[at] as RunSource).run.identity
      const size = RUN_FAN_IN ** (level + 1)
      if (sequence % size !== 0 || (best !== undefined && best.level <= level + 1)) continue
      const last = (runs[at + RUN_FAN_IN - 1] as RunSource).run.identity
      if (last.level === level && last.sequence + last.segments === sequence + size)
        best = { level: level + 1, sequence }
    }
    return best
  }

  async #merge(name: RunName): Promise<boolean> {
    const { cover } = this.#terms
    const path = cover.runPath(name)
    const end = name.sequence + RUN_FAN_IN ** name.level
    const inputs = cover.parts.filter(
      (part): part is RunSource =>
        part instanceof RunSource && part.run.identity.sequence >= name.sequence && part.endSequence <= end,
    )
    const [oldest] = inputs
    if (path === undefined || oldest === undefined) return false
    const identity = { ...cover.identityOf(name), baseOffset: oldest.run.identity.baseOffset }
    if (!isWhole(identity)) return false
    const runs = inputs.map(({ run }) => run)
    const isSmall = runs.reduce((sum, run) => sum + sizeOf(run), 0) <= SMALL_MERGE_BYTES
    const check = () => {
      // A merge that is given up leaves a temporary file, which the next open removes.
      if (this.#closed && !isSmall) throw new Error('The store is closing')
    }
    if (this.#closed && !isSmall) return false
    const merged = await publishDerived(this.#context, { path, durable: true }, (handle) =>
      mergeRuns(runs, identity, mergeTools(this.#context, handle, check)),
    )
    if (!merged || !(await this.#use(name, path))) return false
    await this.#remove(runs.map((run) => run.path))
    return true
  }

  async #remove(paths: readonly string[]): Promise<void> {
    const { storage, pool, termPages } = this.#context
    try {
      if (await this.#context.isFenced()) return
      for (const path of paths) {
        await pool.forget(path)
        termPages.forget(path)
        await storage.remove(path)
      }
    } catch (error) {
      if (!isVarveError(error)) throw error
      this.#context.diagnose('FILE_LEFT', 'Left merged term runs behind', { files: paths, reason: error.message })
    }
  }

  /** Do something with the runs of all segments that begin before an offset, each of them complete. None is merged,
   * and so removed, meanwhile.
   * @throws {VarveError} `STORAGE_UNAVAILABLE` when one of them could not be written or read. */
  async withRunsBefore<T>(offset: number, use: (runs: readonly TermRun[]) => Promise<T>): Promise<T> {
    await this.#terms.ready()
    this.#held = true
    try {
      while (this.#working !== undefined) await this.#working
      return await use(this.#runsBefore(offset))
    } finally {
      this.#held = false
      this.#start()
    }
  }

  #runsBefore(offset: number): TermRun[] {
    const runs: TermRun[] = []
    for (const part of this.#terms.cover.parts) {
      if (part.baseOffset >= offset || part.endOffset === part.baseOffset) continue
      // What it would say of versions is told nowhere else, once its segments are gone.
      if (!(part instanceof RunSource)) {
        const { topic, partition } = this.#partition
        throw new VarveError('STORAGE_UNAVAILABLE', `Cannot read a term run of topic "${topic}"`, {
          details: { topic, partition, baseOffset: part.baseOffset, endOffset: part.endOffset },
        })
      }
      runs.push(part.run)
    }
    return runs
  }
}

function sizeOf({ sizes }: TermRun): number {
  const { placesPages, postingsPages, termsPages, filterPages } = sizes
  return (1 + placesPages + postingsPages + termsPages + filterPages) * PAGE_BYTES
}

function isWhole(identity: Partial<RunIdentity> | undefined): identity is RunIdentity {
  return identity?.baseOffset !== undefined
}

/** Whose the segments of a topic are that no manifest tells of: a fork has those of the logs before it, too.
 * A log goes on where one of the other lineage leads to the hash with which its own first segment begins.
 * @module */
import type { AncestorRow } from '../manifest/index.ts'
import { drive } from '../segment/file-pool.ts'
import type { SegmentHeader } from '../segment/header.ts'
import { segmentRef } from '../segment/segment.ts'
import { type SalvageContext, type SegmentFile, unlessUnreadable } from './salvage-files.ts'
import { type SalvagedSegment, salvageSegment } from './salvage-scan.ts'

export interface FoundLineages {
  readonly lineage: string
  /** Absent: none. */
  readonly ancestors?: readonly AncestorRow[]
  /** Of the first segment of the lineage. */
  readonly createdAt: number
}

/** Files of each partition, by its number, that may be segments of the topic. */
export type LooseFiles = ReadonlyMap<number, { readonly directory: string; readonly files: readonly SegmentFile[] }>

interface Held {
  readonly file: SegmentFile
  readonly header: SegmentHeader
}

/** Find the log that most files belong to, together with those it goes on from.
 * Cost: none with one lineage; else a scan of the segments in which others go on.
 * @returns undefined when no header can be read. */
export async function findLineages(context: SalvageContext, loose: LooseFiles): Promise<FoundLineages | undefined> {
  return new Lineages(context, loose).find()
}

class Lineages {
  readonly #context: SalvageContext
  readonly #loose: LooseFiles
  /** By lineage: how many segments it has. */
  readonly #counts = new Map<string, number>()
  /** By partition, the segments with a good header, in offset order. */
  readonly #held = new Map<number, Held[]>()
  /** By lineage, those that it goes on from. */
  readonly #before = new Map<string, Set<string>>()

  constructor(context: SalvageContext, loose: LooseFiles) {
    this.#context = context
    this.#loose = loose
    for (const [number, { files }] of loose) {
      const held: Held[] = []
      for (const file of files) if (file.header?.partition === number) held.push({ file, header: file.header })
      this.#held.set(
        number,
        held.sort((a, b) => a.header.baseOffset - b.header.baseOffset),
      )
      for (const { header } of held) this.#counts.set(header.lineage, (this.#counts.get(header.lineage) ?? 0) + 1)
    }
  }

  async find(): Promise<FoundLineages | undefined> {
    if (this.#counts.size > 1) for (const number of this.#held.keys()) await this.#link(number)
    let best: string[] = []
    for (const lineage of this.#counts.keys()) {
      const line = this.#lineOf(lineage)
      if (this.#weight(line) > this.#weight(best)) best = line
    }
    const lineage = best.at(-1)
    if (lineage === undefined) return undefined
    const created = [...this.#held.values()].flat().filter(({ header }) => header.lineage === lineage)
    const createdAt = Math.min(...created.map(({ header }) => header.createdAt))
    const ancestors = best.slice(0, -1).map((name, at) => this.#ancestor(name, best.slice(at + 1)))
    return { lineage, createdAt, ...(ancestors.length === 0 ? {} : { ancestors }) }
  }

  /** Those that a lineage goes on from, the oldest first, and itself. */
  #lineOf(lineage: string, later: readonly string[] = []): string[] {
    const line: string[] = []
    for (const before of this.#before.get(lineage) ?? []) {
      if (later.includes(before)) continue
      for (const one of this.#lineOf(before, [...later, lineage])) if (!line.includes(one)) line.push(one)
    }
    return [...line, lineage]
  }

  #weight(line: readonly string[]): number {
    return line.reduce((sum, lineage) => sum + (this.#counts.get(lineage) ?? 0), 0)
  }

  /** Where an older log ends: with the first segment of any later one. */
  #ancestor(lineage: string, later: readonly string[]): AncestorRow {
    const partitions = Array.from({ length: Math.max(...this.#loose.keys()) + 1 }, (_, number) => number)
    const ends = partitions.map((number) => {
      const next = this.#held.get(number)?.find(({ header }) => later.includes(header.lineage))?.header
      return { offset: next?.baseOffset ?? Number.MAX_SAFE_INTEGER, hash: next?.hashBefore ?? '0'.repeat(64) }
    })
    return { lineage, storeId: '', ends }
  }

  /** Find which lineages of a partition go on from which. */
  async #link(number: number): Promise<void> {
    const held = this.#held.get(number) ?? []
    for (const lineage of new Set(held.map(({ header }) => header.lineage))) {
      const first = held.find(({ header }) => header.lineage === lineage)?.header
      if (first === undefined || first.baseOffset === 0) continue
      const earlier = held.filter(({ header }) => header.baseOffset < first.baseOffset && header.lineage !== lineage)
      for (const other of new Set(earlier.map(({ header }) => header.lineage))) {
        const files = earlier.filter(({ header }) => header.lineage === other)
        if (!(await this.#leadsTo(number, files, first))) continue
        const before = this.#before.get(lineage) ?? new Set()
        this.#before.set(lineage, before.add(other))
      }
    }
  }

  /** Whether segments of one lineage lead to the first one of another; damage in the last of them leaves it open, and
   * then they do. */
  async #leadsTo(number: number, files: readonly Held[], first: SegmentHeader): Promise<boolean> {
    for (const { file, header } of files.toReversed()) {
      const found = await this.#scan(number, { file, header }, first.baseOffset)
      const hash = found?.hashes.get(first.baseOffset)
      if (hash !== undefined) return hash === first.hashBefore
      if (found === undefined || found.lost.length > 0 || found.unknownAfter !== undefined) return true
      if (found.end.offset > first.baseOffset) return false
    }
    return false
  }

  /** @returns undefined when the device refuses to read it. */
  #scan(number: number, { file, header }: Held, offset: number): Promise<SalvagedSegment | undefined> {
    const { digest, pool, signal } = this.#context
    signal?.throwIfAborted()
    const directory = this.#loose.get(number)?.directory ?? ''
    const ref = segmentRef(directory, { ...header, file: file.file }, { partition: number, digest })
    const { sizeBytes } = file
    const facts = { digest, fileBytes: sizeBytes, endPosition: sizeBytes, endOffset: undefined, endHash: undefined }
    const wanted = { hashBefore: header.hashBefore, hashesAt: new Set([offset]) }
    return unlessUnreadable(
      () => drive(salvageSegment(ref, { ...facts, ...wanted }), pool),
      () => undefined,
    )
  }
}

/** Salvaging one partition: which files count, what of them can be proven good, and which offsets that leaves out.
 *
 * With a whole manifest its segments count and nothing else. With one that is damaged its sealed segments count, and
 * behind them the files that follow: from the one that was written last backwards, each time to the file that leads to
 * the hash with which the next one begins.
 * @module */
import type { AncestorRow, HeadEnd, PartitionRow, ProvenEnd, SegmentRow } from '../manifest/index.ts'
import { lineageAt, partitionDirectory } from '../manifest/index.ts'
import { nextTurn } from '../ports/clock.ts'
import { drive } from '../segment/file-pool.ts'
import { SEGMENT_HEADER_BYTES, type SegmentHeader } from '../segment/header.ts'
import { provenBeyond } from '../segment/scan.ts'
import { type SegmentRef, segmentRef } from '../segment/segment.ts'
import { type SalvageContext, type SegmentFile, segmentFiles, unlessUnreadable } from './salvage-files.ts'
import { type SalvagedSegment, type SegmentFacts, salvageSegment } from './salvage-scan.ts'

/** A partition, and what is known of it. */
export interface SalvageWish {
  readonly topic: string
  readonly lineage: string
  readonly ancestors: readonly AncestorRow[] | undefined
  readonly row: PartitionRow
  /** What the manifest says of how it was left, when all of it can be believed; undefined when it cannot. */
  readonly whole: { readonly clean: boolean } | undefined
  /** By segment id, the ends that head files tell. */
  readonly ends: ReadonlyMap<string, HeadEnd>
  /** Files that do not count any more. */
  readonly removing: ReadonlySet<string>
}

/** A segment that counts, and what of it is good. */
export interface ChosenSegment {
  readonly row: SegmentRow
  readonly ref: SegmentRef
  readonly found: SalvagedSegment
  /** The next segment begins here: what this one holds from there on does not count. */
  readonly until: number
}

export interface ChosenSegments {
  /** In offset order. */
  readonly segments: readonly ChosenSegment[]
  /** The log is known to reach at least to here. */
  readonly leastEnd: number
  /** About files: what was wrong, or why they do not count. */
  readonly notes: readonly string[]
}

/** Choose and scan the segments of a partition. Cost: reads every file that may count once.
 * @throws {VarveError} `FORMAT_NEWER`, and what the storage throws besides single files that cannot be read. */
export async function chooseSegments(context: SalvageContext, wish: SalvageWish): Promise<ChosenSegments> {
  const directory = partitionDirectory(wish.topic, wish.row.partition)
  const files = await segmentFiles(context, directory)
  return new Choice(context, wish, { directory, files }).run()
}

/** Something to scan: a row of the manifest, or one made from a file's header. */
interface Candidate {
  readonly row: SegmentRow
  readonly file: SegmentFile | undefined
  readonly hashBefore: string | undefined
}

class Choice {
  readonly #context: SalvageContext
  readonly #wish: SalvageWish
  readonly #directory: string
  readonly #files: readonly SegmentFile[]
  readonly #used = new Set<string>()
  readonly #notes: string[] = []
  readonly #chosen: ChosenSegment[] = []
  #leastEnd: number

  constructor(context: SalvageContext, wish: SalvageWish, place: { directory: string; files: readonly SegmentFile[] }) {
    this.#context = context
    this.#wish = wish
    this.#directory = place.directory
    this.#files = place.files
    this.#leastEnd = wish.row.proven?.offset ?? wish.row.logStartOffset
  }

  async run(): Promise<ChosenSegments> {
    const { row, whole, ends } = this.#wish
    for (const segment of row.segments) {
      this.#leastEnd = Math.max(this.#leastEnd, segment.sealed?.endOffset ?? ends.get(segment.id)?.endOffset ?? 0)
      if (segment.sealed === undefined && whole === undefined) continue
      const candidate = this.#candidateOf(segment)
      const found = await this.#scan(candidate, (file) => this.#endOf(segment, file))
      this.#choose(candidate, found, segment.sealed?.endOffset)
    }
    if (whole === undefined) await this.#followFiles()
    return { segments: this.#chosen, leastEnd: this.#leastEnd, notes: this.#notes }
  }

  #choose({ row }: Candidate, found: SalvagedSegment, until = Number.POSITIVE_INFINITY): void {
    this.#chosen.push({ row, ref: this.#ref(row), found, until })
  }

  #ref(row: SegmentRow): SegmentRef {
    return segmentRef(this.#directory, row, { partition: this.#wish.row.partition, digest: this.#context.digest })
  }

  /** The file of a row of the manifest: the one of its name, unless another segment lies there. */
  #candidateOf(row: SegmentRow): Candidate {
    const { hashBefore } = row
    const named = this.#files.find(({ file }) => file === row.file)
    if (named !== undefined && (named.header === undefined || this.#fits(named.header, row))) {
      this.#used.add(named.file)
      if (named.header === undefined) this.#note(named, 'its header is damaged; the manifest knows what it said')
      return { row, file: named, hashBefore }
    }
    const moved = this.#files.find(({ header }) => header !== undefined && this.#fits(header, row))
    if (moved === undefined) {
      if (named !== undefined) this.#note(named, 'holds another segment than the manifest says')
      return { row, file: undefined, hashBefore }
    }
    this.#used.add(moved.file)
    this.#note(moved, `holds the segment that should be in "${row.file}"`)
    return { row: { ...row, file: moved.file }, file: moved, hashBefore }
  }

  #fits(header: SegmentHeader, row: SegmentRow): boolean {
    const isSame = header.id === row.id && header.baseOffset === row.baseOffset && header.hashBefore === row.hashBefore
    return isSame && this.#isOurs(header)
  }

  #isOurs({ lineage, partition, baseOffset }: SegmentHeader): boolean {
    const { row } = this.#wish
    return partition === row.partition && lineage === lineageAt(this.#wish, partition, baseOffset)
  }

  #note({ path }: SegmentFile, reason: string): void {
    this.#notes.push(`${path}: ${reason}`)
  }

  /** Where the segment of a row ends, as a reader of an undamaged store would see it. */
  async #endOf(row: SegmentRow, file: SegmentFile): Promise<EndFacts> {
    const { sealed } = row
    if (sealed !== undefined) return sealed
    const { proven } = this.#wish.row
    const told = this.#wish.ends.get(row.id)
    if (told !== undefined) return { endPosition: told.position, endOffset: told.endOffset, endHash: undefined }
    if (this.#wish.whole?.clean && proven !== undefined) return closedEnd(proven)
    const facts = { digest: this.#context.digest, fileBytes: file.sizeBytes }
    const synced = await drive(provenBeyond(this.#ref(row), SEGMENT_HEADER_BYTES, facts), this.#context.pool)
    return { ...OPEN_END, endPosition: Math.max(synced, proven?.position ?? SEGMENT_HEADER_BYTES) }
  }

  async #scan(
    { row, file, hashBefore }: Candidate,
    endOf: (file: SegmentFile) => EndFacts | Promise<EndFacts>,
    hashesAt: ReadonlySet<number> = new Set(),
  ): Promise<SalvagedSegment> {
    const nothing = (reason: string): SalvagedSegment => {
      const to = Math.max(row.baseOffset, row.sealed?.endOffset ?? this.#leastEnd)
      const lost = [{ from: row.baseOffset, to, reason }]
      const end = { position: SEGMENT_HEADER_BYTES, offset: to }
      return { runs: [], lost, end, unknownAfter: reason, recordedAt: undefined, epoch: 0, hashes: new Map() }
    }
    const named = this.#files.some((other) => other.file === row.file)
    if (file === undefined) return nothing(named ? 'the file holds another segment' : 'the file is missing')
    const { digest, pool, signal } = this.#context
    signal?.throwIfAborted()
    await nextTurn()
    let reason = ''
    const scan = async () => {
      const facts = { digest, fileBytes: file.sizeBytes, hashBefore, hashesAt, ...(await endOf(file)) }
      return drive(salvageSegment(this.#ref(row), facts), pool)
    }
    const note = (why: string) => {
      reason = why
    }
    return (await unlessUnreadable(scan, note)) ?? nothing(reason)
  }

  /** Find the files behind the sealed segments: they begin where the last of those ends, or at the log's start. */
  async #followFiles(): Promise<void> {
    const candidates = this.#openCandidates()
    const hashesAt = new Set(candidates.map(({ row }) => row.baseOffset))
    const scanned: (Candidate & { found: SalvagedSegment })[] = []
    for (const candidate of candidates) {
      const open = ({ sizeBytes }: SegmentFile) => ({ ...OPEN_END, endPosition: sizeBytes })
      scanned.push({ ...candidate, found: await this.#scan(candidate, open, hashesAt) })
    }
    const ageOf = ({ row }: Scanned) => this.#ageOf(row.baseOffset)
    const path = pathOf(
      scanned.filter(({ found, row }) => found.end.offset > row.baseOffset),
      ageOf,
    )
    for (const [at, one] of path.entries()) {
      const { baseOffset = Number.POSITIVE_INFINITY } = path[at + 1]?.row ?? {}
      this.#choose(one, one.found, Math.min(baseOffset, this.#endOfLineage(one.row.baseOffset)))
    }
    for (const { row, file } of scanned) {
      if (file !== undefined && !path.some((one) => one.row === row))
        this.#note(file, 'is not needed: other files hold its events, or it has none')
    }
  }

  /** How many other logs come before the one whose segment begins at an offset. */
  #ageOf(baseOffset: number): number {
    const { ancestors = [], row } = this.#wish
    const at = ancestors.findIndex(({ ends }) => baseOffset < (ends[row.partition]?.offset ?? 0))
    return at < 0 ? ancestors.length : at
  }

  /** Where the log ends whose segment begins at an offset: a fork's own begins there, though it may have no events. */
  #endOfLineage(baseOffset: number): number {
    const { ancestors = [], row } = this.#wish
    return ancestors[this.#ageOf(baseOffset)]?.ends[row.partition]?.offset ?? Number.POSITIVE_INFINITY
  }

  #openCandidates(): Candidate[] {
    const { row, removing } = this.#wish
    const last = row.segments.findLast(({ sealed }) => sealed !== undefined)?.sealed
    const floor = last?.endOffset ?? row.logStartOffset
    const floorHash = last?.endHash ?? row.logStartHash
    const open = row.segments.filter(({ sealed }) => sealed === undefined).map((segment) => this.#candidateOf(segment))
    for (const file of this.#files) {
      if (this.#used.has(file.file) || removing.has(file.file)) continue
      const candidate = this.#looseCandidate(file)
      if (candidate === undefined) continue
      const { baseOffset } = candidate.row
      const { hashBefore } = candidate
      const follows = baseOffset > floor || (baseOffset === floor && (hashBefore ?? floorHash) === floorHash)
      if (follows) open.push(candidate)
      else this.#note(file, 'does not follow the segments that the manifest names')
    }
    return open
  }

  /** A segment that no manifest names, as its file describes it. */
  #looseCandidate(file: SegmentFile): Candidate | undefined {
    const { header, confirmedId } = file
    if (header !== undefined) {
      if (this.#isOurs(header)) return { row: { ...header, file: file.file }, file, hashBefore: header.hashBefore }
      this.#note(file, 'belongs to another topic or partition')
    } else if (confirmedId !== undefined) {
      this.#note(file, 'its header is damaged; its name and its first batch say what it is')
      const features = this.#files.find(({ header: other }) => other !== undefined && this.#isOurs(other))?.header
        ?.features
      const row = {
        file: file.file,
        id: confirmedId,
        baseOffset: file.namedOffset,
        hashBefore: '',
        features: features ?? 0,
      }
      return { row, file, hashBefore: undefined }
    } else this.#note(file, 'its header is damaged, and no manifest knows its id')
    return undefined
  }
}

type EndFacts = Pick<SegmentFacts, 'endPosition' | 'endOffset' | 'endHash'>

const OPEN_END = { endOffset: undefined, endHash: undefined }

function closedEnd({ position, offset, hash }: ProvenEnd): EndFacts {
  return { endPosition: position, endOffset: offset, endHash: hash }
}

type Scanned = Candidate & { readonly found: SalvagedSegment }

/** From the segment that was written last back to the first: each time the one that leads to the hash before the next,
 * or else one that damage keeps from being asked. */
function pathOf(segments: readonly Scanned[], ageOf: (segment: Scanned) => number): Scanned[] {
  const path: Scanned[] = []
  const latest = (some: readonly Scanned[]) => latestOf(some, ageOf)
  let next = latest(segments)
  while (next !== undefined) {
    path.unshift(next)
    const { row, hashBefore } = next
    const earlier = segments.filter((one) => one.row.baseOffset < row.baseOffset)
    const hashIn = ({ found }: Scanned) => found.hashes.get(row.baseOffset)
    const leading = earlier.filter((one) => hashBefore !== undefined && hashIn(one) === hashBefore)
    const possible = earlier.filter((one) => hashBefore === undefined || hashIn(one) === undefined)
    next = latest(leading) ?? latest(possible)
  }
  return path
}

/** Epochs are those of a store, and a log may come from another one. */
function latestOf(segments: readonly Scanned[], ageOf: (segment: Scanned) => number): Scanned | undefined {
  return segments
    .toSorted((a, b) => ageOf(a) - ageOf(b) || a.found.epoch - b.found.epoch || a.row.baseOffset - b.row.baseOffset)
    .at(-1)
}

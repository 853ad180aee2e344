/** The crash explorer: run a workload once, crash it at every operation in every mode, and check what is left.
 *
 * Nothing here knows the product. A workload tells the ledger what it attempts and what was acknowledged; a check
 * opens an image, compares it with what the ledger held at that operation, and throws when something is wrong.
 * The same options give the same images in the same order, and the report carries a digest of them.
 * @module */
import { ScenarioFailure } from '../support/scenario.ts'
import { draws } from '../support/seeded-random.ts'
import { mustSettle } from '../support/settle.ts'
import { CRASH_MODES, type CrashMode } from './crash-disk.ts'
import { FaultFiles, type FaultFilesOptions } from './fault-files.ts'

/** What a workload attempted and what the product acknowledged, each with the journal position where it happened. */
export class Ledger<E> {
  readonly #position: () => number
  readonly #entries: { readonly position: number; readonly note: (known: MutableKnown<E>) => void }[] = []

  /** @param known what was so before this ledger begins. */
  constructor(position: () => number, known: Known<E> = { attempted: [], acknowledged: [] }) {
    this.#position = position
    this.#entries.push({
      position: 0,
      note: (all) => {
        all.attempted = [...known.attempted]
        all.acknowledged = [...known.acknowledged]
      },
    })
  }

  attempt(item: E): void {
    this.#note((known) => known.attempted.push(item))
  }

  acknowledge(item: E): void {
    this.#note((known) => known.acknowledged.push(item))
  }

  /** An open showed exactly these items: they must stay, and whatever else was attempted must not come back. */
  shown(items: readonly E[]): void {
    this.#note((known) => {
      known.attempted = [...items]
      known.acknowledged = [...items]
    })
  }

  /** What was known when the operations before `position` were done. */
  at(position: number): Known<E> {
    const known: MutableKnown<E> = { attempted: [], acknowledged: [] }
    for (const entry of this.#entries) if (entry.position <= position) entry.note(known)
    return known
  }

  #note(note: (known: MutableKnown<E>) => void): void {
    this.#entries.push({ position: this.#position(), note })
  }
}

interface MutableKnown<E> {
  attempted: E[]
  acknowledged: E[]
}

export interface Known<E> {
  readonly attempted: readonly E[]
  readonly acknowledged: readonly E[]
}

export interface ExploreOptions<E> {
  readonly name: string
  readonly workload: (files: FaultFiles, ledger: Ledger<E>) => Promise<void>
  /** Throws when the image is not what it must be. What it appends itself it tells the ledger, for nested crashes. */
  readonly check: (files: FaultFiles, known: Known<E>, ledger: Ledger<E>) => Promise<void>
  readonly files?: FaultFilesOptions
  /** Called while a workload or a check waits for nothing but time, to let time pass. */
  readonly idle?: () => Promise<void>
  /** Default all. */
  readonly modes?: readonly CrashMode[]
  /** Most variants of each mode at each operation. Default 4. */
  readonly seeds?: number
  /** Crash again during about this many checks, at up to `points` of their operations. Default none. */
  readonly nested?: { readonly images: number; readonly points: number }
  /** Most images; when there are more, an even share of the operations is left out. Default no bound. */
  readonly imagesMax?: number
  /** Failures after which exploring ends. Default 3. */
  readonly failuresMax?: number
}

export interface ExploreReport {
  /** Operations of the workload; each is a crash point. */
  readonly operations: number
  readonly images: number
  /** Images that differ from all others in content or in what was acknowledged; only these are checked. */
  readonly unique: number
  readonly nestedImages: number
  /** Replay lines with what went wrong. */
  readonly failures: readonly string[]
  /** The same for the same run. */
  readonly digest: number
}

/** Explore. Fails only by its report. Cost: one check for each unique image. */
export async function explore<E>(options: ExploreOptions<E>): Promise<ExploreReport> {
  return new Exploration(options).run()
}

/** Explore, print the counts, and fail with the replay lines. @throws {ScenarioFailure} */
export async function mustSurvive<E>(options: ExploreOptions<E>): Promise<ExploreReport> {
  const report = await explore(options)
  const { operations, images, unique, nestedImages, failures } = report
  console.log(
    `explored ${options.name}: ${operations} operations, ${images} images, ${unique} unique, ${nestedImages} nested`,
  )
  if (failures.length > 0) throw new ScenarioFailure(failures.join('\n'))
  return report
}

class Exploration<E> {
  readonly #options: ExploreOptions<E>
  readonly #seen = new Set<string>()
  readonly #failures: string[] = []
  #images = 0
  #unique = 0
  #nested = 0
  #digest = 0

  constructor(options: ExploreOptions<E>) {
    this.#options = options
  }

  async run(): Promise<ExploreReport> {
    const { workload, files: given, seeds = 4, nested, imagesMax = Number.POSITIVE_INFINITY } = this.#options
    const files = new FaultFiles(given)
    const ledger = new Ledger<E>(() => files.position)
    await mustSettle(workload(files, ledger), this.#options.idle)
    refuseLinkedWrites(files)
    const points = crashPoints(files)
    const planned = this.#plan(files, points, seeds)
    const share = Math.min(1, imagesMax / Math.max(1, planned.length))
    const nestedEvery = nested === undefined ? 0 : Math.max(1, Math.floor((planned.length * share) / 2 / nested.images))
    for (const [order, crash] of planned.entries()) {
      if (Math.floor(order * share) === Math.floor((order + 1) * share)) continue
      const image = files.crashImage(crash.position, crash.mode, crash.seed)
      const known = ledger.at(crash.position)
      this.#images++
      if (!this.#isNew(image, known)) continue
      this.#unique++
      const line = `CRASH workload=${this.#options.name} op=${crash.position} mode=${crash.mode} seed=${crash.seed}`
      const after = await this.#check(image, known, line)
      if (nestedEvery > 0 && after !== undefined && this.#unique % nestedEvery === 0)
        await this.#crashAgain(image, after, line)
      if (this.#failures.length >= (this.#options.failuresMax ?? 3)) break
    }
    return {
      operations: files.position,
      images: this.#images,
      unique: this.#unique,
      nestedImages: this.#nested,
      failures: this.#failures,
      digest: this.#digest >>> 0,
    }
  }

  /** Every crash there is to try; of modes with more variants than `seeds`, an even choice. */
  #plan(files: FaultFiles, points: readonly number[], seeds: number): Crash[] {
    const planned: Crash[] = []
    for (const position of points) {
      for (const mode of this.#options.modes ?? CRASH_MODES) {
        const variants = files.variants(position, mode)
        const count = Math.min(seeds, variants)
        for (let turn = 0; turn < count; turn++) {
          const even = Number.isFinite(variants) ? Math.floor((turn * variants) / count) : position * 1009 + turn
          planned.push({ position, mode, seed: even })
        }
      }
    }
    return planned
  }

  /** Crash at operations of a check that has run, and check what that leaves. */
  async #crashAgain(image: FaultFiles, ledger: Ledger<E>, line: string): Promise<void> {
    const points = crashPoints(image)
    const count = Math.min(points.length, this.#options.nested?.points ?? 0)
    const modes = this.#options.modes ?? CRASH_MODES
    const draw = draws(this.#unique)
    for (let turn = 0; turn < count; turn++) {
      const position = points[Math.floor((turn * points.length) / count)] ?? 0
      const mode = modes[draw() % modes.length] ?? 'kept'
      const variants = image.variants(position, mode)
      if (variants === 0) continue
      const seed = draw() % Math.min(variants, 1_000_000)
      const again = image.crashImage(position, mode, seed)
      const known = ledger.at(position)
      if (!this.#isNew(again, known)) continue
      this.#nested++
      await this.#check(again, known, `${line} then=${position},${mode},${seed}`)
    }
  }

  /** @returns what is known after the check, or nothing when it failed. */
  async #check(image: FaultFiles, known: Known<E>, line: string): Promise<Ledger<E> | undefined> {
    const ledger = new Ledger<E>(() => image.position, known)
    try {
      await mustSettle(this.#options.check(image, known, ledger), this.#options.idle)
      refuseLinkedWrites(image)
      return ledger
    } catch (error) {
      this.#failures.push(`${line}: ${describeError(error)}`)
      return undefined
    }
  }

  #isNew(image: FaultFiles, known: Known<E>): boolean {
    const content = `${known.acknowledged.length}\n${image.digest()}`
    for (let at = 0; at < content.length; at++)
      this.#digest = Math.imul(this.#digest ^ content.charCodeAt(at), 0x01000193)
    if (this.#seen.has(content)) return false
    this.#seen.add(content)
    return true
  }
}

interface Crash {
  readonly position: number
  readonly mode: CrashMode
  readonly seed: number
}

/** Whatever is written into a file with two names changes under whoever has the other one: a snapshot. */
function refuseLinkedWrites(files: FaultFiles): void {
  const first = files.linkedWrites[0]
  if (first !== undefined) throw new ScenarioFailure(`${first.kind} to ${first.path}, which has more than one name`)
}

/** Moments between which the disk differs: before the first operation and after each that changed something. */
function crashPoints(files: FaultFiles): number[] {
  return [0, ...files.journal.filter(({ changed }) => changed.length > 0).map(({ index }) => index + 1)]
}

/** One line about an error, with what a `VarveError` knows. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error ? ` ${String(error.code)}` : ''
  const details = 'details' in error ? ` ${JSON.stringify(error.details)}` : ''
  return `${error.name}${code}: ${error.message}${details}`
}

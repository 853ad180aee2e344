/** Writing versions that are kept to new groups.
 *
 * One copy of one value is held. It is advanced by what turned out to be different and its hash compared with the one
 * that was stored, before anything is written of it: damage is not made good.
 * @module */
import { toHex, utf8 } from '../../codec/bytes.ts'
import type { GroupRow, HistoryRow } from '../../manifest/histories.ts'
import { type ContentHash, ContentHasher } from '../group/content-hash.ts'
import { versionDamaged } from '../group/errors.ts'
import { GroupWriter } from '../group/group-writer.ts'
import type { GroupPlace } from '../group/types.ts'
import type { VersionFacts } from '../group/version-frame.ts'
import type { HistoryHost } from '../host.ts'
import { applyPatch } from '../patch/apply.ts'
import { cloneValue } from '../patch/copy-value.ts'
import { diffValues } from '../patch/diff.ts'
import type { Patch } from '../patch/patch.ts'
import type { Tier } from '../types.ts'
import { withoutWrites } from './dry.ts'

/** A version that is kept. */
export interface RebuiltVersion {
  /** Without hash: the value is another one than was stored. */
  readonly facts: Omit<VersionFacts, 'hash' | 'rawBytes'> & Partial<ContentHash>
  /** Not kept, not changed. */
  readonly value: unknown
  readonly tier: Tier
  /** The group it was in. */
  readonly source: GroupRow
  /** Highest log offset of any version up to it. */
  readonly lastOffset: number | undefined
}

interface OpenGroup {
  readonly writer: GroupWriter
  row: GroupRow
  readonly numbers: number[]
}

export class Regrouper {
  readonly #host: HistoryHost
  readonly #history: HistoryRow
  readonly #isDry: boolean
  readonly #hasher: ContentHasher
  readonly #releases: (() => void)[] = []
  #base: { value: unknown } | undefined
  #open: OpenGroup | undefined
  /** In order: those that were written, and those that were handed in. */
  readonly rows: GroupRow[] = []

  constructor(host: HistoryHost, history: HistoryRow, options: { readonly isDry: boolean }) {
    this.#host = host
    this.#history = history
    this.#isDry = options.isDry
    this.#hasher = new ContentHasher(host.storage.digest)
  }

  /** The next version. @throws {VarveError} `VERSION_DAMAGED` when its value is not the one that was stored, and what
   * the storage throws. */
  async add({ facts: known, value, tier, source, lastOffset }: RebuiltVersion): Promise<void> {
    const patch = this.#advance(value)
    const found = this.#hasher.of(this.#base?.value)
    if (known.hash !== undefined && known.hash !== found.hash) {
      const wrong = { versions: [known.version], found: 'another value than was stored' }
      throw versionDamaged(this.#host.place(source), wrong)
    }
    const facts: VersionFacts = { ...known, ...found }
    if (!(await this.#append(facts, { patch, tier, lastOffset })))
      await this.#begin(facts, { tier, source, lastOffset })
  }

  /** Go on behind a group that stays. */
  async keep(row: GroupRow): Promise<void> {
    await this.end()
    this.rows.push(row)
  }

  /** Make what was written durable. */
  async end(): Promise<void> {
    const open = this.#open
    if (open === undefined) return
    await open.writer.sync()
    await open.writer.close()
    this.#open = undefined
    const { row, numbers } = open
    const isDense = row.lastVersion - row.firstVersion + 1 === numbers.length
    this.rows.push(isDense ? row : { ...row, versions: numbers })
  }

  /** Give new files up: what is not in the manifest then is nobody's. */
  release(): void {
    for (const release of this.#releases.splice(0)) release()
  }

  /** Close what was not finished. */
  async abandon(): Promise<void> {
    // What cannot be closed has no bytes to lose.
    await this.#open?.writer.close().catch(() => undefined)
    this.#open = undefined
    this.release()
  }

  /** Make the copy equal to a value. @returns what was different; undefined: nothing. */
  #advance(value: unknown): Patch | undefined {
    const base = this.#base
    if (base === undefined) {
      this.#base = { value: cloneValue(value) }
      return undefined
    }
    const patch = diffValues(base.value, value, this.#history.options)
    if (patch !== undefined) base.value = applyPatch(base.value, patch, (part) => this.#hasher.forget(part))
    return patch
  }

  /** @returns false when the version has to begin a group. */
  async #append(
    facts: VersionFacts,
    at: { patch: Patch | undefined } & Pick<RebuiltVersion, 'tier' | 'lastOffset'>,
  ): Promise<boolean> {
    const open = this.#open
    if (open === undefined || open.row.tier !== at.tier) return false
    if (open.numbers.length >= this.#history.options.keyframeInterval) return false
    const { writer } = open
    const same = at.patch === undefined ? undefined : writer.findSame(facts.hash)
    const frame = await writer.encode(facts, same === undefined ? { patch: at.patch } : { same })
    if (!writer.hasRoom(frame)) return false
    await writer.write(frame)
    open.numbers.push(facts.version)
    open.row = {
      ...open.row,
      lastVersion: facts.version,
      lastAt: facts.at,
      ...(at.lastOffset !== undefined && { lastOffset: at.lastOffset }),
      endBytes: writer.endBytes,
      rawBytes: open.row.rawBytes + facts.rawBytes,
    }
    return true
  }

  async #begin(facts: VersionFacts, at: Pick<RebuiltVersion, 'tier' | 'source' | 'lastOffset'>): Promise<void> {
    await this.end()
    const { version, at: time, rawBytes } = facts
    const id = this.#idOf(at.source, version)
    const file = toHex(this.#host.random.bytes(8))
    const writer = await GroupWriter.create(this.#placeOf({ id, file }), { value: this.#base?.value, facts })
    const row: GroupRow = {
      id,
      file,
      tier: at.tier,
      firstVersion: version,
      lastVersion: version,
      firstAt: time,
      lastAt: time,
      ...(at.lastOffset !== undefined && { lastOffset: at.lastOffset }),
      endBytes: writer.endBytes,
      rawBytes,
    }
    this.#open = { writer, row, numbers: [version] }
  }

  /** Made from what the group is made of, so that a dry run has the same: it is in bytes that are compressed. */
  #idOf({ id, file }: GroupRow, version: number): string {
    const { digest } = this.#host.storage
    return toHex(digest.sha256(utf8(`${id} ${file} ${version}`)).subarray(0, 8))
  }

  #placeOf(group: Pick<GroupRow, 'id' | 'file'>): GroupPlace {
    const place = this.#host.place(group)
    if (this.#isDry) return { ...place, storage: withoutWrites(place.storage) }
    this.#releases.push(this.#host.hold(group.file))
    return place
  }
}

/** Queries over the versions of a history, streamed.
 *
 * Invariants: what the rows of groups rule out is not opened, what the list of versions rules out is not read; a file
 * is held only while versions of its group are given; versions are looked at by number, so that a clean-up in between
 * takes some away but never repeats one. Forwards a group costs one keyframe, backwards each value costs one.
 * @module */
import { Path } from '../../document/path/path.ts'
import { isVarveError } from '../../errors.ts'
import type { GroupRow } from '../../manifest/histories.ts'
import { contentHashOf } from '../group/content-hash.ts'
import { cloneValue } from '../patch/copy-value.ts'
import { valueAtSteps } from '../patch/value-path.ts'
import { firstOf } from '../place-versions.ts'
import type { FoundVersion, FoundVersions, HistoryQuery, VersionInfo } from '../types.ts'
import { encodeQueryCursor } from './cursor.ts'
import { type CheckedQuery, checkQuery } from './options.ts'
import type { QueryGroup, QuerySource } from './source.ts'

/** To look for a place in a version costs the changes of its group up to it, so for all of them it would be their
 * square; to make each value of the one before costs the keyframe besides. */
const ALONG_LEAST = 8

/** A version of a group that may be meant; without facts when it cannot be listed. */
interface Candidate {
  readonly version: number
  readonly info: VersionInfo | undefined
}

/** Find versions. Options are checked before this returns, nothing is read before the iteration.
 * The iteration @throws {VarveError} `VERSION_DAMAGED` at the first version that may be meant and cannot be read.
 * @throws {VarveError} `OPTION_INVALID`, `PATH_INVALID`, `PATH_PLURAL`, `CURSOR_INVALID`, `CURSOR_FOREIGN`. */
export function queryVersions(source: QuerySource, query: HistoryQuery = {}): FoundVersions {
  return new VersionQuery(source, checkQuery(query, source.id))
}

class VersionQuery implements FoundVersions {
  readonly #source: QuerySource
  readonly #query: CheckedQuery
  #isStarted = false
  /** Encoded bytes of what was found. */
  #usedBytes = 0
  #count = 0
  /** Newest version when the iteration began: it ends there. */
  #newest = 0
  outcome: FoundVersions['outcome']

  constructor(source: QuerySource, query: CheckedQuery) {
    this.#source = source
    this.#query = query
    this.outcome = undefined
  }

  [Symbol.asyncIterator](): AsyncIterator<FoundVersion> {
    if (this.#isStarted) throw new TypeError('A query is iterated once; ask again for another iteration')
    this.#isStarted = true
    return this.#run()
  }

  async *#run(): AsyncGenerator<FoundVersion> {
    const { isForward, start, limit, signal } = this.#query
    await this.#source.refresh()
    this.#newest = this.#source.groups().at(-1)?.lastVersion ?? 0
    let next = start ?? (isForward ? 0 : this.#newest)
    if (limit === 0) return this.#stop('limit', next)
    for (;;) {
      signal?.throwIfAborted()
      const group = await this.#source.open(() => this.#nextGroup(next), signal)
      if (group === undefined) break
      try {
        for await (const found of this.#readGroup(group, this.#candidates(group, next))) {
          const sizeBytes = this.#sizeOf(found)
          if (this.#count > 0 && this.#usedBytes + sizeBytes > this.#query.budgetBytes)
            return this.#stop('budget', found.version)
          this.#usedBytes += sizeBytes
          yield found
          if (++this.#count === limit) return this.#stop('limit', found.version + (isForward ? 1 : -1))
        }
      } finally {
        group.release()
      }
      next = isForward ? group.row.lastVersion + 1 : group.row.firstVersion - 1
    }
    this.outcome = { reason: 'end' }
  }

  #stop(reason: 'limit' | 'budget', version: number): void {
    const { isForward } = this.#query
    const isEnd = this.#nextGroup(version) === undefined
    const nextCursor = encodeQueryCursor(this.#source.id, { direction: isForward ? 'forward' : 'backward', version })
    this.outcome = isEnd ? { reason: 'end' } : { reason, nextCursor }
  }

  /** The first group, in the direction of the query, that may have versions from `next` on which are meant. */
  #nextGroup(next: number): GroupRow | undefined {
    const { since, until, tier, isForward } = this.#query
    const groups = this.#source.groups()
    const step = isForward ? 1 : -1
    let at = isForward
      ? firstOf(groups, ({ lastVersion, lastAt }) => lastVersion >= next && lastAt >= since)
      : firstOf(groups, ({ firstVersion, firstAt }) => firstVersion > next || firstAt >= until) - 1
    for (; ; at += step) {
      const group = groups[at]
      if (group === undefined || group.firstVersion > this.#newest) return undefined
      if (isForward ? group.firstAt >= until : group.lastAt < since) return undefined
      if (tier === undefined || group.tier === tier) return group
    }
  }

  /** Versions of a group that its list does not rule out, in the direction of the query. */
  #candidates(group: QueryGroup, next: number): Candidate[] {
    const { isForward } = this.#query
    const listed = new Set(group.versions.map(({ version }) => version))
    const all: Candidate[] = group.versions.map((info) => ({ version: info.version, info }))
    for (const version of group.damaged) if (!listed.has(version)) all.push({ version, info: undefined })
    all.sort((a, b) => a.version - b.version)
    const meant = all.filter(({ version, info }, at) => {
      if (version > this.#newest || (isForward ? version < next : version > next)) return false
      return info === undefined ? this.#mayBeMeant(all, at) : this.#isMeant(info)
    })
    return isForward ? meant : meant.reverse()
  }

  #isMeant({ at, label, fingerprint, tier, kind }: VersionInfo): boolean {
    const query = this.#query
    if (at < query.since || at >= query.until) return false
    if (query.label !== undefined && label !== query.label) return false
    if (query.fingerprint !== undefined && fingerprint !== query.fingerprint) return false
    if (query.metric !== undefined && kind === 'value') return false
    return query.tier === undefined || tier === query.tier
  }

  /** Of a version that cannot be listed only the time of its neighbours is known. */
  #mayBeMeant(all: readonly Candidate[], place: number): boolean {
    const before = all.slice(0, place).findLast(({ info }) => info !== undefined)?.info
    const after = all.slice(place + 1).find(({ info }) => info !== undefined)?.info
    return (
      (before === undefined || before.at < this.#query.until) && (after === undefined || after.at >= this.#query.since)
    )
  }

  async *#readGroup(group: QueryGroup, candidates: readonly Candidate[]): AsyncGenerator<FoundVersion> {
    let done = 0
    if (this.#goesAlong(group, candidates)) {
      try {
        for await (const found of this.#readAlong(group, candidates)) {
          if (found.value !== undefined) yield found as FoundVersion
          done++
        }
      } catch (error) {
        // One that is not meant may be the damaged one.
        if (!isVarveError(error, 'VERSION_DAMAGED')) throw error
      }
    }
    for (const { version, info } of candidates.slice(done)) {
      this.#query.signal?.throwIfAborted()
      const value = await this.#valueOf(group, version)
      if (value !== undefined && info !== undefined) yield { ...info, value }
    }
  }

  /** Whether values are best made one out of the other. For few places of values each is looked for alone. */
  #goesAlong({ damaged }: QueryGroup, { length }: readonly Candidate[]): boolean {
    const { isForward, path, limit } = this.#query
    if (!isForward || damaged.length > 0) return false
    return path === undefined || Math.min(length, limit - this.#count) >= ALONG_LEAST
  }

  /** The values of candidates, with one keyframe; undefined where the metric, or the path, is not. */
  async *#readAlong(
    group: QueryGroup,
    candidates: readonly Candidate[],
  ): AsyncGenerator<VersionInfo & { readonly value: unknown }> {
    const [first] = candidates
    if (first === undefined) return
    let at = 0
    for await (const { version, value } of group.values(first.version, this.#query.signal)) {
      const { info } = candidates[at] as Candidate
      if (info?.version !== version) continue
      yield { ...info, value: this.#hasMetric(value) ? this.#partOf(value) : undefined }
      if (++at === candidates.length) return
    }
  }

  #partOf(value: unknown): unknown {
    const { path } = this.#query
    return cloneValue(path === undefined ? value : valueAtSteps(value, path.steps))
  }

  /** What is to be found of a version; undefined: nothing. */
  async #valueOf(group: QueryGroup, version: number): Promise<unknown> {
    const { path, metric, signal } = this.#query
    if (path === undefined) {
      const value = await group.value(version, signal)
      return this.#hasMetric(value) ? value : undefined
    }
    if (metric !== undefined) {
      const hasMetric = async (field: string) =>
        (await group.valueAt(version, Path.root.join(fieldStep(field), fieldStep(metric)), signal)) !== undefined
      if (!(await hasMetric('metrics')) && !(await hasMetric('rollup'))) return undefined
    }
    return group.valueAt(version, path, signal)
  }

  #hasMetric(value: unknown): boolean {
    const { metric } = this.#query
    if (metric === undefined) return true
    const { metrics, rollup } = value as { readonly metrics?: object; readonly rollup?: object }
    return Object.hasOwn(metrics ?? rollup ?? {}, metric)
  }

  #sizeOf({ rawBytes, value }: FoundVersion): number {
    return this.#query.path === undefined ? rawBytes : contentHashOf(this.#source.digest, value).rawBytes
  }
}

function fieldStep(key: string): { readonly type: 'field'; readonly key: string } {
  return { type: 'field', key }
}

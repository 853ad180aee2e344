/** A history in memory without a store: rows by hand, files as the real writer leaves them.
 * @module */
import { memoryStorage } from '../../../../adapters/memory/index.ts'
import type { CleanupOutcome } from '../../../../src/history/cleanup/rewrite.ts'
import { rewriteGroups } from '../../../../src/history/cleanup/rewrite.ts'
import { tierSettings } from '../../../../src/history/cleanup/tiers.ts'
import { contentHashOf } from '../../../../src/history/group/content-hash.ts'
import {
  GroupFile,
  type GroupPlace,
  type StoredVersion,
  type VersionFacts,
} from '../../../../src/history/group/group-file.ts'
import { GroupWriter } from '../../../../src/history/group/group-writer.ts'
import type { HistoryHost } from '../../../../src/history/host.ts'
import { applyPatch } from '../../../../src/history/patch/apply.ts'
import { cloneValue } from '../../../../src/history/patch/copy-value.ts'
import { diffValues } from '../../../../src/history/patch/diff.ts'
import { versionsOf } from '../../../../src/history/place-versions.ts'
import type { CleanupOptions, Tiers } from '../../../../src/history/types.ts'
import type { GroupRow, HistoryRow } from '../../../../src/manifest/histories.ts'
import type { Storage } from '../../../../src/ports/storage.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { seededRandom } from '../../../support/seeded-random.ts'

/** A version to append. */
export type Given = Omit<VersionFacts, 'version' | 'hash' | 'rawBytes'> & { readonly value: unknown }

export class SmallHistory {
  readonly storage: Storage
  readonly host: HistoryHost
  row: HistoryRow
  /** Files that are held. */
  held = 0
  /** First versions of groups that a clean-up looked into. */
  opened: number[] = []
  readonly #random = seededRandom(1)

  constructor(options: { tiers?: Partial<Tiers>; keyframeInterval?: number; storage?: Storage } = {}) {
    const { storage = memoryStorage(), keyframeInterval = 8 } = options
    this.storage = storage
    this.row = {
      name: 'board',
      createdAt: 1,
      options: { keyframeInterval, tiers: tierSettings(options.tiers) },
      lastVersion: 0,
      groups: [],
    }
    const unused = () => undefined
    this.host = {
      name: 'board',
      storage,
      clock: new ManualClock(1_000),
      random: this.#random,
      storeId: 'store',
      epoch: 1,
      row: () => this.row,
      refresh: async () => undefined,
      checkOpen: () => undefined,
      checkWritable: unused,
      checkSound: unused,
      commit: async () => undefined,
      isShared: () => false,
      hold: () => {
        this.held++
        return () => void this.held--
      },
      tidy: async () => undefined,
      kept: unused,
      reads: () => undefined,
      diagnose: unused,
      place: (group) => this.place(group),
    }
  }

  place({ id, file }: Pick<GroupRow, 'id' | 'file'>): GroupPlace {
    const path = `histories/board/${file}.vgrp`
    return { storage: this.storage, clock: this.host.clock, history: 'board', path, storeId: 'store', id }
  }

  /** Append versions in as many new groups as they need. */
  async append(versions: readonly Given[]): Promise<void> {
    const groups = [...this.row.groups]
    let open: { writer: GroupWriter; row: GroupRow; value: unknown } | undefined
    const end = async () => {
      await open?.writer.sync()
      await open?.writer.close()
      if (open !== undefined) groups.push(open.row)
    }
    for (const { value, ...facts } of versions) {
      const version = this.row.lastVersion + 1
      const all: VersionFacts = { ...facts, version, ...contentHashOf(this.storage.digest, value) }
      this.row = { ...this.row, lastVersion: version }
      const isFull = open !== undefined && open.writer.versions >= this.row.options.keyframeInterval
      if (open !== undefined && !isFull) {
        const patch = diffValues(open.value, value)
        const same = patch === undefined ? undefined : open.writer.findSame(all.hash)
        const frame = await open.writer.encode(all, same === undefined ? { patch } : { same })
        if (open.writer.hasRoom(frame)) {
          await open.writer.write(frame)
          open = {
            writer: open.writer,
            row: grown(open.row, all, open.writer.endBytes),
            value: patch ? applyPatch(open.value, patch) : open.value,
          }
          continue
        }
      }
      await end()
      const names = { id: this.#id(), file: this.#id() }
      const copy = cloneValue(value)
      const writer = await GroupWriter.create(this.place(names), { value: copy, facts: all })
      const lastOffset = all.offset ?? (open?.row ?? groups.at(-1))?.lastOffset
      open = { writer, row: beginning(names, all, { endBytes: writer.endBytes, lastOffset }), value: copy }
    }
    await end()
    this.row = { ...this.row, groups }
  }

  readonly use = async <T>(group: GroupRow, work: (file: GroupFile) => Promise<T>): Promise<T> => {
    this.opened.push(group.firstVersion)
    const file = await GroupFile.open(this.place(group), group)
    try {
      return await work(file)
    } finally {
      await file.close()
    }
  }

  rewrite(options: CleanupOptions): Promise<CleanupOutcome> {
    this.opened = []
    return rewriteGroups({ host: this.host, use: this.use, options })
  }

  /** Clean up for good. */
  async cleanup(options: CleanupOptions): Promise<CleanupOutcome> {
    const outcome = await this.rewrite(options)
    this.row = { ...this.row, groups: [...this.row.groups.slice(0, outcome.from), ...outcome.groups] }
    outcome.release()
    for (const file of outcome.oldFiles) await this.storage.remove(this.place({ id: '', file }).path)
    return outcome
  }

  get versions(): number[] {
    return this.row.groups.flatMap((group) => versionsOf(group))
  }

  /** All versions with their values. */
  async all(): Promise<(StoredVersion & { value: unknown; group: GroupRow })[]> {
    const all: (StoredVersion & { value: unknown; group: GroupRow })[] = []
    for (const group of this.row.groups)
      await this.use(group, async (file) => {
        for (const stored of file.versions) all.push({ ...stored, group, value: await file.value(stored.version) })
      })
    return all
  }

  /** Sizes of files by name. */
  async files(): Promise<Record<string, number>> {
    const sizes: Record<string, number> = {}
    for (const { name } of await this.storage.list('histories/board')) {
      const handle = await this.storage.openRead(`histories/board/${name}`)
      sizes[name] = await handle.size()
      await handle.close()
    }
    return sizes
  }

  #id(): string {
    return Array.from(this.#random.bytes(8), (byte) => byte.toString(16).padStart(2, '0')).join('')
  }
}

function beginning(
  names: Pick<GroupRow, 'id' | 'file'>,
  { version, at, rawBytes }: VersionFacts,
  { endBytes, lastOffset }: { endBytes: number; lastOffset: number | undefined },
): GroupRow {
  const range = { firstVersion: version, lastVersion: version, firstAt: at, lastAt: at }
  return {
    ...names,
    epoch: 1,
    tier: 'raw',
    ...range,
    ...(lastOffset !== undefined && { lastOffset }),
    endBytes,
    rawBytes,
  }
}

function grown(row: GroupRow, { version, at, offset, rawBytes }: VersionFacts, endBytes: number): GroupRow {
  const lastOffset = offset ?? row.lastOffset
  const next = { ...row, lastVersion: version, lastAt: at, endBytes, rawBytes: row.rawBytes + rawBytes }
  return { ...next, ...(lastOffset !== undefined && { lastOffset }) }
}

/** Writing the file of a group: all at once what it begins with, then frame by frame.
 * @module */
import { assert } from '../../errors.ts'
import type { GroupRow } from '../../manifest/histories.ts'
import type { WriteHandle } from '../../ports/storage.ts'
import { DeltaKeys } from '../delta/keys.ts'
import { encodePatch } from '../delta/write.ts'
import type { Patch } from '../patch/patch.ts'
import { storeDelta } from './deltas.ts'
import type { GroupFile } from './group-file.ts'
import { encodeGroupHeader, headerCrc } from './header.ts'
import { packKeyframe } from './keyframe.ts'
import type { GroupPlace } from './types.ts'
import { encodeFrame, type FrameBase, type FrameChange, frameCrc, type VersionFacts } from './version-frame.ts'

/** Deltas of a group may always take so much. */
const DELTAS_LEAST_BYTES = 32_768
/** A delta that is as large as a copy is better in a group of its own, unless the group costs more than it does. */
const COPY_LEAST_BYTES = 256

/** Where a group stands before its next version. */
interface GroupState {
  readonly base: FrameBase
  seed: number
  readonly keys: DeltaKeys
  /** Raw bytes of keyframe and deltas. */
  readonly keyframeBytes: number
  deltaBytes: number
  /** The first version with each content hash. */
  readonly hashes: Map<string, number>
  versions: number
  newest: number
}

export class GroupWriter {
  readonly #place: GroupPlace
  readonly #handle: WriteHandle
  readonly #state: GroupState
  #isNameDurable: boolean
  /** The frame that was encoded last, and what it adds. */
  #last: { readonly frame: Uint8Array; readonly deltaBytes: number; readonly isCopy: boolean } | undefined

  private constructor(file: { place: GroupPlace; handle: WriteHandle; isNameDurable: boolean }, state: GroupState) {
    this.#place = file.place
    this.#handle = file.handle
    this.#isNameDurable = file.isNameDurable
    this.#state = state
  }

  /** Begin a group: write its file, not synced yet. The value must not change until this is done.
   * @throws {VarveError} `VALUE_UNSUPPORTED`, `DOCUMENT_LIMIT`, and what the storage throws; the file is removed then,
   * if that is possible. */
  static async create(
    place: GroupPlace,
    { value, facts, chunkBytes }: { value: unknown; facts: VersionFacts; chunkBytes?: number },
  ): Promise<GroupWriter> {
    const { storage, id, path } = place
    const chunked = chunkBytes === undefined ? {} : { chunkBytes }
    const packed = await packKeyframe(value, place, { version: facts.version, ...chunked })
    const header = encodeGroupHeader({ ...packed, id, first: facts }, storage.digest)
    const handle = await storage.createExclusive(path)
    try {
      await handle.append(header)
      for (const chunk of packed.stored) await handle.append(chunk)
    } catch (error) {
      await handle.close().catch(() => undefined)
      await storage.remove(path).catch(() => undefined)
      throw error
    }
    const state: GroupState = {
      base: facts,
      seed: headerCrc(header),
      keys: new DeltaKeys(packed.keys),
      keyframeBytes: packed.leadBytes + packed.streamBytes,
      deltaBytes: 0,
      hashes: new Map([[facts.hash, facts.version]]),
      versions: 1,
      newest: facts.version,
    }
    return new GroupWriter({ place, handle, isNameDurable: false }, state)
  }

  /** Go on with a group whose file ends at `row.endBytes`. @param file of it as the row says.
   * @throws {VarveError} `VERSION_DAMAGED` when a version of it is, and what the storage throws. */
  static async resume(place: GroupPlace, file: GroupFile, row: GroupRow): Promise<GroupWriter> {
    const { base, seed, keys } = await file.tail()
    const hashes = new Map<string, number>()
    for (const { hash, version } of file.versions) if (!hashes.has(hash)) hashes.set(hash, version)
    const { keyframeBytes, deltaBytes } = file
    const newest = file.versions.at(-1)?.version ?? 0
    const state = { base, seed, keys, keyframeBytes, deltaBytes, hashes, versions: file.versions.length, newest }
    const handle = await place.storage.openAppend(place.path)
    try {
      assert(handle.sizeBytes === row.endBytes, 'a file is continued where it ends')
      return new GroupWriter({ place, handle, isNameDurable: true }, state)
    } catch (error) {
      await handle.close().catch(() => undefined)
      throw error
    }
  }

  /** Of the file as written. */
  get endBytes(): number {
    return this.#handle.sizeBytes
  }

  /** How many versions were encoded, the first one included. */
  get versions(): number {
    return this.#state.versions
  }

  /** A version of this group with this content hash. */
  findSame(hash: string): number | undefined {
    return this.#state.hashes.get(hash)
  }

  /** Make the frame of the next version. Calls do not overlap; every frame is written, in this order, or the writer is
   * not used any more. Cost: one pass over the patch.
   * @param change undefined patch: equal to the version before. */
  async encode(facts: VersionFacts, change: { patch: Patch | undefined } | { same: number }): Promise<Uint8Array> {
    const state = this.#state
    const { storage } = this.#place
    assert(facts.version > state.newest, 'versions rise')
    const stored = await this.#store(change, facts)
    const frame = encodeFrame({ facts, change: stored }, { base: state.base, seed: state.seed, digest: storage.digest })
    const deltaBytes = 'delta' in stored ? stored.delta.rawBytes : 0
    state.seed = frameCrc(frame)
    state.deltaBytes += deltaBytes
    state.versions++
    state.newest = facts.version
    if (!state.hashes.has(facts.hash)) state.hashes.set(facts.hash, facts.version)
    const isWhole = 'patch' in change && change.patch?.type === 'set'
    this.#last = { frame, deltaBytes, isCopy: isWhole || deltaBytes >= facts.rawBytes }
    return frame
  }

  async #store(change: { patch: Patch | undefined } | { same: number }, { hash }: VersionFacts): Promise<FrameChange> {
    if ('same' in change) return { same: change.same }
    // The first of those that are equal: what comes between may get lost.
    if (change.patch === undefined) return { same: this.findSame(hash) ?? this.#state.newest }
    const bytes = encodePatch(change.patch, this.#state.keys)
    return { delta: await storeDelta(bytes, this.#place.storage.compression) }
  }

  /** Whether the frame that was encoded last belongs into this group rather than a new one: deltas take half of the
   * keyframe at most, and none is as large as a copy. */
  hasRoom(frame: Uint8Array): boolean {
    assert(this.#last?.frame === frame, 'the frame was encoded last')
    const { deltaBytes, isCopy } = this.#last
    if (isCopy && deltaBytes > COPY_LEAST_BYTES) return false
    return this.#state.deltaBytes <= Math.max(DELTAS_LEAST_BYTES, this.#state.keyframeBytes / 2)
  }

  /** Write a frame to the end of the file. After an error the writer is not used any more.
   * @throws {VarveError} what the storage throws. */
  async write(frame: Uint8Array): Promise<void> {
    await this.#handle.append(frame)
  }

  /** Make what was written durable: the file, and its name the first time.
   * @throws {VarveError} what the storage throws. */
  async sync(): Promise<void> {
    await this.#handle.sync()
    if (this.#isNameDurable) return
    const { storage, path } = this.#place
    await storage.syncDirectory(path.slice(0, path.lastIndexOf('/')))
    this.#isNameDurable = true
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }
}

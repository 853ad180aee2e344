/** The manifest as its owner holds it: records are appended, synced, fenced, and only then true.
 *
 * A manifest that has become long is written anew: claim and complete state, as if the epoch had just been adopted.
 * 1. Write both to a temporary file and sync it. A crash leaves that file, which the next owner removes.
 * 2. Look at the fence, then put the file in the place of the manifest. A crash leaves the one or the other; both say
 *    the same.
 * 3. Sync the directory, before anything is appended: a crash must not bring the old one back.
 * An owner that slept between the two parts of step 2 changes nothing: whoever took over after the look read the same
 * state, and empties tmp/ before it removes any manifest, so that no vanished name comes back.
 * @module */
import { AssertionError, assert, isVarveError, VarveError } from '../errors.ts'
import type { Maybe, Storage, WriteHandle } from '../ports/storage.ts'
import { applyRecord } from './draft.ts'
import { manifestName, TMP_DIRECTORY } from './files.ts'
import { encodeFrame } from './frame.ts'
import { packState } from './pack.ts'
import type { ManifestRecord } from './records.ts'
import type { ManifestState } from './state.ts'
import type { Adoption, Claim } from './survey.ts'

/** Claims that this process has given up, so that opening the store again here need not wait for silence. */
const released = new Set<string>()

/** Whether a claim was made and given up by this process. */
export function isReleased(storage: Storage, claim: ClaimId): boolean {
  return released.has(keyOf(storage, claim))
}

/** Note that this process gave a claim up. */
export function release(storage: Storage, claim: ClaimId): void {
  released.add(keyOf(storage, claim))
}

function keyOf(storage: Storage, { epoch, instance }: ClaimId): string {
  return `${storage.location} ${epoch} ${instance}`
}

interface ClaimId {
  readonly epoch: number
  readonly instance: string
}

/** Make the body of a frame. */
export function encodeBody(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value))
}

/** What `acquire` hands over once the claim stands. */
export interface ClaimedEpoch {
  readonly storage: Storage
  readonly claim: Claim
  /** On the manifest, after its claim. */
  readonly handle: WriteHandle
  readonly state: ManifestState
  /** A manifest of more bytes is written anew, once it is four times as long as it then would be. */
  readonly longBytes: number
}

/** A manifest is not written anew before it is so many times as long as it was. */
const GROWTH = 4

/** The manifest of an epoch that this process owns. Made by `acquire`. */
export class OwnedManifest {
  readonly epoch: number
  readonly #storage: Storage
  readonly #claim: Claim
  readonly #longBytes: number
  #handle: WriteHandle
  /** Size from which on it is written anew. */
  #endBytes = Number.POSITIVE_INFINITY
  #previousEpoch = 0
  readonly #ownPath: string
  readonly #nextPath: string
  #state: ManifestState
  #sequence = 1
  #failure: VarveError | undefined
  #closing: Promise<void> | undefined
  #queue: Promise<unknown> = Promise.resolve()

  constructor(claimed: ClaimedEpoch) {
    const { epoch } = claimed.claim
    this.epoch = epoch
    this.#storage = claimed.storage
    this.#claim = claimed.claim
    this.#longBytes = claimed.longBytes
    this.#handle = claimed.handle
    this.#ownPath = manifestName(epoch)
    this.#nextPath = manifestName(epoch + 1)
    this.#state = claimed.state
  }

  /** What exists, every resolved `append` included. */
  get state(): ManifestState {
    return this.#state
  }

  /** Of its file. */
  get sizeBytes(): number {
    return this.#handle.sizeBytes
  }

  /** Commit a record: it is durable and fenced when this resolves. Calls are carried out one after the other.
   * After `STORAGE_FULL` and other failed writes nothing has changed and the call may be repeated.
   * @throws {VarveError} `STORE_POISONED` after a failed sync, `STORE_FENCED` when another process has taken over (from
   * then on every call throws the same), `STORE_CLOSED`, and what the storage throws.
   * @throws {AssertionError} when the record makes no sense for this state. */
  append(record: ManifestRecord): Promise<void> {
    return this.#enqueue(async () => {
      const next = checkedNext(this.#state, record, this.epoch)
      await this.#commit(record)
      this.#state = next
      if (this.#handle.sizeBytes >= this.#endBytes) await this.#shorten()
    })
  }

  /** Write the state found below this epoch: from here on this manifest is the authority. Only for `acquire`. */
  adopt(previousEpoch: number): Promise<void> {
    this.#previousEpoch = previousEpoch
    return this.#enqueue(async () => {
      await this.#commit(this.#adoption())
      this.#setEnd()
    })
  }

  #adoption(): Adoption {
    return { type: 'adopted', previousEpoch: this.#previousEpoch, state: packState(this.#state) }
  }

  #setEnd(): void {
    this.#endBytes = Math.max(this.#longBytes, this.#handle.sizeBytes * GROWTH)
  }

  /** Write the manifest anew, so that it does not grow for ever. What fails before the new one is in place changes
   * nothing, and is tried again when it is twice as long. Never throws: the record before it is committed. */
  async #shorten(): Promise<void> {
    const storage = this.#storage
    this.#endBytes = this.#handle.sizeBytes * 2
    if (!storage.capabilities.atomicReplace) return
    const path = `${TMP_DIRECTORY}/manifest-${this.#claim.instance}`
    let handle: WriteHandle | undefined
    try {
      await storage.remove(path)
      handle = await storage.createExclusive(path)
      const sequence = await this.#writeAnew(handle)
      if (await this.isFenced()) throw new VarveError('STORE_FENCED', 'Cannot shorten the manifest: it is not ours now')
      await this.#replace(path, handle)
      this.#sequence = sequence
    } catch (error) {
      if (handle !== undefined && handle !== this.#handle) await handle.close().catch(() => undefined)
      // The next commit says so, if this is because of another owner.
      if (!isVarveError(error, 'STORE_POISONED')) await storage.remove(path).catch(() => undefined)
    }
  }

  /** @returns the sequence number of the next frame. */
  async #writeAnew(handle: WriteHandle): Promise<number> {
    let sequence = 0
    for (const value of [this.#claim, this.#adoption()]) {
      const position = handle.sizeBytes
      const place = { epoch: this.epoch, position, sequence: sequence++, syncedThrough: position }
      await handle.append(encodeFrame(place, encodeBody(value), this.#storage.digest))
      await handle.sync()
    }
    return sequence
  }

  /** Put the new manifest in the place of the old one. @throws {VarveError} `STORE_POISONED` when nobody can say which
   * of them a crash would leave. */
  async #replace(path: string, handle: WriteHandle): Promise<void> {
    try {
      await this.#storage.replace(path, this.#ownPath)
      await this.#storage.syncDirectory('')
    } catch (cause) {
      throw this.#fail(new VarveError('STORE_POISONED', 'Cannot tell which manifest is in place', { cause }))
    }
    const old = this.#handle
    this.#handle = handle
    this.#setEnd()
    await old.close().catch(() => undefined)
  }

  /** Whether another process has taken the store over. To be asked after every sync and before every acknowledgement,
   * removal and rename. Cost: two look-ups of a name.
   *
   * The next epoch's name alone would do, were old manifests never removed: an owner that slept through two takeovers
   * would look for a name that is gone again. Removal goes upwards, so then its own name is gone too, and looking for
   * that one second decides. */
  isFenced(): Maybe<boolean> {
    const next = this.#storage.exists(this.#nextPath)
    if (next === true) return true
    if (next === false) {
      const own = this.#storage.exists(this.#ownPath)
      return typeof own === 'boolean' ? !own : own.then((found) => !found)
    }
    return next.then(async (found) => found || !(await this.#storage.exists(this.#ownPath)))
  }

  /** Finish the calls before this one and release the file. Writes nothing: append `closed` first. */
  close(): Promise<void> {
    this.#closing ??= this.#queue
      .then(() => this.#handle.close())
      .finally(() => {
        release(this.#storage, this.#claim)
      })
    return this.#closing
  }

  #enqueue<T>(run: () => Promise<T>): Promise<T> {
    if (this.#closing !== undefined)
      return Promise.reject(new VarveError('STORE_CLOSED', 'Cannot write the manifest: it is closed'))
    const result = this.#queue.then(() => {
      if (this.#failure !== undefined) throw this.#failure
      return run()
    })
    this.#queue = result.catch(() => undefined)
    return result
  }

  /** 1. Append the frame. A crash here leaves a torn tail or an unacknowledged record.
   * 2. Sync it. A crash here leaves a record that nobody was told of; it counts.
   * 3. Look whether another process took over. If not, the one that will take over reads this record. */
  async #commit(value: ManifestRecord | Adoption): Promise<void> {
    const position = this.#handle.sizeBytes
    const place = { epoch: this.epoch, position, sequence: this.#sequence, syncedThrough: position }
    const frame = encodeFrame(place, encodeBody(value), this.#storage.digest)
    try {
      await this.#handle.append(frame)
    } catch (error) {
      await this.#cutBack(position)
      throw this.#failure ?? error
    }
    assert(this.#handle.sizeBytes === position + frame.length, 'a manifest has one writer')
    try {
      await this.#handle.sync()
      this.#sequence++
      if (!(await this.isFenced())) return
    } catch (cause) {
      throw this.#fail(new VarveError('STORE_POISONED', 'Cannot tell whether the manifest is durable', { cause }))
    }
    const details = { epoch: this.epoch }
    throw this.#fail(new VarveError('STORE_FENCED', 'Cannot write the manifest: the store was taken over', { details }))
  }

  async #cutBack(position: number): Promise<void> {
    try {
      await this.#handle.truncate(position)
    } catch (cause) {
      this.#fail(new VarveError('STORE_POISONED', 'Cannot cut a half-written manifest record off', { cause }))
    }
  }

  #fail(error: VarveError): VarveError {
    this.#failure = error
    return error
  }
}

function checkedNext(state: ManifestState, record: ManifestRecord, epoch: number): ManifestState {
  try {
    return applyRecord(state, record, epoch)
  } catch (error) {
    if (isVarveError(error, 'MANIFEST_DAMAGED')) throw new AssertionError(error.message, { cause: error })
    throw error
  }
}

/** The manifest as its owner holds it: records are appended, synced, fenced, and only then true.
 * @module */
import { AssertionError, assert, isVarveError, VarveError } from '../errors.ts'
import type { Maybe, Storage, WriteHandle } from '../ports/storage.ts'
import { applyRecord } from './draft.ts'
import { manifestName } from './files.ts'
import { encodeFrame } from './frame.ts'
import { packState } from './pack.ts'
import type { ManifestRecord } from './records.ts'
import type { ManifestState } from './state.ts'
import type { Adoption } from './survey.ts'

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
  readonly epoch: number
  readonly instance: string
  /** On the manifest, after its claim. */
  readonly handle: WriteHandle
  readonly state: ManifestState
}

/** The manifest of an epoch that this process owns. Made by `acquire`. */
export class OwnedManifest {
  readonly epoch: number
  readonly #storage: Storage
  readonly #handle: WriteHandle
  readonly #instance: string
  readonly #ownPath: string
  readonly #nextPath: string
  #state: ManifestState
  #sequence = 1
  #failure: VarveError | undefined
  #closing: Promise<void> | undefined
  #queue: Promise<unknown> = Promise.resolve()

  constructor(claimed: ClaimedEpoch) {
    this.epoch = claimed.epoch
    this.#storage = claimed.storage
    this.#handle = claimed.handle
    this.#instance = claimed.instance
    this.#ownPath = manifestName(claimed.epoch)
    this.#nextPath = manifestName(claimed.epoch + 1)
    this.#state = claimed.state
  }

  /** What exists, every resolved `append` included. */
  get state(): ManifestState {
    return this.#state
  }

  /** Commit a record: it is durable and fenced when this resolves. Calls are carried out one after the other.
   * After `STORAGE_FULL` and other failed writes nothing has changed and the call may be repeated.
   * @throws {VarveError} `STORE_POISONED` after a failed sync, `STORE_FENCED` when another process has taken over (from
   * then on every call throws the same), `STORE_CLOSED`, and what the storage throws.
   * @throws {AssertionError} when the record makes no sense for this state. */
  append(record: ManifestRecord): Promise<void> {
    return this.#enqueue(async () => {
      const next = checkedNext(this.#state, record)
      await this.#commit(record)
      this.#state = next
    })
  }

  /** Write the state found below this epoch: from here on this manifest is the authority. Only for `acquire`. */
  adopt(previousEpoch: number): Promise<void> {
    const adoption: Adoption = { type: 'adopted', previousEpoch, state: packState(this.#state) }
    return this.#enqueue(() => this.#commit(adoption))
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
        release(this.#storage, { epoch: this.epoch, instance: this.#instance })
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

function checkedNext(state: ManifestState, record: ManifestRecord): ManifestState {
  try {
    return applyRecord(state, record)
  } catch (error) {
    if (isVarveError(error, 'MANIFEST_DAMAGED')) throw new AssertionError(error.message, { cause: error })
    throw error
  }
}

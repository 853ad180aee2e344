/** Becoming the owner of a store. The lock is the highest manifest; there is no other.
 *
 * The steps, and what a crash after each leaves:
 *  1. List, and read the highest manifest that was adopted. Nothing was written.
 *  2. Make sure that the holder of the highest claim closed, is gone, is overruled, or has been silent. Nothing.
 *  3. Write the claim under a temporary name and sync it. A temporary file, which the next owner removes.
 *  4. List again: give up if there is any epoch that step 1 did not see. A temporary file.
 *  5. Link it to MANIFEST-<highest + 1> (of many one succeeds), sync the directory, remove the temporary name.
 *     From here on the previous owner cannot acknowledge. A claim without adoption: the manifest below it speaks.
 *     (Without hard links: create that name exclusively, write, sync, sync the directory. A crash in between leaves a
 *     manifest without a valid frame, whose number counts as taken and which is otherwise passed over.)
 *  6. List again: give up if there is a higher epoch. A claim without adoption.
 *  7. Read everything below the claim again: what the previous owner acknowledged before step 5 is there now, because
 *     it syncs, then looks for our name, then acknowledges. A claim without adoption.
 *  8. Append the adoption, with the complete state, sync, look whether we were fenced meanwhile. An unclean owner
 *     with everything in place.
 *  9. Empty tmp/, then remove manifests and head files older than the previous epoch, oldest first, looking at the
 *     fence before each. Files that the next owner removes.
 *
 * Why step 9 cannot let a sleeper through: an owner is fenced when the next name exists or its own does not, and names
 * vanish in order. A contender that slept since step 2 could put a vanished name back; but the owner that removed the
 * name had removed the contender's temporary file before, or was in its list in step 4.
 * @module */
import { isVarveError, VarveError } from '../errors.ts'
import type { Clock } from '../ports/clock.ts'
import { sleep } from '../ports/clock.ts'
import { type Random, randomId } from '../ports/random.ts'
import type { Storage } from '../ports/storage.ts'
import { headEpoch, headName, manifestEpoch, manifestName, TMP_DIRECTORY } from './files.ts'
import { encodeFrame } from './frame.ts'
import { OWNER_SILENCE_MS, readHead } from './head.ts'
import { encodeBody, isReleased, OwnedManifest, release } from './manifest.ts'
import { FORMAT_VERSION } from './records.ts'
import { checkFormat, emptyState, KNOWN_FEATURES, type ManifestState } from './state.ts'
import { type Claim, type Lock, type ManifestView, type Note, type Survey, survey } from './survey.ts'

export interface AcquireOptions {
  readonly storage: Storage
  readonly clock: Clock
  readonly random: Random
  /** Overrule the owner found at the first look; not one that came later. */
  readonly takeOver: boolean
  /** How long to wait for a live or silent owner; 0 refuses at once. */
  readonly lockTimeoutMs: number
  readonly signal?: AbortSignal
  /** Size from which on a manifest may be written anew; default 32 KiB. */
  readonly longBytes?: number
  /** Called when the claim stands and everything below it was read: what it gives is adopted instead of what was
   * there, which counts until then. Not with `takeOver` nor `lockTimeoutMs`. */
  readonly begin?: (claimed: ClaimedPlace) => Promise<Beginning>
}

/** A place that nobody else writes to, unless it is fenced. */
export interface ClaimedPlace {
  readonly epoch: number
  /** What was there. */
  readonly previous: ManifestState | undefined
  readonly isFenced: () => Promise<boolean>
}

export interface Beginning {
  readonly state: ManifestState
  /** Called when the state was not adopted, for certain. */
  readonly undo: () => Promise<void>
}

const LONG_BYTES = 32_768

export interface Acquired {
  readonly manifest: OwnedManifest
  /** What was there, as adopted; `undefined` when the store was created. */
  readonly previous: ManifestView | undefined
  readonly created: boolean
  /** Ignored files, torn tails, and old files that could not be removed. */
  readonly notes: readonly Note[]
}

const POLL_MS = 1_000
/** More lost races than this without anybody showing up are the storage's fault. */
const RACES = 64
/** Without hard links step 4 proves nothing, so a margin of epochs is kept against sleeping contenders. */
const KEPT_WITHOUT_LINKS = 64
const OWN_NAMES = ['topics', 'documents', 'histories', '.snapshots', TMP_DIRECTORY, 'lost+found']

/** Become the owner, creating the store when nothing is there. The caller begins to beat the head file at once.
 * @throws {VarveError} `STORE_LOCKED` with `details` { owner, epoch }, `STORE_FOREIGN`, `MANIFEST_DAMAGED`,
 * `FORMAT_NEWER`, `SNAPSHOT_READ_ONLY`, `CAPABILITY_MISSING` without `exclusiveCreate`, what the storage throws, the
 * signal's reason. */
export async function acquire(options: AcquireOptions): Promise<Acquired> {
  const { storage, signal } = options
  if (!storage.capabilities.exclusiveCreate)
    throw new VarveError('CAPABILITY_MISSING', 'Cannot open for writing: the storage has no exclusive create', {
      details: { storage: storage.name, capability: 'exclusiveCreate' },
    })
  const patience = new Patience(options)
  for (let races = 0; races < RACES; ) {
    signal?.throwIfAborted()
    const seen = await survey(storage)
    await refuseForeign(options, seen)
    if (seen.view !== undefined) checkWritable(storage, seen.view.state)
    if (!(await patience.mayTake(seen))) continue
    const acquired = await tryNext(options, seen)
    if (acquired !== undefined) return acquired
    races++
  }
  throw new VarveError('STORE_LOCKED', 'Cannot open the store: every attempt to claim it was overtaken')
}

/** @throws {VarveError} `FORMAT_NEWER`, and `SNAPSHOT_READ_ONLY`: a backup that somebody goes on in is none. */
function checkWritable({ location }: Storage, state: ManifestState): void {
  checkFormat(state, 'write')
  if (state.snapshot === undefined) return
  throw new VarveError('SNAPSHOT_READ_ONLY', `Cannot open "${location}" for writing: it is a snapshot`, {
    details: { snapshot: state.snapshot.id },
  })
}

/** Decides whether the holder of the highest claim may be replaced, and waits while it may not. */
class Patience {
  readonly #options: AcquireOptions
  readonly #startedAt: number
  /** The claim that `takeOver` is about: the one found at the first look; 0 for none. */
  #overruled: number | undefined
  #signOfLife: string | undefined
  #lookedAt = 0
  #silentMs = 0

  constructor(options: AcquireOptions) {
    this.#options = options
    this.#startedAt = options.clock.monotonic()
  }

  /** @returns true: go on. False: look again, some time has passed. @throws `STORE_LOCKED`. */
  async mayTake(seen: Survey): Promise<boolean> {
    const { storage, clock, takeOver, lockTimeoutMs, signal } = this.#options
    const { lock, view } = seen
    this.#overruled ??= lock?.epoch ?? 0
    if (lock === undefined) return true
    if (view?.clean === true && view.epoch === lock.epoch) return true
    if (takeOver && lock.epoch === this.#overruled) return true
    if (isReleased(storage, lock) || storage.owner.isGone(lock.owner)) return true
    const waitedMs = clock.monotonic() - this.#startedAt
    if (lockTimeoutMs > 0 && (await this.#isSilent(seen, lock))) return true
    if (waitedMs >= lockTimeoutMs) throw locked(lock)
    await sleep(clock, Math.min(POLL_MS, lockTimeoutMs - waitedMs), signal)
    return false
  }

  /** Silence counts only where an owner can show life, and only while we were awake to look: a contender that was
   * stopped together with the owner must not wake up first and find it dead. */
  async #isSilent(seen: Survey, lock: Lock): Promise<boolean> {
    const { storage, clock } = this.#options
    if (!storage.capabilities.randomWrite) return false
    const { heartbeat } = await readHead(storage, lock.epoch)
    const sign = `${lock.epoch} ${heartbeat} ${seen.view?.epoch} ${seen.view?.endPosition}`
    const now = clock.monotonic()
    if (sign === this.#signOfLife) this.#silentMs += Math.min(now - this.#lookedAt, 2 * POLL_MS)
    else this.#silentMs = 0
    this.#signOfLife = sign
    this.#lookedAt = now
    return this.#silentMs >= OWNER_SILENCE_MS
  }
}

function locked(lock: Lock): VarveError {
  const { owner, epoch } = lock
  return new VarveError('STORE_LOCKED', `Cannot open the store: process ${owner.pid} on "${owner.host}" owns it`, {
    details: { owner, epoch },
  })
}

/** Never make a store in a directory that is something else, nor over truth whose manifest is lost. */
async function refuseForeign({ storage, begin }: AcquireOptions, seen: Survey): Promise<void> {
  if (seen.view !== undefined) return
  const isOwn = (name: string) => OWN_NAMES.includes(name) || (manifestEpoch(name) ?? headEpoch(name)) !== undefined
  const found = seen.names.filter((name) => !isOwn(name))
  if (found.length > 0 && seen.highest === 0)
    throw new VarveError('STORE_FOREIGN', 'Cannot create a store: the directory holds something else', {
      details: { location: storage.location, found: found.slice(0, 20) },
    })
  // Whoever brings another state does not need that manifest.
  if (begin !== undefined) return
  for (const directory of ['topics', 'documents', 'histories']) {
    if ((await storage.list(directory)).length === 0) continue
    const message = `Cannot open the store: there are ${directory} but no readable manifest`
    throw new VarveError('MANIFEST_DAMAGED', message, { details: { location: storage.location, notes: seen.notes } })
  }
}

/** Steps 3 to 9. @returns `undefined` when somebody else was faster. */
async function tryNext(options: AcquireOptions, seen: Survey): Promise<Acquired | undefined> {
  const { storage, random } = options
  const epoch = seen.highest + 1
  const claim: Claim = {
    type: 'claim',
    formatVersion: FORMAT_VERSION,
    features: seen.view?.state.features ?? KNOWN_FEATURES,
    epoch,
    owner: storage.owner.describe(),
    instance: randomId(random, 20),
  }
  let manifest: OwnedManifest | undefined
  let undo: (() => Promise<void>) | undefined
  try {
    if (!(await writeClaim(options, claim))) return undefined
    const below = await survey(storage, { below: epoch, known: seen })
    if (below.highest > epoch) {
      release(storage, claim)
      return undefined
    }
    const { view: previous } = below
    await refuseForeign(options, below)
    if (previous !== undefined) checkWritable(storage, previous.state)
    const begun = await beginning(options, claim, previous?.state)
    undo = begun.undo
    const handle = await storage.openAppend(manifestName(epoch))
    const { state } = begun
    manifest = new OwnedManifest({ storage, claim, handle, state, longBytes: options.longBytes ?? LONG_BYTES })
    await manifest.adopt(previous?.epoch ?? 0)
    const notes = [...below.notes]
    await cleanUp(storage, manifest, { oldest: previous?.epoch ?? epoch, notes })
    return { manifest, previous, created: previous === undefined, notes }
  } catch (error) {
    release(storage, claim)
    await manifest?.close().catch(() => undefined)
    if (error instanceof NotBegun) throw error.cause
    // Our claim was overtaken, and its file may be removed already.
    if (isVarveError(error, 'STORE_FENCED') || isVarveError(error, 'FILE_MISSING')) return undefined
    // Otherwise the state may be adopted.
    if (!isVarveError(error, 'STORE_POISONED')) await undo?.()
    throw error
  }
}

/** A failure of the caller's own, whatever its code. */
class NotBegun extends Error {}

/** What is adopted. A claim that comes to nothing is removed, so that the place is as it was and nobody has to wait for
 * this process to end. That lets nobody back in: whoever begins anew neither overrules nor waits, so the owner before
 * closed or is gone. */
async function beginning(
  { storage, clock, random, begin }: AcquireOptions,
  { epoch }: Claim,
  previous: ManifestState | undefined,
): Promise<Pick<Beginning, 'state'> & Partial<Beginning>> {
  if (begin === undefined) return { state: previous ?? emptyState(randomId(random, 20), clock.now()) }
  const isFenced = async () =>
    (await storage.exists(manifestName(epoch + 1))) || !(await storage.exists(manifestName(epoch)))
  const removeClaim = async () => {
    if (await isFenced()) return
    await storage.remove(manifestName(epoch))
    await storage.syncDirectory('')
  }
  try {
    const { state, undo } = await begin({ epoch, previous, isFenced })
    return {
      state,
      undo: () =>
        undo()
          .then(removeClaim)
          .catch(() => undefined),
    }
  } catch (cause) {
    await removeClaim().catch(() => undefined)
    throw new NotBegun('The claim came to nothing', { cause })
  }
}

/** Steps 3 to 5. @returns false when somebody else was faster. */
async function writeClaim(options: AcquireOptions, claim: Claim): Promise<boolean> {
  const { storage, random } = options
  const { epoch } = claim
  const place = { epoch, position: 0, sequence: 0, syncedThrough: 0 }
  const frame = encodeFrame(place, encodeBody(claim), storage.digest)
  const name = manifestName(epoch)
  const { hardLinks } = storage.capabilities
  const path = hardLinks ? `${TMP_DIRECTORY}/claim-${randomId(random, 20)}` : name
  try {
    const handle = await storage.createExclusive(path)
    try {
      await handle.append(frame)
      await handle.sync()
    } finally {
      await handle.close()
    }
    if (hardLinks) {
      if ((await highestEpoch(storage)) >= epoch) return false
      await storage.link(path, name)
    }
    await storage.syncDirectory('')
    return true
  } catch (error) {
    // FILE_MISSING: a new owner has emptied tmp/ meanwhile.
    if (isVarveError(error, 'FILE_EXISTS') || isVarveError(error, 'FILE_MISSING')) return false
    throw error
  } finally {
    if (hardLinks) await storage.remove(path).catch(() => undefined)
  }
}

async function highestEpoch(storage: Storage): Promise<number> {
  return (await storage.list('')).reduce((highest, { name }) => Math.max(highest, manifestEpoch(name) ?? 0), 0)
}

/** Step 9. Stops at the first failure, because names must vanish in order; the next owner goes on. */
async function cleanUp(
  storage: Storage,
  manifest: OwnedManifest,
  keep: { readonly oldest: number; readonly notes: Note[] },
): Promise<void> {
  const oldest = storage.capabilities.hardLinks ? keep.oldest : keep.oldest - KEPT_WITHOUT_LINKS
  let file = TMP_DIRECTORY
  try {
    const tmp = await storage.list(TMP_DIRECTORY)
    const paths = tmp.filter((entry) => entry.kind === 'file').map((entry) => `${TMP_DIRECTORY}/${entry.name}`)
    const epochs = (await storage.list('')).map(({ name }) => manifestEpoch(name) ?? headEpoch(name) ?? oldest)
    for (const epoch of [...new Set(epochs)].sort((a, b) => a - b))
      if (epoch < oldest) paths.push(headName(epoch), manifestName(epoch))
    for (file of paths) {
      if (await manifest.isFenced()) return
      await storage.remove(file)
    }
  } catch (error) {
    keep.notes.push({ file, reason: `Could not be removed: ${error instanceof Error ? error.message : String(error)}` })
  }
}

/** Reading the manifests of a store: which epochs there are, who holds the highest, and what exists.
 *
 * A manifest begins with a *claim* (who owns the epoch) and becomes the authority with its second frame, the
 * *adoption*, which holds the complete state that its owner found after claiming. Until then the manifest below it
 * speaks, because its owner may still have been acknowledging while the claim was made.
 * @module */

import { isVarveError, VarveError } from '../errors.ts'
import type { Owner } from '../ports/owner.ts'
import type { Storage } from '../ports/storage.ts'
import { StateDraft } from './draft.ts'
import { headEpoch, headName, manifestEpoch, manifestName, readWhole } from './files.ts'
import { type Frame, scanFrames } from './frame.ts'
import { type HeadSlot, readHead } from './head.ts'
import { FORMAT_VERSION, type ManifestRecord } from './records.ts'
import { check, isObject, isWhole } from './shapes.ts'
import { checkFormat, type Features, highestHeadSlot, type ManifestState, parseState } from './state.ts'

/** First frame of every manifest. */
export interface Claim {
  readonly type: 'claim'
  readonly formatVersion: number
  readonly features: Features
  readonly epoch: number
  readonly owner: Owner
  /** Random, so that a process recognises the claims it has given up. */
  readonly instance: string
}

/** Second frame of every manifest: what exists, as found below this epoch after it was claimed. */
export interface Adoption {
  readonly type: 'adopted'
  /** 0 when nothing was there. */
  readonly previousEpoch: number
  /** Packed. */
  readonly state: unknown
}

export interface Note {
  readonly file: string
  readonly reason: string
}

/** Who holds the highest epoch, whether or not it was adopted yet. */
export interface Lock {
  readonly epoch: number
  readonly owner: Owner
  readonly instance: string
}

/** What the manifests say. */
export interface ManifestView {
  /** The epoch whose state this is: its head file holds the durable ends. */
  readonly epoch: number
  readonly file: string
  /** Owner of that epoch. */
  readonly owner: Owner
  readonly instance: string
  readonly state: ManifestState
  /** The last record is `closed`: every active segment ends where `proven` says. */
  readonly clean: boolean
  /** End of the last valid frame, in bytes. */
  readonly endPosition: number
  /** Differs from `epoch` only while a claim above it was not adopted yet, or for ever if its owner died then. */
  readonly lock: Lock
  /** Ignored files and torn tails. */
  readonly notes: readonly Note[]
}

export interface Survey {
  /** Names in the store's directory. */
  readonly names: readonly string[]
  /** Highest epoch that any manifest's name takes; 0 when there is none. */
  readonly highest: number
  readonly lock: Lock | undefined
  readonly view: ManifestView | undefined
  readonly notes: readonly Note[]
  /** What the view was read from. */
  readonly source: Source | undefined
}

/** A manifest that was read: while its size and checksum are the same, so is what it says. */
interface Source {
  readonly print: string
  readonly said: Omit<ManifestView, 'lock' | 'notes'>
}

export interface SurveyOptions {
  /** Look only at epochs below this one. */
  readonly below?: number
  /** Default `refuse`. */
  readonly lost?: LostRecords
  /** An earlier survey: what it read and did not change is not read again. */
  readonly known?: Survey
}

const ATTEMPTS = 16

/** Read what exists, without a single write.
 * @returns `undefined` when there is no manifest, or only claims that nobody adopted.
 * @throws {VarveError} `MANIFEST_DAMAGED`, `FORMAT_NEWER`, and what the storage throws. */
export async function readManifest(storage: Storage, lost?: LostRecords): Promise<ManifestView | undefined> {
  return (await survey(storage, lost === undefined ? {} : { lost })).view
}

/** What a manifest does not say although the head file shows that it once did: refused, or left to the caller, who
 * wants to know what is still there. */
export type LostRecords = 'refuse' | 'leave'

/** Read the manifests below an epoch, by default all. Cost: usually one listing and one file. */
export async function survey(storage: Storage, options: SurveyOptions = {}): Promise<Survey> {
  const { below = Number.POSITIVE_INFINITY, lost = 'refuse', known } = options
  for (let attempt = 1; ; attempt++) {
    const names = (await storage.list('')).map((entry) => entry.name)
    const epochs = names.map(manifestEpoch).filter((epoch) => epoch !== undefined)
    const highest = epochs.reduce((a, b) => Math.max(a, b), 0)
    const candidates = epochs.filter((epoch) => epoch < below).sort((a, b) => b - a)
    try {
      const found = await walk(storage, candidates, { names: new Set(names), known: known?.source })
      if (lost === 'refuse') await checkLost(storage, { names, highest, view: found.view })
      return { names, highest, ...found }
    } catch (error) {
      // A newer owner came between two steps, and removed an old manifest or wrote more to its own: look again.
      const mayPass = isVarveError(error, 'FILE_MISSING') || (isVarveError(error) && error.details.lost === true)
      if (!mayPass || attempt === ATTEMPTS) throw error
    }
  }
}

/** A head file is made after its manifest and never outlives it, and every place that it names was committed before:
 * what the manifests do not know of it, they have lost. A head file that no owner wrote to says nothing.
 * @throws {VarveError} `MANIFEST_DAMAGED` */
async function checkLost(
  storage: Storage,
  { names, highest, view }: Pick<Survey, 'names' | 'highest' | 'view'>,
): Promise<void> {
  for (const name of names) {
    const epoch = headEpoch(name) ?? 0
    if (epoch > highest && (await readHead(storage, epoch)).heartbeat !== undefined) throw lostRecords(name)
  }
  if (view === undefined || view.clean || !names.includes(headName(view.epoch))) return
  const known = knownSlots(view.state)
  for (const [slot, end] of (await readHead(storage, view.epoch)).slots)
    if (!known(slot, end)) throw lostRecords(view.file, view.endPosition)
}

/** @returns whether what a slot of a head file names is in the manifest, or was once. */
export function knownSlots(state: ManifestState): (slot: number, end: HeadSlot) => boolean {
  const rows = new Map(state.topics.flatMap(({ partitions }) => partitions.map((row) => [row.headSlot, row])))
  const highest = highestHeadSlot(state)
  return (slot, end) => {
    const row = rows.get(slot)
    // The slot of a deleted topic is never used again.
    if (row === undefined) return slot <= highest
    // A segment before the start of the log is forgotten, and may be the last that the slot named.
    return end.endOffset <= row.logStartOffset || row.segments.some((segment) => segment.id === end.segmentId)
  }
}

/** Go down from the highest epoch to the first one that was adopted. */
async function walk(
  storage: Storage,
  epochs: readonly number[],
  facts: { readonly names: ReadonlySet<string>; readonly known: Source | undefined },
): Promise<Pick<Survey, 'lock' | 'view' | 'notes' | 'source'>> {
  const { names, known } = facts
  const notes: Note[] = []
  let lock: Lock | undefined
  for (const epoch of epochs) {
    const file = manifestName(epoch)
    const bytes = await readWhole(storage, file)
    if (known?.said.epoch === epoch && known.print === printOf(storage, bytes)) {
      const { said } = known
      lock ??= { epoch, owner: said.owner, instance: said.instance }
      return { lock, notes, view: { ...said, lock, notes }, source: known }
    }
    const scan = scanFrames(bytes, epoch, storage.digest)
    const position = scan.endPosition
    if (scan.tail === 'damaged') throw damaged(file, position, 'intact frames follow a damaged place')
    if (scan.frames.length < 2 && names.has(headName(epoch)))
      throw damaged(file, position, 'the epoch has a head file, so its first two frames were once complete')
    const [first, second, ...records] = scan.frames
    if (first === undefined) {
      notes.push({ file, reason: 'Holds no valid frame: its creation was interrupted' })
      continue
    }
    if (scan.tail === 'torn') notes.push({ file, reason: `Has a torn tail at position ${position}, ignored` })
    const claim = atFrame(file, first, (body) => parseClaim(body, epoch))
    lock ??= { epoch, owner: claim.owner, instance: claim.instance }
    if (second === undefined) {
      notes.push({ file, reason: 'Was claimed but never adopted' })
      continue
    }
    const { owner, instance } = claim
    const said = { epoch, file, owner, instance, endPosition: position, ...replay(file, epoch, [second, ...records]) }
    // A torn tail is noted each time.
    const source = scan.tail === 'clean' ? { print: printOf(storage, bytes), said } : undefined
    return { lock, notes, view: { ...said, lock, notes }, source }
  }
  return { lock, notes, view: undefined, source: undefined }
}

function replay(
  file: string,
  epoch: number,
  [adoption, ...records]: readonly [Frame, ...Frame[]],
): Pick<ManifestView, 'state' | 'clean'> {
  let clean = false
  const adopted = atFrame(file, adoption, (body) => {
    check(isObject(body) && body.type === 'adopted', 'the second frame is not an adoption')
    return parseState(body.state)
  })
  if (records.length === 0) return { state: adopted, clean }
  const draft = new StateDraft(adopted, epoch)
  for (const frame of records) {
    atFrame(file, frame, (body) => {
      const record = body as ManifestRecord
      draft.apply(record)
      clean = record.type === 'closed'
    })
  }
  return { state: draft.state, clean }
}

function parseClaim(body: unknown, epoch: number): Claim {
  check(isObject(body) && body.type === 'claim', 'the first frame is not a claim')
  checkFormat(body, 'read')
  check(body.epoch === epoch && typeof body.instance === 'string', 'the claim is for another epoch')
  const owner = body.owner
  check(isObject(owner) && isWhole(owner.pid), 'the claim names no owner')
  for (const field of ['runtime', 'host', 'bootId', 'pidNamespace', 'startTime', 'machineId'])
    check(typeof owner[field] === 'string', 'the claim names no owner')
  return body as unknown as Claim
}

/** Decode one frame, and name the file and position in what goes wrong. */
function atFrame<T>(file: string, frame: Frame, decode: (body: unknown) => T): T {
  let body: unknown
  try {
    body = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(frame.body))
  } catch (cause) {
    throw damaged(file, frame.position, 'a frame holds no JSON', cause)
  }
  try {
    return decode(body)
  } catch (error) {
    if (!isVarveError(error)) throw error
    const details = { ...error.details, file, position: frame.position }
    throw new VarveError(error.code, error.message, { details, cause: error })
  }
}

function lostRecords(file: string, position = 0): VarveError {
  const reason = file.startsWith('head') ? 'the manifest of this epoch is gone' : 'its last records are gone'
  const details = { file, position, reason, lost: true, formatVersion: FORMAT_VERSION }
  return new VarveError('MANIFEST_DAMAGED', `Cannot open the store with "${file}": ${reason}`, { details })
}

function damaged(file: string, position: number, reason: string, cause?: unknown): VarveError {
  const details = { file, position, reason, formatVersion: FORMAT_VERSION }
  return new VarveError('MANIFEST_DAMAGED', `Cannot read "${file}" at position ${position}: ${reason}`, {
    details,
    cause,
  })
}

function printOf(storage: Storage, bytes: Uint8Array): string {
  return `${bytes.length} ${storage.digest.crc32(bytes)}`
}

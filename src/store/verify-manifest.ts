/** Checking the manifests and the head file: what they say, and whether they can be believed.
 * @module */
import { isVarveError, type VarveError } from '../errors.ts'
import { scanFrames } from '../manifest/frame.ts'
import {
  damagedSlots,
  type Head,
  headEpoch,
  headName,
  type ManifestView,
  manifestEpoch,
  readHead,
  readManifest,
} from '../manifest/index.ts'
import { hasTruth } from '../manifest/stored-paths.ts'
import { knownSlots, survey } from '../manifest/survey.ts'
import type { VerifyRun } from './verify-run.ts'

/** What the check goes by. */
export interface Authority {
  /** The manifest that was read; undefined when none is readable. */
  readonly view: ManifestView | undefined
  /** The highest manifest is damaged: what is known may be incomplete. */
  readonly damaged: boolean
  readonly head: Head
  /** The files that were read to know it. */
  readonly files: readonly { readonly path: string; readonly bytes: number }[]
  /** There is no manifest, nor anything else of a store. */
  readonly nothing: boolean
}

const NO_HEAD: Head = { heartbeat: undefined, slots: new Map() }

/** Read manifests and head file, and note what is wrong with them.
 * @throws {VarveError} `FORMAT_NEWER`, and what the storage throws. */
export async function checkAuthority(run: VerifyRun): Promise<Authority> {
  const entries = await run.storage.list('')
  const names = entries.map((entry) => entry.name)
  const manifests = names.filter((name) => manifestEpoch(name) !== undefined)
  let view: ManifestView | undefined
  let damaged = false
  try {
    view = await readManifest(run.storage, 'leave')
  } catch (error) {
    if (!isVarveError(error) || error.kind !== 'corrupt') throw error
    damaged = true
    view = await viewBelow(run, error)
  }
  // An owner may have made both files between the listing of the two names: then the second look finds the manifest.
  const lost = damaged || view === undefined ? undefined : (await headAlone(run)) && (await headAlone(run))
  if (lost !== undefined) {
    const message = `The manifest that "${lost}" belongs to is gone, and with it all that its owner did`
    run.problem({ code: 'MANIFEST_DAMAGED', file: lost, message, damage: true })
    damaged = true
  }
  for (const { file, reason } of damaged ? [] : (view?.notes ?? [])) {
    const torn = file === view?.file
    run.problem({
      code: torn ? 'MANIFEST_TORN' : 'MANIFEST_UNBORN',
      file,
      message: `Manifest "${file}": ${reason}`,
      damage: false,
      ...(torn && view !== undefined ? { position: view.endPosition } : {}),
    })
  }
  const highest = view?.epoch ?? 0
  for (const file of manifests) if ((manifestEpoch(file) ?? 0) < highest) await checkOlder(run, file)
  const head = view === undefined || damaged ? NO_HEAD : await checkHead(run, view)
  if (view === undefined && !damaged && hasTruth(names)) {
    const message =
      'No manifest was found beside topics, documents or histories: it says what exists, and without it nothing can be opened'
    run.problem({ code: 'MANIFEST_DAMAGED', file: '', message, damage: true })
  }
  const files = []
  for (const path of [...manifests, ...(view === undefined ? [] : [headName(view.epoch)])]) {
    const bytes = await run.sizeOf(path)
    if (bytes !== undefined) files.push({ path, bytes })
  }
  return { view, damaged, head, files, nothing: manifests.length === 0 && !hasTruth(names) }
}

/** A head file that an owner wrote to and that has outlived its manifest. */
async function headAlone(run: VerifyRun): Promise<string | undefined> {
  const names = (await run.storage.list('')).map((entry) => entry.name)
  const highest = Math.max(0, ...names.map((name) => manifestEpoch(name) ?? 0))
  for (const name of names) {
    const epoch = headEpoch(name) ?? 0
    if (epoch > highest && (await readHead(run.storage, epoch)).heartbeat !== undefined) return name
  }
  return undefined
}

/** Note the damage, and read the manifest below the damaged one: its state is old, but no segment in it has changed. */
async function viewBelow(run: VerifyRun, error: VarveError): Promise<ManifestView | undefined> {
  const { file, position } = error.details
  const name = typeof file === 'string' ? file : ''
  run.problem({
    code: error.code,
    file: name,
    message: error.message,
    damage: true,
    ...(typeof position === 'number' ? { position } : {}),
  })
  const epoch = manifestEpoch(name)
  if (epoch === undefined) return undefined
  try {
    return (await survey(run.storage, { below: epoch, lost: 'leave' })).view
  } catch (below) {
    if (!isVarveError(below) || below.kind !== 'corrupt') throw below
    const at = typeof below.details.file === 'string' ? below.details.file : name
    run.problem({ code: below.code, file: at, message: below.message, damage: true })
    return undefined
  }
}

/** A manifest below the authority is a spare: damage to it loses nothing. */
async function checkOlder(run: VerifyRun, file: string): Promise<void> {
  const size = await run.sizeOf(file)
  // A new owner may have removed it since the listing.
  if (size === undefined) return
  const bytes = await run.read({ path: file, position: 0, length: size })
  const scan = scanFrames(bytes, manifestEpoch(file) ?? 0, run.digest)
  if (scan.tail === 'clean') return
  const position = scan.endPosition
  const message = `Manifest "${file}", which a newer one has replaced, is ${scan.tail} at position ${position}`
  const code = scan.tail === 'torn' ? 'MANIFEST_TORN' : 'MANIFEST_DAMAGED'
  run.problem({ code, file, position, message, damage: false })
}

/** Read the head file. A slot that fails its checksum twice was not just being written. */
async function checkHead(run: VerifyRun, view: ManifestView): Promise<Head> {
  const file = headName(view.epoch)
  const before = await damagedSlots(run.storage, view.epoch)
  const head = await readHead(run.storage, view.epoch)
  const after = before.length === 0 ? [] : await damagedSlots(run.storage, view.epoch)
  for (const position of after.filter((position) => before.includes(position))) {
    const message = `A slot of "${file}" at position ${position} fails its checksum; the other slot of its pair counts`
    run.problem({ code: 'HEAD_DAMAGED', file, position, message, damage: false })
  }
  return head
}

/** Slots of the head file that name what the manifest does not know. They are written only after the manifest's record
 * of it was synced, so a manifest that passes its checksums has lost its last record. */
export async function checkLostRecords(run: VerifyRun, authority: Authority): Promise<void> {
  const { view, head } = authority
  if (view === undefined) return
  const unknown = unknownSlots(view, head)
  if (unknown.length === 0) return
  // The owner may have added it between the reading of the two files.
  const later = await readManifest(run.storage, 'leave').catch(() => undefined)
  if (later === undefined || later.epoch !== view.epoch) return
  for (const slot of unknownSlots(later, head).filter((slot) => unknown.includes(slot))) {
    const id = head.slots.get(slot)?.segmentId
    const message = `Manifest "${view.file}" ends at position ${later.endPosition} without the segment ${id} that its owner wrote to: its last records are lost`
    run.problem({ code: 'MANIFEST_DAMAGED', file: view.file, position: later.endPosition, message, damage: true })
  }
}

function unknownSlots(view: ManifestView, head: Head): number[] {
  const known = knownSlots(view.state)
  return [...head.slots].filter(([slot, end]) => !known(slot, end)).map(([slot]) => slot)
}

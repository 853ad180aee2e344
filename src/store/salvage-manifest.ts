/** What the manifests of a damaged store still say.
 * @module */
import { isVarveError } from '../errors.ts'
import { StateDraft } from '../manifest/draft.ts'
import { readWhole } from '../manifest/files.ts'
import { type Frame, scanFrames } from '../manifest/frame.ts'
import {
  type HeadEnd,
  headEpoch,
  type ManifestRecord,
  type ManifestState,
  manifestEpoch,
  manifestName,
  parseState,
  readHead,
} from '../manifest/index.ts'
import { isObject } from '../manifest/shapes.ts'
import type { Storage } from '../ports/storage.ts'
import { unlessUnreadable } from './salvage-files.ts'

/** The authority of a store whose manifest cannot be followed to its end. */
export interface RemainingAuthority {
  /** As far as it can be read: the store may have gone on. Undefined when no manifest tells a state. */
  readonly state: ManifestState | undefined
  /** The highest epoch that a manifest's name takes, 0 without any. */
  readonly epoch: number
  /** By segment id, what the head files say: the highest end of each. */
  readonly ends: ReadonlyMap<string, HeadEnd>
  /** What is wrong, by file. */
  readonly notes: readonly string[]
}

/** Read the highest manifest that tells a state, up to its first damage, and all head files.
 * @throws {VarveError} `FORMAT_NEWER`, and what the storage throws. */
export async function readRemaining(storage: Storage): Promise<RemainingAuthority> {
  const names = (await storage.list('')).map((entry) => entry.name)
  const epochs = names.map(manifestEpoch).filter((epoch) => epoch !== undefined)
  epochs.sort((a, b) => b - a)
  const notes: string[] = []
  let state: ManifestState | undefined
  for (const epoch of epochs) {
    const file = manifestName(epoch)
    const bytes = await unlessUnreadable(
      () => readWhole(storage, file),
      (reason) => notes.push(`${file}: ${reason}`),
    )
    if (bytes === undefined) continue
    const { frames, endPosition, tail } = scanFrames(bytes, epoch, storage.digest)
    if (tail !== 'clean') notes.push(`${file}: damaged at position ${endPosition}`)
    state = stateOf(frames, epoch, (reason) => notes.push(`${file}: ${reason}`))
    if (state !== undefined) break
    notes.push(`${file}: tells no state`)
  }
  return { state, epoch: epochs[0] ?? 0, ends: await readEnds(storage, names), notes }
}

/** The state that a manifest adopted and its records, as far as they make sense. */
function stateOf(frames: readonly Frame[], epoch: number, note: (reason: string) => void): ManifestState | undefined {
  const [, adoption, ...records] = frames
  if (adoption === undefined) return undefined
  const adopted = understood(() => parseState(bodyOf(adoption).state), note)
  if (adopted === undefined) return undefined
  const apply = (draft: StateDraft, frame: Frame) => {
    draft.apply(bodyOf(frame) as unknown as ManifestRecord)
    return true
  }
  const draft = new StateDraft(adopted, epoch)
  const bad = records.findIndex((frame) => understood(() => apply(draft, frame), note) === undefined)
  if (bad === -1) return draft.state
  // A draft that refused a record is of no use.
  const before = new StateDraft(adopted, epoch)
  for (const frame of records.slice(0, bad)) apply(before, frame)
  return before.state
}

function understood<T>(read: () => T, note: (reason: string) => void): T | undefined {
  try {
    return read()
  } catch (error) {
    if (!isVarveError(error, 'MANIFEST_DAMAGED') && !(error instanceof SyntaxError)) throw error
    note(error.message)
    return undefined
  }
}

function bodyOf(frame: Frame): Record<string, unknown> {
  const body: unknown = JSON.parse(new TextDecoder().decode(frame.body))
  return isObject(body) ? body : {}
}

async function readEnds(storage: Storage, names: readonly string[]): Promise<Map<string, HeadEnd>> {
  const ends = new Map<string, HeadEnd>()
  for (const epoch of names.map(headEpoch)) {
    if (epoch === undefined) continue
    const head = await unlessUnreadable(
      () => readHead(storage, epoch),
      () => undefined,
    )
    for (const end of head?.slots.values() ?? []) {
      if (end.position > (ends.get(end.segmentId)?.position ?? 0)) ends.set(end.segmentId, end)
    }
  }
  return ends
}

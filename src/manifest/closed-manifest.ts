/** The whole manifest of a store that was closed before anybody sees it: a snapshot. It is written in one piece, and
 * nobody goes on with it.
 * @module */
import type { Digest } from '../codec/digest.ts'
import type { Owner } from '../ports/owner.ts'
import { manifestName } from './files.ts'
import { encodeFrame } from './frame.ts'
import type { HistoryRow } from './histories.ts'
import { encodeBody } from './manifest.ts'
import { packState } from './pack.ts'
import { type Closed, FORMAT_VERSION } from './records.ts'
import type { ManifestState } from './state.ts'
import type { Adoption, Claim } from './survey.ts'

/** The epoch of an owner that there never is. A file of versions that it may append to is copied before it grows. */
export const NO_OWNER_EPOCH = Number.MAX_SAFE_INTEGER

/** Make a manifest of claim, complete state and clean close. No group of a history in it is free to grow: its file may
 * have another name elsewhere.
 * @param state every active segment in it has a proven end. */
export function encodeClosedManifest(
  state: ManifestState,
  facts: { epoch: number; owner: Owner; instance: string; digest: Digest },
): { name: string; bytes: Uint8Array } {
  const { epoch, owner, instance, digest } = facts
  const { features } = state
  const claim: Claim = { type: 'claim', formatVersion: FORMAT_VERSION, features, epoch, owner, instance }
  const adoption: Adoption = { type: 'adopted', previousEpoch: epoch - 1, state: packState(frozen(state)) }
  const frames: Uint8Array[] = []
  let position = 0
  for (const value of [claim, adoption, closedOf(state)]) {
    const place = { epoch, position, sequence: frames.length, syncedThrough: position }
    const frame = encodeFrame(place, encodeBody(value), digest)
    frames.push(frame)
    position += frame.length
  }
  const bytes = new Uint8Array(position)
  position = 0
  for (const frame of frames) {
    bytes.set(frame, position)
    position += frame.length
  }
  return { name: manifestName(epoch), bytes }
}

function closedOf({ topics }: ManifestState): Closed {
  const partitions = topics.flatMap(({ id, partitions }) =>
    partitions.flatMap(({ partition, proven }) => (proven === undefined ? [] : [{ topic: id, partition, ...proven }])),
  )
  return { type: 'closed', partitions }
}

function frozen(state: ManifestState): ManifestState {
  return state.histories === undefined ? state : { ...state, histories: state.histories.map(frozenHistory) }
}

function frozenHistory(row: HistoryRow): HistoryRow {
  return { ...row, groups: row.groups.map((group) => ({ ...group, epoch: NO_OWNER_EPOCH })) }
}

/** Where a run begins: at the published state, or anew.
 * @module */
import { copyValue } from '../history/patch/copy-value.ts'
import type { ProjectionRow } from '../manifest/index.ts'
import type { Topic } from '../topic/types.ts'
import type { Folder, Folding } from './fold.ts'
import type { ProjectionHost } from './host.ts'
import { beginningOf } from './reading.ts'
import type { RunOptions } from './types.ts'

export interface RunFacts {
  readonly host: ProjectionHost
  readonly name: string
  readonly folder: Folder
  /** Begin anew, whatever was published. */
  readonly isRebuild: boolean
  /** Ends it early; see `ProjectionHost.begin`. */
  readonly signal: AbortSignal
  readonly onProgress: RunOptions['onProgress']
}

export interface Beginning {
  readonly row: ProjectionRow
  readonly topic: Topic
  readonly live: Folding
  /** Nothing of this fold was published yet. */
  readonly isAnew: boolean
}

/** Where a run begins: at the published state, or anew.
 * @throws {VarveError} `TOPIC_UNKNOWN`, `OFFSET_PRUNED`, `VALUE_UNSUPPORTED` for what `initial` gives. */
export async function findBeginning(facts: RunFacts): Promise<Beginning> {
  const { host, name, folder } = facts
  const row = host.row(name)
  const found = await host.openTopic(row.topic)
  const { topic, topicId } = found
  if (!facts.isRebuild && row.foldVersion === folder.version && row.topicId === topicId) {
    const live = await lastPublished(host, name)
    if (live !== undefined) return { row, topic, live, isAnew: false }
  }
  const positions = beginningOf(row, found)
  const { begin: _, ...rest } = row
  const begins = { ...rest, topicId, ...(positions.some((offset) => offset > 0) && { begin: positions }) }
  const live = folder.begin(positions)
  // What cannot be stored is better known before all events are folded.
  copyValue(live.state)
  return { row: begins, topic, live, isAnew: true }
}

/** The newest published state, to go on from. */
export async function lastPublished(host: ProjectionHost, name: string): Promise<Folding | undefined> {
  const published = await host.published(name)
  if (published === undefined) return undefined
  const { state, positions, recordedAt } = published
  return { state, positions: [...positions], recordedAt }
}

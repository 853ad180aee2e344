/** The state of a projection as of any event or time.
 * @module */
import { isVarveError, VarveError } from '../errors.ts'
import type { ProjectionRow } from '../manifest/index.ts'
import { optionInvalid, wholeOption } from '../options.ts'
import type { Topic } from '../topic/types.ts'
import { ApplyError, type Folder, type Folding, projectionFailed } from './fold.ts'
import type { KeptState, ProjectionHost } from './host.ts'
import { beginningOf, foldUntil, type Until } from './reading.ts'
import type { StateMoment } from './types.ts'

interface Place {
  readonly row: ProjectionRow
  readonly topic: Topic
  readonly topicId: number
}

/** Fold from the nearest published state at or before a moment, or from the beginning, up to it.
 * @throws {VarveError} `OPTION_INVALID`, `OFFSET_OUT_OF_RANGE`, `OFFSET_PRUNED`, `PROJECTION_FAILED`,
 * `TOPIC_UNKNOWN`. */
export async function foldAt(
  host: ProjectionHost,
  projection: { readonly name: string; readonly folder: Folder },
  { moment, signal }: { readonly moment: StateMoment; readonly signal: AbortSignal },
): Promise<Folding> {
  const { name, folder } = projection
  const row = host.row(name)
  const place: Place = { row, ...(await host.openTopic(row.topic)) }
  const until = untilOf(place, moment)
  const into = (await nearest(host, place, { folder, moment })) ?? folder.begin(beginningOf(row, place))
  if ('positions' in until) checkReached(place, into, until.positions)
  try {
    await foldUntil(folder, into, { topic: place.topic, until, signal })
  } catch (error) {
    throw error instanceof ApplyError ? projectionFailed(name, error) : error
  }
  return into
}

function untilOf({ topic, row }: Place, moment: StateMoment): Until {
  const { offset, time } = moment as { readonly offset?: unknown; readonly time?: unknown }
  if ((offset === undefined) === (time === undefined))
    throw optionInvalid('moment', 'must be an offset or a time', moment)
  if (offset === undefined) return { time: wholeOption('time', time, { least: 0 }) }
  if (topic.partitions > 1) throw optionInvalid('offset', 'needs a topic with one partition; ask by `time`', offset)
  const end = wholeOption('offset', offset, { least: 0 })
  const [partition] = topic.stats().partitions
  const { highWatermark = 0 } = partition ?? {}
  if (end <= highWatermark) return { positions: [end] }
  const message = `Cannot give the state of projection "${row.name}" at offset ${end}: the log ends at ${highWatermark}`
  throw new VarveError('OFFSET_OUT_OF_RANGE', message, {
    details: { projection: row.name, topic: row.topic, offset: end, highWatermark },
  })
}

/** A state can only be gone on with. */
function checkReached({ row }: Place, into: Folding, ends: readonly number[]): void {
  const [begin = 0] = into.positions
  const [offset = 0] = ends
  if (begin <= offset) return
  const message = `Cannot give the state of projection "${row.name}" at offset ${offset}: it begins at ${begin}, what was before was pruned`
  throw new VarveError('OFFSET_PRUNED', message, {
    details: { projection: row.name, topic: row.topic, offset, logStartOffset: begin },
  })
}

/** The published state to go on from, if it was made by this fold of this topic. */
async function nearest(
  host: ProjectionHost,
  { row, topic, topicId }: Place,
  { folder, moment }: { readonly folder: Folder; readonly moment: StateMoment },
): Promise<Folding | undefined> {
  if (row.foldVersion !== folder.version || row.topicId !== topicId) return undefined
  const kept = row.keep === 'history' ? await host.keptAt(row.name, moment) : await host.published(row.name)
  if (kept === undefined || kept.foldVersion !== folder.version) return undefined
  const isBefore =
    'offset' in moment ? (kept.positions[0] ?? 0) <= moment.offset : await isUpTo(topic, kept, moment.time)
  if (!isBefore) return undefined
  return { state: kept.state, positions: [...kept.positions], recordedAt: kept.recordedAt }
}

/** Whether all events in a state were recorded up to a time. */
async function isUpTo(topic: Topic, { positions, recordedAt }: KeptState, time: number): Promise<boolean> {
  if (recordedAt > 0) return recordedAt <= time
  for (const [partition, end] of positions.entries()) {
    if (end === 0) continue
    const last = await topic.get(end - 1, { partition }).catch((error: unknown) => {
      if (isVarveError(error, 'OFFSET_PRUNED')) return undefined
      throw error
    })
    // What comes after one that was pruned was not recorded before it.
    const bound = last ?? (await topic.get(end, { partition }))
    if (bound === undefined || bound.recordedAt > time) return false
  }
  return true
}

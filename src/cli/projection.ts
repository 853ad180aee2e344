/** What the commands of projections share: a projection, open, and its status in words. @module */
import type { Fold, Projection, ProjectionOptions, ProjectionStatus } from '../projection/types.ts'
import type { Store } from '../store/types.ts'
import { clean, count, counted, table, timeText } from './output.ts'

/** Open a projection, with its fold where there is one. @throws {VarveError} as `Projections.open`. */
export function openProjection(
  store: Store,
  name: string,
  options: { readonly fold: Fold<unknown> | undefined; readonly create?: ProjectionOptions | undefined },
): Promise<Projection> {
  const { fold, create } = options
  return store.projections.open<unknown>(name, {
    ...(fold === undefined ? {} : { fold }),
    ...(create === undefined ? {} : { create }),
  })
}

/** What is known of a projection, in one order of keys. */
export function plainStatus(status: ProjectionStatus): ProjectionStatus {
  const { projection, topic, keep, everyEvents, foldVersion, hasFold, state, failure } = status
  const { positions, publishedPositions, publishedAt, highWatermarks, lag } = status
  return {
    projection,
    topic,
    keep,
    everyEvents,
    foldVersion,
    hasFold,
    state,
    positions,
    publishedPositions,
    publishedAt,
    highWatermarks,
    lag,
    ...(failure === undefined ? {} : { failure }),
  }
}

/** Lines about one projection. */
export function statusText(status: ProjectionStatus): string {
  const { projection, topic, keep, everyEvents, foldVersion, publishedAt } = status
  return table([
    ['name', clean(projection)],
    ['topic', clean(topic)],
    ['state', stateText(status)],
    ['lag', counted(status.lag, 'event')],
    ['position', `${positionsText(status.positions)} of ${positionsText(status.highWatermarks)}`],
    [
      'published',
      foldVersion === 0 ? 'never' : `${positionsText(status.publishedPositions)}, at ${timeText(publishedAt)}`,
    ],
    ['kept as', `${keep}, every ${counted(everyEvents, 'event')}`],
    ['fold', foldVersion === 0 ? '-' : `version ${count(foldVersion)}`],
  ])
}

/** `idle`, or what failed where. */
export function stateText({ state, failure }: ProjectionStatus): string {
  if (failure === undefined) return state
  const { partition, offset, kind, message } = failure
  const where = partition === 0 ? `offset ${count(offset)}` : `offset ${count(offset)} of partition ${partition}`
  return `${state} at ${where} (${clean(kind)}): ${clean(message)}`
}

/** End offsets, `12` or `12/7/9`. */
export function positionsText(positions: readonly number[]): string {
  return positions.length === 0 ? '0' : positions.map(count).join('/')
}

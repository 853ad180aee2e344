/** The projections that exist, in the order of their names without regard to case.
 * @module */
import { findRow } from './named-rows.ts'
import { check, checkOf, isFileName, isObject, isTopicName, isWhole } from './shapes.ts'

export interface ProjectionRow {
  readonly name: string
  readonly topic: string
  /** Of the topic: another one with its name is another topic. */
  readonly topicId: number
  /** What its state is kept as, under the name `_<name>`. */
  readonly keep: 'document' | 'history'
  readonly everyEvents: number
  readonly createdAt: number
  /** Of the fold that made the state; 0: nothing was published yet. */
  readonly foldVersion: number
  /** End offset, exclusive, of what the state reflects, of each partition. */
  readonly positions: readonly number[]
  /** Where the fold began, of each partition: events before it were pruned. Absent: at 0. */
  readonly begin?: readonly number[]
  /** Milliseconds since 1970; 0: never. */
  readonly publishedAt: number
  /** Why it stopped. Absent: it did not. */
  readonly failure?: ProjectionFailure
}

export interface ProjectionFailure {
  readonly partition: number
  readonly offset: number
  readonly kind: string
  readonly message: string
  readonly at: number
}

/** The name of the document or history in which a projection keeps its states. */
export function ownName(projection: string): string {
  return `_${projection}`
}

/** The projection of a name, or of one that differs only in case. */
export function findProjection(rows: readonly ProjectionRow[] | undefined, name: string): ProjectionRow | undefined {
  return findRow(rows, name)
}

/** Check the shape of a projection. Its topic may be gone. */
export function checkProjection(value: unknown): asserts value is ProjectionRow {
  check(isObject(value), 'a projection is not an object')
  const { name, topic, topicId, keep, everyEvents, createdAt, foldVersion, positions, begin, publishedAt, failure } =
    value
  check(isFileName(name), 'a projection has an impossible name')
  checkOf(name, isTopicName(topic) && isWhole(topicId) && topicId > 0, 'projection % has no topic')
  checkOf(name, keep === 'document' || keep === 'history', 'projection % keeps its states nowhere')
  checkOf(name, isWhole(everyEvents) && everyEvents > 0, 'projection % never publishes')
  checkOf(name, isWhole(createdAt) && isWhole(foldVersion) && isWhole(publishedAt), 'projection % is incomplete')
  checkOf(name, Array.isArray(positions) && positions.every(isWhole), 'projection % has no positions')
  if (begin !== undefined) checkOf(name, Array.isArray(begin) && begin.every(isWhole), 'projection % begins nowhere')
  if (failure !== undefined) checkFailure(failure, name)
}

function checkFailure(value: unknown, projection: string): void {
  checkOf(projection, isObject(value), 'the failure of projection % is not an object')
  const { partition, offset, kind, message, at } = value
  const isWhere = isWhole(partition) && isWhole(offset) && isWhole(at)
  const isWhat = typeof kind === 'string' && typeof message === 'string'
  checkOf(projection, isWhere && isWhat, 'the failure of projection % is incomplete')
}

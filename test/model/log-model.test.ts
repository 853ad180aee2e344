/** The model against answers written by hand.
 * @module */
import { expect, test } from 'vitest'
import { TopicModel } from './log-model.ts'

const event = (kind: string, entity: string, at?: number) => ({
  kind,
  entity,
  data: 1,
  ...(at !== undefined && { at }),
})

test('TopicModel answers as the words of a topic say', () => {
  const model = new TopicModel(1, 'l')
  expect(model.append([event('a', 'x', 5), event('b', 'y')], { recordedAt: 10 })).toEqual({
    partition: 0,
    firstOffset: 0,
    endOffset: 2,
    versions: { x: 1, y: 2 },
  })
  expect(model.append([event('c', 'x')], { recordedAt: 7, expect: { entity: 'x', version: 'none' } })).toBe('conflict')
  expect(model.append([event('c', 'x')], { recordedAt: 7, expect: { entity: 'x', version: 1 } })).toMatchObject({
    versions: { x: 3 },
  })
  expect(model.get(2)).toEqual({ ...event('c', 'x', 7), offset: 2, partition: 0, id: 'l-0-2', recordedAt: 10 })
  const offsets = (found: readonly { offset: number }[]) => found.map(({ offset }) => offset)
  expect(offsets(model.read({ entity: 'x' }))).toEqual([0, 2])
  expect(offsets(model.read({ kind: ['b', 'c'], direction: 'backward' }))).toEqual([2, 1])
  expect(offsets(model.read({ since: 7, limit: 1 }))).toEqual([1])
  expect(offsets(model.last(2))).toEqual([1, 2])
  expect(model.version('none')).toBe(0)
  model.cut([1])
  expect(model.version('x')).toBe(1)
})

test('TopicModel keeps an entity in one partition', () => {
  const model = new TopicModel(3, 'l')
  expect(model.partitionOf('123456789')).toBe(0xcbf43926 % 3)
  model.append([event('a', '123456789')], { recordedAt: 1 })
  expect(model.last(1)[0]?.partition).toBe(0xcbf43926 % 3)
})

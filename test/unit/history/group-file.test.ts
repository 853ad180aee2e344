import { describe, expect, test } from 'vitest'
import { Path } from '../../../src/document/path.ts'
import { board, groupOf } from './group-helpers.ts'

describe('GroupFile', () => {
  test('value() and valueAt() give every version back', async () => {
    const first = board(40)
    const values: unknown[] = [first]
    for (let edit = 0; edit < 20; edit++) {
      const next = structuredClone(values.at(-1)) as typeof first
      const shape = next.shapes[edit % 7]
      if (shape !== undefined) shape.x += edit
      if (edit % 5 === 0) next.shapes.splice(edit, 1)
      values.push(next)
    }
    const { file, maker } = await groupOf(values)
    expect(file.damaged).toEqual([])
    for (const [at, value] of values.entries()) {
      expect(await file.value(at + 1)).toEqual(value)
      expect(await file.valueAt(at + 1, Path.parse('shapes[3].x'))).toBe((value as typeof first).shapes[3]?.x)
    }
    await file.close()
  })
})

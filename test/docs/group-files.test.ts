/** Goal: the files of groups are what src/FORMAT.md says.
 * Method: a group with all that a version can have is read by a reader made from that page alone.
 * @module */
import { expect, test } from 'vitest'
import { GroupFile } from '../../src/history/group/group-file.ts'
import { bytesOf, GroupMaker } from '../unit/history/group-helpers.ts'
import { GroupPage } from './group-files.ts'

const KINDS = ['value', 'metrics', 'rollup']

const items = Array.from({ length: 2_500 }, (_, at) => ({ name: `item ${at}`, count: at % 32, tags: ['a', 'b'] }))
const first = { title: 'first', items: items.slice(0, 20), list: [1, 2, 3] }
const second = { ...first, title: 'second' }

test('the file of a group is what FORMAT.md says', async () => {
  const maker = new GroupMaker()
  await maker.add(
    { ...first, large: Object.fromEntries(items.slice(0, 120).map((item) => [item.name, item])) },
    { offset: 7 },
  )
  await maker.add(second, { label: 'é', fingerprint: 'f', metadata: { a: 1 }, offset: 9, kind: 'metrics' })
  await maker.add({ ...second, more: 'some more' }, { version: 5_000, kind: 'rollup' })
  await maker.add(second)
  await maker.add({ ...first, items: items.slice(20, 60) }, { offset: 9 })
  const row = await maker.rest()
  const page = new GroupPage(await bytesOf(maker.place.storage, maker.place.path), row.id)

  expect(page.keyframe.value()).toEqual(maker.values[0])
  expect(page.keyframe.threshold).toBe(4_096)
  const file = await GroupFile.open(maker.place, row)
  for (const [at, stored] of file.versions.entries()) {
    const found = at === 0 ? page.first : page.frames[at - 1]
    const { version, at: time, hash, rawBytes, label, fingerprint, offset } = stored
    expect(found).toMatchObject({ version, at: time, hash, rawBytes, kind: KINDS.indexOf(stored.kind) })
    expect([found?.label, found?.fingerprint, found?.offset]).toEqual([label, fingerprint, offset])
  }
  // An object of one field, a key of one byte, 1.
  expect(page.frames[0]?.metadata).toEqual(Uint8Array.of(0x51, 0xc1, 0x61, 0x61))
  expect(page.frames.map(({ same }) => same)).toEqual([undefined, undefined, 2, undefined])
  expect(
    page.frames
      .map(({ delta }) => delta?.length)
      .filter(Boolean)
      .reduce((a = 0, b = 0) => a + b),
  ).toBe(file.deltaBytes)
  expect(page.values().map(({ value }) => value)).toEqual(maker.values)
  await file.close()
})

test('a keyframe of several chunks is read as FORMAT.md says', async () => {
  const maker = new GroupMaker()
  await maker.add(items)
  const row = await maker.rest()
  const page = new GroupPage(await bytesOf(maker.place.storage, maker.place.path), row.id)
  expect(page.keyframe.value()).toEqual(items)
  expect(page.frames).toEqual([])
})

/** What src/FORMAT.md says of the columns of groups is what the product writes.
 * @module */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { packState } from '../../src/manifest/pack.ts'
import { group, hex, history, start } from '../unit/manifest/histories-support.ts'
import { readPackedGroups } from './packed-groups.ts'

const step = fc.record({
  gap: fc.nat(3),
  span: fc.nat(100),
  listed: fc.boolean(),
  tier: fc.constantFrom('raw', 'compressed', 'archive'),
  epoch: fc.nat(2),
  wait: fc.nat(1e10),
  length: fc.nat(1e7),
  offset: fc.option(fc.nat(1000), { nil: undefined }),
  copied: fc.boolean(),
  newer: fc.integer({ min: 0, max: 20 }),
})

test('the page tells how to read the columns of groups', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      let [version, time] = [0, -1_000]
      let offset: number | undefined
      const groups = steps.map(({ gap, span, listed, tier, epoch, wait, length, newer, ...more }, at) => {
        const firstVersion = version + 1 + gap
        version = firstVersion + span
        const firstAt = time + wait
        time = firstAt + length
        if (more.offset !== undefined) offset = (offset ?? 0) + more.offset
        return group(at, {
          ...{ firstVersion, lastVersion: version, firstAt, lastAt: time, tier, rawBytes: wait, endBytes: length + 1 },
          ...(more.copied ? {} : { file: hex(at + 1) }),
          ...(listed && span > 0 ? { versions: [firstVersion, version] } : {}),
          ...(epoch === 0 ? {} : { epoch }),
          ...(offset === undefined ? {} : { lastOffset: offset }),
          ...(newer === 0 ? { colour: 'red' } : {}),
        })
      })
      const histories = [history('h', { lastVersion: version, groups })]
      const packed = JSON.parse(JSON.stringify(packState({ ...start(), histories })))
      const [{ groups: columns }] = packed.histories
      expect(Array.isArray(columns) ? columns : readPackedGroups(columns)).toEqual(groups)
    }),
    { numRuns: 500 },
  )
})

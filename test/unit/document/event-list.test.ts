/** @module */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromHex } from '../../../src/codec/bytes.ts'
import { StructuralSink } from '../../../src/codec/structural.ts'
import { ValueBuffer } from '../../../src/codec/value-buffer.ts'
import { ValueBuilder } from '../../../src/codec/value-builder.ts'
import { ValueWalker } from '../../../src/codec/value-walk.ts'
import { EventList } from '../../../src/document/events/list.ts'
import { pumpEvents } from '../../../src/document/events/source.ts'
import { pumpValue } from '../../../src/document/events/value-source.ts'
import type { StructuralEvent } from '../../../src/document/types.ts'
import { difference } from '../../support/same-value.ts'
import { anyValue } from './support/any-value.ts'
import { RecordingOutput } from './support/recording-output.ts'

const LIMITS = { sizeBytes: 2 ** 30, depth: 1_024, nodes: 2 ** 30, keyBytes: 2 ** 30 }

test('EventList gives the events that were written, in pieces of any size', async () => {
  const out = new ValueBuffer()
  const walker = new ValueWalker(out, LIMITS)
  await fc.assert(
    fc.asyncProperty(anyValue, fc.integer({ min: 1, max: 40 }), async (value, size) => {
      out.begin()
      walker.walk(value, 'value', new StructuralSink(out))
      const bytes = out.bytes.slice(out.start, out.length)
      const list = new EventList()
      const builder = new ValueBuilder()
      const events: StructuralEvent[] = []
      for (let at = 0, end = size; !list.done; end += size) {
        const to = Math.min(end, bytes.length)
        const stopped = list.push(bytes, at, to)
        expect(builder.push(bytes, at, to)).toBe(stopped)
        at = stopped
        events.push(...list.take())
      }
      const written = new RecordingOutput()
      await pumpValue(written, value)
      expect(events).toEqual(written.events)
      expect(difference(builder.value, value)).toBeUndefined()
      const back = new RecordingOutput()
      await pumpEvents(back, events)
      expect(difference(back.value, value)).toBeUndefined()
    }),
    { numRuns: 120 },
  )
})

test('EventList gives what values lack, and ends of counted containers', () => {
  const list = new EventList(['a'])
  const bytes = fromHex('52e0191505' + '4118023132')
  list.push(bytes, 0, bytes.length)
  expect(list.done).toBe(true)
  expect(list.take()).toEqual([
    { type: 'beginObject' },
    { type: 'key', key: 'a' },
    { type: 'value', value: undefined },
    { type: 'intKey', key: -6 },
    { type: 'beginArray' },
    { type: 'decimal', text: '12' },
    { type: 'endArray' },
    { type: 'endObject' },
  ])
  expect(list.take()).toEqual([])
})

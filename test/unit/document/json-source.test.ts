/** @module */
import { describe, expect, test } from 'vitest'
import { pumpJson } from '../../../src/document/json/source.ts'
import type { DocumentBytes } from '../../../src/document/types.ts'
import { cutEvery, utf8 } from './support/json-chunks.ts'
import { RecordingOutput } from './support/recording-output.ts'

const VALUE = Array.from({ length: 3_000 }, (_, id) => ({ id, name: `Grüße ${id}`, tags: ['a', null, id / 4] }))
const BYTES = utf8(JSON.stringify(VALUE))

async function* later(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) {
    await Promise.resolve()
    yield chunk
  }
}

function streamOf(chunks: readonly Uint8Array[], onCancel?: (reason: unknown) => void): ReadableStream<Uint8Array> {
  let next = 0
  return new ReadableStream({
    pull(controller) {
      const chunk = chunks[next++]
      if (chunk === undefined) controller.close()
      else controller.enqueue(chunk)
    },
    cancel: onCancel,
  } as UnderlyingDefaultSource<Uint8Array>)
}

describe('pumpJson()', () => {
  const sources: Record<string, () => DocumentBytes> = {
    bytes: () => BYTES,
    'a list': () => cutEvery(BYTES, 1_000),
    'a set of one': () => new Set([BYTES]),
    'an async iterable': () => later(cutEvery(BYTES, 777)),
    'a stream': () => streamOf(cutEvery(BYTES, 5_000)),
    'empty chunks too': () => [new Uint8Array(0), BYTES, new Uint8Array(0)],
    'a view into more bytes': () => {
      const more = new Uint8Array(BYTES.length + 20).fill(0x22)
      more.set(BYTES, 10)
      return [more.subarray(10, BYTES.length + 10)]
    },
  }

  test.each(Object.keys(sources))('reads %s', async (name) => {
    const output = new RecordingOutput()
    let reported = 0
    const onBytes = (readBytes: number) => {
      expect(readBytes).toBeGreaterThan(reported)
      reported = readBytes
    }
    await pumpJson(output, (sources[name] as () => DocumentBytes)(), { onBytes })
    expect(output.value).toEqual(VALUE)
    expect(reported).toBe(BYTES.length)
  })

  test('drains an output that is full about every 64 KiB, also inside one chunk', async () => {
    const output = new RecordingOutput({ fullEvery: 1 })
    await pumpJson(output, BYTES)
    expect(output.drains).toBe(Math.ceil(BYTES.length / 65_536))
  })

  test('gives what is wrong with the text, and closes the source', async () => {
    let cancelled = 0
    const stream = streamOf([utf8('[1,\n'), utf8(' 2'), utf8(' 3]'), BYTES], () => cancelled++)
    await expect(pumpJson(new RecordingOutput(), stream)).rejects.toMatchObject({
      code: 'JSON_INVALID',
      kind: 'invalid',
      message: 'Cannot read JSON at line 2, column 4: found "3"',
      details: { position: 7, line: 2, column: 4, found: '"3"' },
    })
    expect(cancelled).toBe(1)
    let returned = 0
    const list = {
      *[Symbol.iterator]() {
        try {
          yield utf8('[}')
          yield utf8(']')
        } finally {
          returned++
        }
      },
    }
    await expect(pumpJson(new RecordingOutput(), list)).rejects.toMatchObject({ code: 'JSON_INVALID' })
    expect(returned).toBe(1)
  })

  test('refuses sources without text, and chunks that are no bytes', async () => {
    for (const source of [new Uint8Array(0), [], streamOf([]), utf8(' \n')]) {
      await expect(pumpJson(new RecordingOutput(), source)).rejects.toMatchObject({ details: { found: 'the end' } })
    }
    const texts = ['[1]'] as unknown as Uint8Array[]
    const refused = { code: 'OPTION_INVALID', details: { option: 'bytes', found: 'string' } }
    await expect(pumpJson(new RecordingOutput(), texts)).rejects.toMatchObject(refused)
    const text = '[1]' as unknown as Uint8Array
    await expect(pumpJson(new RecordingOutput(), text)).rejects.toMatchObject(refused)
  })

  test('gives what the source throws', async () => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield utf8('[1')
      await Promise.reject(new Error('gone'))
    }
    await expect(pumpJson(new RecordingOutput(), failing())).rejects.toThrow('gone')
  })

  test('stops at a signal: before it begins, between slices, and while a source keeps it waiting', async () => {
    const reason = new Error('enough')
    const before = new RecordingOutput()
    await expect(pumpJson(before, BYTES, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(before.events).toEqual([])

    const between = new AbortController()
    const some = new RecordingOutput()
    await expect(pumpJson(some, BYTES, { signal: between.signal, onBytes: () => between.abort(reason) })).rejects.toBe(
      reason,
    )
    expect(some.done).toBe(false)

    for (const isLate of [false, true]) {
      const waiting = new AbortController()
      let cancelled: unknown
      const silent = new ReadableStream<Uint8Array>({
        pull: () => {
          // Some runtimes pull while the stream is made: only a later abort finds a reader that waits.
          if (isLate) queueMicrotask(() => waiting.abort(reason))
          return new Promise(() => undefined)
        },
        cancel: () => {
          cancelled = true
        },
      })
      if (!isLate) waiting.abort(reason)
      await expect(pumpJson(new RecordingOutput(), silent, { signal: waiting.signal })).rejects.toBe(reason)
      expect(cancelled).toBe(true)
    }
  })

  test('gives what the output throws', async () => {
    const output = new RecordingOutput({ fullEvery: 1 })
    output.drain = () => Promise.reject(new Error('disk'))
    await expect(pumpJson(output, [BYTES])).rejects.toThrow('disk')
  })
})

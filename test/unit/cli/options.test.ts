/** Options that mean more than their text: conditions, limits of topics, confirmations.
 * @module */
import { parseArgs } from 'node:util'
import { describe, expect, test } from 'vitest'
import { Arguments, type OptionSpecs } from '../../../src/cli/arguments.ts'
import { CONDITION_OPTIONS, conditionsOf } from '../../../src/cli/conditions.ts'
import { CONFIRM_OPTIONS, confirm, shellWord } from '../../../src/cli/confirm.ts'
import { tellGaps } from '../../../src/cli/salvage.ts'
import { changeOptions, createOptions, settingsText, TOPIC_OPTIONS } from '../../../src/cli/topic-options.ts'
import type { Store } from '../../../src/index.ts'
import type { TopicSettings } from '../../../src/topic/types.ts'

const given = (specs: OptionSpecs, words: readonly string[]) => new Arguments(words, specs, parseArgs)
const conditions = (...words: string[]) =>
  conditionsOf(given({ ...CONDITION_OPTIONS, partition: { value: 'N', help: '' } }, words))

describe('conditionsOf()', () => {
  test('is undefined where nothing is asked for', () => {
    expect(conditions()).toBeUndefined()
  })

  test('reads expectations, of entities with any name', () => {
    const words = ['--expect', 'a=0', '--expect=b=c=12', '--expect', 'd=none', '--expect', 'e f=exists']
    expect(conditions(...words)).toEqual({
      expect: [
        { entity: 'a', version: 0 },
        { entity: 'b=c', version: 12 },
        { entity: 'd', version: 'none' },
        { entity: 'e f', version: 'exists' },
      ],
    })
  })

  test('reads clauses as words or as JSON', () => {
    const clause = '{"kinds":["A,B"],"tags":["x=y"],"entity":"e"}'
    expect(conditions('--if-no', 'kind=A,kind=B,tag=t,entity=e', '--if-no', clause, '--after', '7')).toEqual({
      condition: {
        query: [
          { kinds: ['A', 'B'], tags: ['t'], entity: 'e' },
          { kinds: ['A,B'], tags: ['x=y'], entity: 'e' },
        ],
        after: 7,
      },
    })
  })

  test('reads a key and a partition', () => {
    expect(conditions('--key', 'req-9', '--partition', '2')).toEqual({ idempotencyKey: 'req-9', partition: 2 })
  })

  test.each([
    [['--expect', 'a'], 'ENTITY=V'],
    [['--expect', '=1'], 'ENTITY=V'],
    [['--expect', 'a=-1'], 'ENTITY=V'],
    [['--expect', 'a=new'], 'ENTITY=V'],
    [['--if-no', 'kind=A'], 'without --after'],
    [['--after', '1'], 'without --if-no'],
    [['--after', '1', '--if-no', ''], 'kind=K'],
    [['--after', '1', '--if-no', 'colour=red'], 'kind=K'],
    [['--after', '1', '--if-no', 'entity=a,entity=b'], 'kind=K'],
    [['--after', '1', '--if-no', '{"kinds":"A"}'], 'kind=K'],
    [['--after', '1', '--if-no', '{"scope":"s"}'], 'kind=K'],
    [['--after', '1', '--if-no', '{'], 'kind=K'],
    [['--key', ''], '1 to 256 bytes'],
  ])('refuses %j', (words, message) => {
    expect(() => conditions(...words)).toThrow(message)
  })
})

const SETTINGS: TopicSettings = {
  partitions: 2,
  segmentBytes: 64 * 1024 * 1024,
  retention: { maxAgeMs: 1_000, maxEvents: 5 },
  compression: 'none',
  chain: 'batches',
  idempotency: { windowMs: 86_400_000, windowKeys: 1_000_000 },
}

describe('options of topics', () => {
  const create = (...words: string[]) => createOptions(given(TOPIC_OPTIONS, words))
  const change = (...words: string[]) => changeOptions(given(TOPIC_OPTIONS, words), SETTINGS)

  test('create reads all of them', () => {
    expect(create()).toEqual({})
    const limits = ['--max-age', '30d', '--max-bytes', '10GiB', '--max-events', '500']
    const fixed = ['--partitions', '4', '--chain', 'events', '--segment-mib', '2', '--compression', 'deflate']
    expect(create(...limits, ...fixed, '--key-window', '12h', '--key-count', '100')).toEqual({
      partitions: 4,
      chain: 'events',
      segmentBytes: 2 * 1024 * 1024,
      compression: 'deflate',
      retention: { maxAgeMs: 30 * 86_400_000, maxBytes: 10 * 1024 ** 3, maxEvents: 500 },
      idempotency: { windowMs: 12 * 3_600_000, windowKeys: 100 },
    })
  })

  test('change keeps the limits that are not named, and takes away those that are none', () => {
    expect(change('--max-age', '90m')).toEqual({ retention: { maxAgeMs: 5_400_000, maxEvents: 5 } })
    expect(change('--max-age', 'none', '--max-bytes', '4096')).toEqual({ retention: { maxBytes: 4_096, maxEvents: 5 } })
    expect(change('--key-count', '7')).toEqual({ idempotency: { windowMs: 86_400_000, windowKeys: 7 } })
    expect(change('--compression', 'deflate')).toEqual({ compression: 'deflate' })
  })

  test.each([
    [['--max-age', '30'], '30d, 12h'],
    [['--max-age', '0d'], '30d, 12h'],
    [['--max-age', '99999999999999d'], '30d, 12h'],
    [['--max-bytes', '10GB'], '10GiB'],
    [['--max-bytes', '1.5GiB'], '10GiB'],
    [['--max-events', '1d'], 'whole number'],
    [['--key-window', 'none'], 'always a window'],
    [['--partitions', '4'], 'fixed when the topic is created'],
    [['--chain', 'events'], 'fixed when the topic is created'],
  ])('change refuses %j', (words, message) => {
    expect(() => change(...words)).toThrow(message)
  })

  test('are told in a sentence', () => {
    expect(settingsText(SETTINGS)).toBe(
      'partitions 2; segments of 64.0 MiB; kept: 1 s, 5 events per partition; compression none; chain over batches; ' +
        'keys remembered for 1 d or 1,000,000',
    )
    expect(settingsText({ ...SETTINGS, retention: {} })).toContain('everything is kept')
  })
})

describe('confirm()', () => {
  const store = { id: 'STORE' } as Store
  const ask = (...words: string[]) =>
    confirm(given(CONFIRM_OPTIONS, words), store, { what: 'delete it', line: 'topics rm x' })

  test('is content with both words only', () => {
    expect(ask('--yes', '--store-id', 'STORE')).toBeUndefined()
    const line = 'To delete it, run: varve topics rm x --yes --store-id STORE'
    expect(() => ask()).toThrow(`Nothing was changed. ${line}`)
    expect(() => ask('--yes')).toThrow(line)
    expect(() => ask('--store-id', 'STORE')).toThrow(line)
    expect(() => ask('--yes', '--store-id', 'OTHER')).toThrow('"OTHER" is not the id of this store')
  })
})

test('shellWord() quotes what a shell would read', () => {
  expect(shellWord('./data/a-b_1.db')).toBe('./data/a-b_1.db')
  expect(shellWord(`a b'; rm -rf $HOME`)).toBe(`'a b'\\''; rm -rf $HOME'`)
  expect(shellWord('')).toBe(`''`)
})

test('tellGaps() names gaps and what else is lost without what steers a terminal, and ends with 1', () => {
  let told = ''
  const context = {
    terminal: {
      writeError(text: string) {
        told += text
      },
    },
  }
  const gap = { topic: 'orders', partition: 2, from: 1_000, to: 2_000, file: 'a.log', reason: 'bad\u001b[31m CRC' }
  const store = (gaps: readonly unknown[], ignored: readonly string[] = []) =>
    ({ openReport: { gaps, ignored } }) as unknown as Store
  expect(tellGaps(store([], ['MANIFEST-1: a note']), context as never)).toBe(0)
  expect(told).toBe('')
  expect(tellGaps(store([gap]), context as never)).toBe(1)
  expect(told).toBe(
    'varve: gap in orders, partition 2: offsets 1,000 to 1,999 cannot be read: bad CRC (a.log)\n' +
      'varve: salvaged, with 1 gap\n',
  )
  told = ''
  expect(tellGaps(store([gap], ['documents/a: torn\u001b[31m']), context as never)).toBe(1)
  expect(told).toMatch(/\nvarve: document a cannot be read: torn\nvarve: salvaged, with 1 gap and 1 lost document\n$/)
  told = ''
  const notes = [
    'histories/b: versions that cannot be read: 3',
    'histories/b/0f.vgrp: torn\u001b[31m',
    'histories/c: all',
  ]
  expect(tellGaps(store([], notes), context as never)).toBe(1)
  expect(told).toBe(
    'varve: history b: versions that cannot be read: 3\nvarve: history b, file 0f.vgrp: torn\n' +
      'varve: history c: all\nvarve: salvaged, with 2 damaged histories\n',
  )
})

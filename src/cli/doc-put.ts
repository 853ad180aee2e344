/** `varve doc put`: JSON of any length from a file or a pipe becomes the new version of a document. @module */
import type { WriteJsonOptions } from '../document/types.ts'
import type { Arguments } from './arguments.ts'
import { type Command, directoryOf, openForWriting, withStore } from './context.ts'
import { plainStat, statText } from './doc.ts'
import { plainBytes } from './elements.ts'
import { openInput } from './input.ts'
import { clean, elapsed, jsonLine } from './output.ts'
import { Progress } from './progress.ts'
import { sizeOption } from './units.ts'

export const docPut: Command = {
  name: 'doc put',
  usage: 'NAME [FILE]',
  summary: 'Store JSON of any length as the new version of a document',
  options: {
    'if-version': { value: 'N', help: 'Only if the document has this version; 0: only if it does not exist' },
    'duplicate-keys': { value: 'WHAT', help: 'last (default): the last one counts; refuse: they are errors' },
    'exact-numbers': {
      value: 'WHAT',
      help: 'keep (default): as JSON.parse reads them; refuse those a number cannot hold',
    },
    threshold: { value: 'SIZE', help: 'Index values from this size on (default 256; 0: all of them; none: the root)' },
  },
  notes: [
    'FILE - is standard input; gzip is undone. The store is made when it does not exist. The text is read once and never',
    'held as a whole. Nothing is published unless it is good JSON to its end; readers see the old version or the new.',
    '{"$type": ...} stands for bytes, dates and odd numbers, integers past 2^53 become big integers. A NAME has 1 to 128',
    'letters, digits, dots, dashes and underscores.',
  ],
  examples: [
    ['varve doc put catalog catalog.json', 'A file'],
    ['curl -s https://shop.example/export.json.gz | varve doc put export -', 'From a pipe, compressed or not'],
    ['varve doc put catalog new.json --if-version 4', 'Only if nobody wrote it since version 4'],
  ],
  async run(args, context) {
    args.atMost(2)
    const name = args.required(0, 'NAME')
    const options = writeOptions(args)
    const { sizeBytes: total = 0, bytes: input } = await openInput(args.at(1), context, 'JSON')
    const { clock, terminal } = context
    const startedAt = clock.monotonic()
    const stat = await withStore(openForWriting(directoryOf(args), context, { create: true }), async (store) => {
      const progress = new Progress(`put ${clean(name)}`, context)
      let done = 0
      const bytes = plainBytes(input, (piece) => {
        done += piece
        progress.update({ done, total })
      })
      try {
        return await store.documents.writeJson(name, bytes, { ...options, signal: terminal.interrupted })
      } finally {
        progress.end()
      }
    })
    const durationMs = Math.round(clock.monotonic() - startedAt)
    const text = `Stored ${statText(stat)}, in ${elapsed(durationMs)}\n`
    await terminal.write(args.flag('json') ? jsonLine({ ...plainStat(stat), durationMs }) : text)
    return 0
  },
}

function writeOptions(args: Arguments): WriteJsonOptions {
  const ifVersion = args.whole('if-version')
  const duplicateKeys = args.choice('duplicate-keys', ['last', 'refuse'])
  const exactNumbers = args.choice('exact-numbers', ['keep', 'refuse'])
  const threshold = args.text('threshold') === '0' ? 0 : sizeOption(args, 'threshold')
  return {
    ...(ifVersion === undefined ? {} : { ifVersion }),
    ...(duplicateKeys === undefined ? {} : { duplicateKeys }),
    ...(exactNumbers === undefined ? {} : { exactNumbers }),
    ...(threshold === undefined ? {} : { thresholdBytes: threshold === 'none' ? Number.POSITIVE_INFINITY : threshold }),
  }
}

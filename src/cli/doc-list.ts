/** `varve doc ls` and `varve doc stat`: which documents there are, and what is known of one. @module */
import type { DocumentStat } from '../document/types.ts'
import { type Command, openForReading, withStore } from './context.ts'
import { plainStat, withDocument } from './doc.ts'
import { clean, count, jsonLine, size, table, timeText } from './output.ts'
import { SALVAGE_OPTION, tellGaps } from './salvage.ts'

export const docLs: Command = {
  name: 'doc ls',
  usage: '',
  summary: 'List the documents with their versions and sizes',
  options: { ...SALVAGE_OPTION },
  examples: [
    ['varve doc ls', 'All documents, by name'],
    ['varve doc ls --json', 'The same for programs'],
  ],
  async run(args, context) {
    args.atMost(0)
    return withStore(openForReading(args, context), async (store) => {
      const all = await store.documents.list()
      const text = all.length === 0 ? 'No documents yet: varve doc put NAME FILE\n' : table(rows(all), [1, 2, 3])
      await context.terminal.write(args.flag('json') ? jsonLine({ documents: all.map(plainStat) }) : text)
      return tellGaps(store, context)
    })
  },
}

function rows(all: readonly DocumentStat[]): string[][] {
  const body = all.map(({ name, version, sizeBytes, indexBytes, writtenAt }) => [
    clean(name),
    count(version),
    size(sizeBytes),
    size(indexBytes),
    timeText(writtenAt),
  ])
  return [['document', 'version', 'size', 'index', 'written'], ...body]
}

export const docStat: Command = {
  name: 'doc stat',
  usage: 'NAME',
  summary: 'Show version, size and index of one document',
  options: {},
  examples: [
    ['varve doc stat catalog', 'What is known of it'],
    ['varve doc stat catalog --json', 'Its version, for `varve doc put --if-version`'],
  ],
  async run(args, context) {
    args.atMost(1)
    const found = await withDocument(args, context, async (document) => {
      const { thresholdBytes, entries, ranges } = document
      return { ...plainStat(document), thresholdBytes, entries, ranges }
    })
    const { thresholdBytes: threshold } = found
    // JSON has no infinity: the index names the root only.
    const json = { ...found, thresholdBytes: Number.isFinite(threshold) ? threshold : 'none' }
    const lines = [
      ['name', clean(found.name)],
      ['version', count(found.version)],
      ['size', `${size(found.sizeBytes)} (${count(found.sizeBytes)} bytes)`],
      ['index', `${size(found.indexBytes)}, ${count(found.entries)} entries, ${count(found.ranges)} ranges`],
      ['threshold', Number.isFinite(threshold) ? size(threshold) : 'none: only the root is indexed'],
      ['written', timeText(found.writtenAt)],
    ]
    await context.terminal.write(args.flag('json') ? jsonLine(json) : table(lines))
    return 0
  },
}

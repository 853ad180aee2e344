/** `varve doc ls` and `varve doc stat`: which documents there are, and what is known of one. @module */
import type { DocumentStat } from '../document/types.ts'
import { type Command, type ExitCode, openForReading, withStore } from './context.ts'
import { plainStat, withDocument } from './doc.ts'
import { clean, count, counted, jsonLine, size, table, timeText } from './output.ts'
import { SALVAGE_OPTION, tellGaps } from './salvage.ts'

export const docLs: Command = {
  name: 'doc ls',
  usage: '',
  summary: 'List the documents with their versions and sizes',
  options: { ...SALVAGE_OPTION },
  notes: [
    'With --salvage, and no manifest that can be read, each document is the newest of its files that is complete; when it',
    'was written is not known then. Of a damaged document, `varve doc get --path` still reads what is not damaged.',
  ],
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
    writtenText(writtenAt),
  ])
  return [['document', 'version', 'size', 'index', 'written'], ...body]
}

export const docStat: Command = {
  name: 'doc stat',
  usage: 'NAME',
  summary: 'Show version, size and index of one document',
  options: { ...SALVAGE_OPTION },
  notes: ['The index names values that are at least as large as the threshold, and ranges between which to search.'],
  examples: [
    ['varve doc stat catalog', 'What is known of it'],
    ['varve doc stat catalog --json', 'Its version, for `varve doc put --if-version`'],
  ],
  async run(args, context) {
    args.atMost(1)
    let exitCode: ExitCode = 0
    const found = await withDocument(args, context, async (document, gaps) => {
      exitCode = gaps
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
      ['index', `${size(found.indexBytes)}, ${entriesText(found.entries)}, ${counted(found.ranges, 'range')}`],
      ['threshold', Number.isFinite(threshold) ? size(threshold) : 'none: only the root is indexed'],
      ['written', writtenText(found.writtenAt)],
    ]
    await context.terminal.write(args.flag('json') ? jsonLine(json) : table(lines))
    return exitCode
  },
}

/** Salvage does not know when a document was written. */
function writtenText(at: number): string {
  return at === 0 ? 'unknown' : timeText(at)
}

function entriesText(entries: number): string {
  return entries === 1 ? '1 entry' : `${count(entries)} entries`
}

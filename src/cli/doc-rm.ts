/** `varve doc rm`: delete a document. @module */
import { conflict } from '../store/document-writes.ts'
import { CONFIRM_OPTIONS, confirm, shellWord } from './confirm.ts'
import { type Command, directoryOf, openForReading, openForWriting, withStore } from './context.ts'
import { plainStat, statText } from './doc.ts'
import { jsonLine } from './output.ts'

export const docRm: Command = {
  name: 'doc rm',
  usage: 'NAME',
  summary: 'Delete a document for ever',
  options: {
    'if-version': { value: 'N', help: 'Only if the document has this version' },
    ...CONFIRM_OPTIONS,
  },
  notes: ['A document that is written later under the same name begins at a higher version.'],
  examples: [
    ['varve doc rm catalog', 'Say what would be deleted, and the line that does it'],
    ['varve doc rm catalog --if-version 4 --yes --store-id ID', 'Delete it, unless somebody wrote it meanwhile'],
  ],
  async run(args, context) {
    args.atMost(1)
    const name = args.required(0, 'NAME')
    const ifVersion = args.whole('if-version', { least: 1 })
    const directory = directoryOf(args)
    // What would go is said without a write, also beside a running server.
    const opening = args.flag('yes')
      ? openForWriting(directory, context, { create: false })
      : openForReading(args, context)
    const gone = await withStore(opening, async (store) => {
      const stat = await store.documents.stat(name)
      if (ifVersion !== undefined && stat.version !== ifVersion)
        throw conflict(name, { expected: ifVersion, found: stat.version })
      const data = args.text('data') === undefined ? '' : ` --data ${shellWord(directory)}`
      const condition = ifVersion === undefined ? '' : ` --if-version ${ifVersion}`
      const what = `delete document ${statText(stat)}, for ever`
      confirm(args, store, { what, line: `doc rm ${name}${condition}${data}` })
      await store.documents.delete(name, ifVersion === undefined ? {} : { ifVersion })
      return stat
    })
    const text = `Deleted document ${statText(gone)}\n`
    await context.terminal.write(args.flag('json') ? jsonLine({ deleted: true, ...plainStat(gone) }) : text)
    return 0
  },
}

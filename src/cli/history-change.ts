/** `varve history create`, `change` and `rm`. @module */
import type { HistoryStats } from '../history/types.ts'
import type { Store } from '../store/types.ts'
import { wrongUse } from './arguments.ts'
import { CONFIRM_OPTIONS, confirm, shellWord } from './confirm.ts'
import { type Command, directoryOf, openForReading, openForWriting, withStore } from './context.ts'
import { givenHistoryOptions, HISTORY_OPTIONS, historyOptions, settingsText, TIER_NOTES } from './history-options.ts'
import { clean, counted, jsonLine, size } from './output.ts'

export const historyCreate: Command = {
  name: 'history create',
  usage: 'NAME',
  summary: 'Create a history, to say more than `history append --create` does',
  options: HISTORY_OPTIONS,
  notes: [
    ...TIER_NOTES,
    'The store is made when it does not exist. A NAME has 1 to 128 letters, digits, dots, dashes and underscores.',
  ],
  examples: [
    ['varve history create board-7', 'With the usual tiers'],
    ['varve history create board-7 --raw 7d --compressed 90d/1d --archive none/30d', 'One version a month, for ever'],
    ['varve history create prices --key-field sku', 'Elements are told by their sku, wherever they move'],
  ],
  async run(args, context) {
    args.atMost(1)
    const name = args.required(0, 'NAME')
    const options = historyOptions(args)
    const created = await withStore(openForWriting(directoryOf(args), context, { create: true }), async (store) => {
      const known = (await store.histories.list()).some(({ history }) => history === name)
      const history = await store.histories.open(name, { create: options })
      return { created: !known, ...(await history.stats()) }
    })
    const what = created.created ? 'Created' : 'There already is'
    const text = `${what} history ${clean(name)}: ${settingsText(created.settings)}\n`
    await context.terminal.write(args.flag('json') ? jsonLine(created) : text)
    return 0
  },
}

export const historyChange: Command = {
  name: 'history change',
  usage: 'NAME',
  summary: 'Change the options of a history',
  options: HISTORY_OPTIONS,
  notes: ['What is not named stays; a tier is replaced as a whole, its period included.', ...TIER_NOTES],
  examples: [['varve history change board-7 --archive none/7d', 'Keep one version a week for ever']],
  async run(args, context) {
    args.atMost(1)
    const name = args.required(0, 'NAME')
    if (givenHistoryOptions(args).length === 0)
      throw wrongUse('Cannot change nothing: name an option, such as --archive none/7d')
    const options = historyOptions(args)
    const stats = await withStore(openForWriting(directoryOf(args), context, { create: false }), (store) =>
      store.histories.change(name, options),
    )
    const text = `Changed history ${clean(name)}: ${settingsText(stats.settings)}\n`
    await context.terminal.write(args.flag('json') ? jsonLine(stats) : text)
    return 0
  },
}

export const historyRm: Command = {
  name: 'history rm',
  usage: 'NAME',
  summary: 'Delete a history and all of its versions for ever',
  options: CONFIRM_OPTIONS,
  notes: ['A history that is created later under the same name begins at version 1 again.'],
  examples: [
    ['varve history rm board-7', 'Say what would be deleted, and the line that does it'],
    ['varve history rm board-7 --yes --store-id ID', 'Delete it'],
  ],
  async run(args, context) {
    args.atMost(1)
    const name = args.required(0, 'NAME')
    const directory = directoryOf(args)
    // What would go is said without a write, also beside a running server.
    const opening = args.flag('yes')
      ? openForWriting(directory, context, { create: false })
      : openForReading(args, context)
    const gone = await withStore(opening, async (store) => {
      const stats = await statsOf(store, name)
      const data = args.text('data') === undefined ? '' : ` --data ${shellWord(directory)}`
      confirm(args, store, { what: `delete history ${sizeText(stats)}, for ever`, line: `history rm ${name}${data}` })
      await store.histories.delete(name)
      return stats
    })
    const { history, count, storedBytes } = gone
    const text = `Deleted history ${sizeText(gone)}\n`
    await context.terminal.write(args.flag('json') ? jsonLine({ deleted: true, history, count, storedBytes }) : text)
    return 0
  },
}

async function statsOf(store: Store, name: string): Promise<HistoryStats> {
  return (await store.histories.open(name)).stats()
}

/** `board-7 (120 versions, 48.2 KiB)`. */
function sizeText({ history, count, storedBytes }: HistoryStats): string {
  return `${clean(history)} (${counted(count, 'version')}, ${size(storedBytes)})`
}

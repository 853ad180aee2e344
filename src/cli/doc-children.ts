/** `varve doc children`: what an object or an array holds, page by page, without reading it. @module */
import { stringifyValue } from '../codec/values.ts'
import { appendStep } from '../document/path/format.ts'
import { Path } from '../document/path/path.ts'
import type { ChildPage, DocumentChild } from '../document/types.ts'
import type { Arguments } from './arguments.ts'
import { shellWord } from './confirm.ts'
import type { CliContext, Command } from './context.ts'
import { COST_OPTION, CostTeller, PATH_OPTIONS, pathOf, withDocument } from './doc.ts'
import { clean, cut, jsonLine, size, table } from './output.ts'
import { SALVAGE_OPTION } from './salvage.ts'

const LIMIT_MAX = 1_000
const KEY_COLUMNS = 48
const VALUE_COLUMNS = 60

export const docChildren: Command = {
  name: 'doc children',
  usage: 'NAME',
  summary: 'List the fields of an object or the elements of an array of a document',
  options: {
    ...PATH_OPTIONS,
    limit: { value: 'N', help: `At most this many, 1 to ${LIMIT_MAX} (default 100)` },
    cursor: { value: 'CURSOR', help: 'Go on behind an earlier list; the path must be the same' },
    ...COST_OPTION,
    ...SALVAGE_OPTION,
  },
  notes: [
    'The size is that of the value as it is stored, without its key; small values are shown. If more children follow, it',
    'says so on standard error, with the cursor; --json has it as nextCursor.',
  ],
  examples: [
    ['varve doc children catalog', 'The fields of the root'],
    ["varve doc children catalog --path 'products' --limit 20", 'The first twenty elements'],
    ['varve doc children catalog --pointer /products --json', 'A page for programs'],
  ],
  async run(args, context) {
    args.atMost(1)
    const path = pathOf(args)
    const limit = args.whole('limit', { least: 1, most: LIMIT_MAX })
    const cursor = args.text('cursor')
    const cost = new CostTeller(args, context)
    return withDocument(args, context, async (document, gaps) => {
      const page = await document.children(path, {
        signal: context.terminal.interrupted,
        ...(limit === undefined ? {} : { limit }),
        ...(cursor === undefined ? {} : { cursor }),
        onCost: cost.onCost,
      })
      await show(page, args, context)
      cost.tell()
      return gaps
    })
  },
}

async function show(page: ChildPage, args: Arguments, { terminal }: CliContext): Promise<void> {
  if (args.flag('json')) return terminal.write(jsonLine(page))
  const empty = args.text('cursor') === undefined ? `An empty ${page.type}\n` : 'No more\n'
  await terminal.write(page.items.length === 0 ? empty : table([HEADING, ...page.items.map(rowOf)], [2]))
  if (page.nextCursor !== undefined) terminal.writeError(`More follow: --cursor ${shellWord(page.nextCursor)}\n`)
}

const HEADING = ['child', 'type', 'size', 'value']

function rowOf(child: DocumentChild): string[] {
  const step = Path.parse(child.path).steps.at(-1)
  return [
    cut(clean(step === undefined ? '' : appendStep('', step)), KEY_COLUMNS),
    child.type,
    size(child.sizeBytes),
    child.value === undefined ? '' : cut(clean(stringifyValue(child.value)), VALUE_COLUMNS),
  ]
}

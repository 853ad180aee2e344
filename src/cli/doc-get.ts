/** `varve doc get`: a document, or what is at a path of it, as JSON; or one scalar as it is. @module */
import { utf8Length } from '../codec/value-buffer.ts'
import { stringifyValue } from '../codec/values.ts'
import type { Path } from '../document/path/path.ts'
import type { OpenDocument, Scalar, StructuralEvent } from '../document/types.ts'
import { type Arguments, wrongUse } from './arguments.ts'
import type { CliContext, Command } from './context.ts'
import { COST_OPTION, CostTeller, PATH_OPTIONS, pathOf, plainStat, withDocument } from './doc.ts'
import { clean, elapsed, jsonLine, size } from './output.ts'
import { Progress } from './progress.ts'
import { safeJson } from './safe-json.ts'
import { SALVAGE_OPTION } from './salvage.ts'

/** Lines of matches are handed on in pieces of about this many characters. */
const PIECE_CHARACTERS = 65_536

export const docGet: Command = {
  name: 'doc get',
  usage: 'NAME',
  summary: 'Write a document, or what is at a path of it, as JSON',
  options: {
    ...PATH_OPTIONS,
    raw: { help: 'A string without its quotes, bytes as they are; other scalars as JSON' },
    output: { short: 'o', value: 'FILE', help: 'Write to this file, which must not exist, instead of standard output' },
    ...COST_OPTION,
    ...SALVAGE_OPTION,
  },
  notes: [
    'Only what the path needs is read, whatever the size of the document. Fields are written a.b or a."odd key", elements',
    'a[0], integer keys m{7}. A path with wildcards and slices, as in users[10:20].*.name, gives one line',
    '{"path":...,"value":...} for each value that is there, none is no failure; any other path that leads nowhere ends',
    'with exit code 1. A FILE has its name only once it is whole.',
  ],
  examples: [
    ["varve doc get catalog --path 'products[3].name'", 'One value'],
    ['varve doc get catalog -o catalog.json', 'All of it, into a file'],
    ['varve doc get catalog --pointer /products/3/image/data --raw > image.png', 'Bytes'],
    ["varve doc get catalog --path 'products[*].price'", 'Many values, one a line'],
  ],
  run(args, context) {
    args.atMost(1)
    const path = pathOf(args)
    if (args.flag('raw') && path.isPlural) throw wrongUse('Cannot use --raw with a path that may mean many values')
    return withDocument(args, context, async (document, gaps) => {
      const target = args.text('output')
      const cost = new CostTeller(args, context)
      if (target === undefined) await toTerminal(document, path, { args, context, cost, target })
      else await toFile(document, path, { args, context, cost, target })
      cost.tell()
      return gaps
    })
  },
}

/** Where a value goes. */
export interface RawTarget {
  readonly context: CliContext
  /** Undefined: standard output. */
  readonly target: string | undefined
}

interface Job extends RawTarget {
  readonly args: Arguments
  readonly cost: CostTeller
}

async function toTerminal(document: OpenDocument, path: Path, job: Job): Promise<void> {
  const { terminal } = job.context
  for await (const piece of piecesOf(document, path, job)) await terminal.write(piece)
  if (job.args.flag('raw') ? terminal.outputIsTerminal : !path.isPlural) await terminal.write('\n')
}

async function toFile(document: OpenDocument, path: Path, job: Job & { readonly target: string }): Promise<void> {
  const { args, context, target } = job
  const startedAt = context.clock.monotonic()
  const file = await context.createFile(target)
  const progress = new Progress(`get ${clean(document.name)}`, context)
  let done = 0
  try {
    for await (const piece of piecesOf(document, path, job)) {
      await file.write(piece)
      done += typeof piece === 'string' ? utf8Length(piece) : piece.length
      progress.update({ done })
    }
    if (!path.isPlural && !args.flag('raw')) await file.write('\n')
    await file.finish()
  } catch (error) {
    await file.discard()
    throw error
  } finally {
    progress.end()
  }
  const durationMs = Math.round(context.clock.monotonic() - startedAt)
  const from = `${clean(document.name)}, version ${document.version}`
  const text = `Wrote ${size(done)} of ${from}, to ${clean(target)} in ${elapsed(durationMs)}\n`
  const summary = { file: target, path: path.toString(), ...plainStat(document), durationMs }
  await context.terminal.write(args.flag('json') ? jsonLine(summary) : text)
}

function piecesOf(document: OpenDocument, path: Path, job: Job): AsyncIterable<string | Uint8Array> {
  const options = { signal: job.context.terminal.interrupted, onCost: job.cost.onCost }
  if (path.isPlural) return lines(document.matches(path, options))
  if (job.args.flag('raw')) return rawScalar(document.events(path, options), job)
  const json = document.json(path, options)
  return job.target === undefined ? safeJson(json) : json
}

async function* lines(values: AsyncIterable<unknown>): AsyncGenerator<string> {
  let piece = ''
  for await (const value of values) {
    piece += jsonLine(value)
    if (piece.length < PIECE_CHARACTERS) continue
    yield piece
    piece = ''
  }
  if (piece !== '') yield piece
}

async function* rawScalar(events: AsyncIterable<StructuralEvent>, job: Job): AsyncGenerator<string | Uint8Array> {
  for await (const event of events) {
    if (event.type === 'decimal') yield event.text
    else if (event.type === 'value') yield rawPiece(event.value, job)
    else throw wrongUse('Cannot use --raw: the value is an object or an array')
  }
}

/** What `--raw` writes of a scalar. @throws {VarveError} `OPTION_INVALID` for what text or a terminal cannot show. */
export function rawPiece(value: Scalar, { context, target }: RawTarget): string | Uint8Array {
  const toPerson = context.terminal.outputIsTerminal && target === undefined
  if (typeof value === 'string') {
    if (toPerson) return value.split('\n').map(clean).join('\n')
    if (value.isWellFormed()) return value
    throw wrongUse('Cannot use --raw: the string has lone surrogates, which UTF-8 lacks; without --raw it is JSON')
  }
  if (!(value instanceof Uint8Array)) return stringifyValue(value)
  if (toPerson) throw wrongUse('Cannot use --raw: the value is bytes; send them to a file with -o FILE, or to a pipe')
  return value
}

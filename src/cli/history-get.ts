/** `varve history get`: the value of a version, or what is at a path of it, as JSON; or one scalar as it is. @module */
import { utf8Length } from '../codec/value-buffer.ts'
import { stringifyValue } from '../codec/values.ts'
import type { Path } from '../document/path/path.ts'
import type { Scalar } from '../document/types.ts'
import { VarveError } from '../errors.ts'
import type { History, VersionInfo } from '../history/types.ts'
import { type Arguments, wrongUse } from './arguments.ts'
import type { CliContext, Command } from './context.ts'
import { COST_OPTION, CostTeller, PATH_OPTIONS, pathOf } from './doc.ts'
import { rawPiece } from './doc-get.ts'
import { plainVersion, selectorOf, VERSION_NOTES, versionText, withHistory } from './history.ts'
import { clean, hideInJson, jsonLine, size } from './output.ts'
import { SALVAGE_OPTION } from './salvage.ts'

export const historyGet: Command = {
  name: 'history get',
  usage: 'NAME [VERSION]',
  summary: 'Write the value of a version, or what is at a path of it, as JSON',
  options: {
    ...PATH_OPTIONS,
    check: { help: 'Compare the value with the hash that was stored with it; not with a path' },
    raw: { help: 'A string without its quotes, bytes as they are; other scalars as JSON' },
    output: { short: 'o', value: 'FILE', help: 'Write to this file, which must not exist, instead of standard output' },
    ...COST_OPTION,
    ...SALVAGE_OPTION,
  },
  notes: [
    ...VERSION_NOTES,
    'Without VERSION it is the newest. Of a path only what leads to it is read. A path that leads nowhere ends with exit',
    'code 1. A FILE has its name only once it is whole.',
  ],
  examples: [
    ['varve history get board-7', 'The newest version'],
    ["varve history get board-7 12 --path 'shapes[4]'", 'One value of version 12'],
    ['varve history get board-7 time=2026-01-31T12:00:00Z -o then.json', 'As it was at that moment'],
    ['varve history get board-7 label=shipped --check', 'By its label, and held against its hash'],
  ],
  run(args, context) {
    args.atMost(2)
    const path = pathOf(args)
    const selector = selectorOf(args.at(1))
    if (args.flag('check') && path.steps.length > 0) throw wrongUse('Cannot use --check with a path')
    return withHistory(args, context, async (history, gaps) => {
      const cost = new CostTeller(args, context)
      // Found first, so that what is told of the version is about the value that is read.
      const info = await history.find(selector)
      const value = await history.read({
        version: info.version,
        ...(path.steps.length === 0 ? {} : { path }),
        check: args.flag('check'),
        onCost: cost.onCost,
        signal: context.terminal.interrupted,
      })
      if (value === undefined) throw nothingThere(history, info, path)
      await writeValue(value, { args, context, told: { ...plainVersion(info), history: history.name }, info, path })
      cost.tell()
      return gaps
    })
  },
}

function nothingThere({ name }: History, { version }: VersionInfo, path: Path): VarveError {
  const message = `Cannot find a value at ${JSON.stringify(path.toString())} in version ${version} of history "${name}"`
  return new VarveError('PATH_UNKNOWN', message, { details: { history: name, version, path: path.toString() } })
}

interface Written {
  readonly args: Arguments
  readonly context: CliContext
  readonly info: VersionInfo
  readonly path: Path
  readonly told: Readonly<Record<string, unknown>>
}

async function writeValue(value: unknown, { args, context, info, path, told }: Written): Promise<void> {
  const { terminal } = context
  const target = args.text('output')
  const raw = args.flag('raw')
  if (target === undefined) {
    await terminal.write(raw ? rawPiece(scalarOf(value), { context, target }) : hideInJson(stringifyValue(value)))
    if (!raw || terminal.outputIsTerminal) await terminal.write('\n')
    return
  }
  const piece = raw ? rawPiece(scalarOf(value), { context, target }) : `${stringifyValue(value)}\n`
  const file = await context.createFile(target)
  try {
    await file.write(piece)
    await file.finish()
  } catch (error) {
    await file.discard()
    throw error
  }
  const bytes = typeof piece === 'string' ? utf8Length(piece) : piece.length
  const text = `Wrote ${size(bytes)} of ${clean(String(told.history))}, ${versionText(info)}, to ${clean(target)}\n`
  await terminal.write(args.flag('json') ? jsonLine({ file: target, path: path.toString(), ...told }) : text)
}

/** @throws {VarveError} `OPTION_INVALID` for a container. */
function scalarOf(value: unknown): Scalar {
  const isScalar = typeof value !== 'object' || value === null || value instanceof Uint8Array || value instanceof Date
  if (isScalar) return value as Scalar
  throw wrongUse('Cannot use --raw: the value is an object or an array')
}

/** What the commands of documents share: the path that they are given, and the document, open.
 * @module */
import { Path } from '../document/path/path.ts'
import type { DocumentStat, OpenDocument, ReadCost } from '../document/types.ts'
import type { Terminal } from '../ports/terminal.ts'
import { type Arguments, type OptionSpecs, wrongUse } from './arguments.ts'
import { type CliContext, type ExitCode, openForReading, withStore } from './context.ts'
import { clean, count, counted, jsonLine, size } from './output.ts'
import { tellGaps } from './salvage.ts'

export const PATH_OPTIONS: OptionSpecs = {
  path: { value: 'PATH', help: 'Path of the value, such as users[812345].address."odd key" (default: the root)' },
  pointer: { value: 'POINTER', help: 'The same as an RFC 6901 pointer, such as /users/812345/address' },
}

export const COST_OPTION: OptionSpecs = {
  cost: { help: 'Say on standard error what the read cost: calls of the storage, bytes, events' },
}

/** The path of `--path` or `--pointer`, the root without. @throws {VarveError} `OPTION_INVALID`, `PATH_INVALID`. */
export function pathOf(args: Arguments): Path {
  const text = args.text('path')
  const pointer = args.text('pointer')
  if (text !== undefined && pointer !== undefined) throw wrongUse('Cannot use --path and --pointer together')
  return pointer === undefined ? Path.parse(text ?? '') : Path.fromPointer(pointer)
}

/** Open the newest version of a document beside a running server, and close it and the store whatever happens.
 * @param use gets, of a salvaged store, 1 if there are gaps, which were told.
 * @throws {VarveError} as `openStore` and `Documents.open`. */
export function withDocument<T>(
  args: Arguments,
  context: CliContext,
  use: (document: OpenDocument, gaps: ExitCode) => Promise<T>,
): Promise<T> {
  const name = args.required(0, 'NAME')
  return withStore(openForReading(args, context), async (store) => {
    const gaps = tellGaps(store, context)
    const document = await store.documents.open(name)
    try {
      return await use(document, gaps)
    } finally {
      await document.close()
    }
  })
}

/** Adds up what reads cost, and tells it when `--cost` asks for it. */
export class CostTeller {
  readonly #args: Arguments
  readonly #terminal: Terminal
  #total: ReadCost = { reads: 0, bytesRead: 0, eventsScanned: 0 }

  constructor(args: Arguments, { terminal }: CliContext) {
    this.#args = args
    this.#terminal = terminal
  }

  readonly onCost = ({ reads, bytesRead, eventsScanned }: ReadCost): void => {
    const { reads: before, bytesRead: bytes, eventsScanned: events } = this.#total
    this.#total = { reads: before + reads, bytesRead: bytes + bytesRead, eventsScanned: events + eventsScanned }
  }

  /** Once, when all is read. */
  tell(): void {
    if (!this.#args.flag('cost')) return
    const { reads, bytesRead, eventsScanned } = this.#total
    const text = `cost ${counted(reads, 'read')}, ${count(bytesRead)} B, ${counted(eventsScanned, 'event')} scanned\n`
    this.#terminal.writeError(this.#args.flag('json') ? jsonLine({ cost: this.#total }) : text)
  }
}

/** `catalog, version 3, 12.0 MiB`. */
export function statText({ name, version, sizeBytes }: DocumentStat): string {
  return `${clean(name)}, version ${version}, ${size(sizeBytes)}`
}

/** What is known of a document without opening it, in one order of keys. */
export function plainStat({ name, version, sizeBytes, indexBytes, writtenAt }: DocumentStat): DocumentStat {
  return { name, version, sizeBytes, indexBytes, writtenAt }
}

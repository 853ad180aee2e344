/** Checking every byte of a document: checksums, the sequence of events, the path index, key pages.
 * @module */
import { isVarveError } from '../../errors.ts'
import { nextTurn } from '../../ports/clock.ts'
import { BLOCK_BYTES, FILE_HEADER_BYTES, openBlock } from '../blocks.ts'
import type { DocumentIndex } from '../index/document-index.ts'
import { type DocumentParts, damaged, type OpenedFile, openFile } from '../read/open-file.ts'
import { Scanner } from '../read/scanner.ts'
import { type Reading, readAt, Window } from '../read/window.ts'
import type { DocumentProgress, DocumentReport } from '../types.ts'
import { CheckedWalk } from './checked-walk.ts'
import { checkKeyPages } from './key-pages.ts'
import { checkSiblings } from './siblings.ts'

/** Bytes between two looks at the signal. */
const TURN_BYTES = 1_048_576

export interface VerifyDocumentOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: DocumentProgress) => void
}

type Problem = DocumentReport['problems'][number]

/** Check a document: the checksums of all blocks; order, codes, sizes and texts of all events (not the texts of scalars
 * above 64 KiB); that each item of the index is where it says; that key pages have as many keys as their object, in it.
 * Cost: two passes over its file, and a third over objects with key pages,
 * without writes; memory for 1 MiB and the index.
 * @throws what the storage throws; damage is in the report. */
export async function verifyDocumentFile(
  parts: DocumentParts,
  options: VerifyDocumentOptions = {},
): Promise<DocumentReport> {
  let opened: OpenedFile
  try {
    opened = await openFile(parts)
  } catch (error) {
    const problem = problemOf(parts, error)
    return { ok: false, bytesChecked: 0, valuesChecked: 0, problems: [problem] }
  }
  try {
    return await new DocumentCheck(parts, opened, options).run()
  } finally {
    await opened.file.handle.close()
  }
}

class DocumentCheck {
  readonly #parts: DocumentParts
  readonly #opened: OpenedFile
  readonly #options: VerifyDocumentOptions
  readonly #problems: Problem[] = []
  #bytesChecked = 0
  #values = 0

  constructor(parts: DocumentParts, opened: OpenedFile, options: VerifyDocumentOptions) {
    this.#parts = parts
    this.#opened = opened
    this.#options = options
  }

  async run(): Promise<DocumentReport> {
    const { file, index, trailer } = this.#opened
    await this.#checkBlocks()
    // What lies behind a damaged block cannot be told.
    if (this.#problems.length === 0) {
      const scanner = new Scanner(new Window(file))
      const walk = new CheckedWalk(scanner, index)
      await this.#check(walk.run(trailer.endAddress), scanner, () => {
        this.#values = walk.values
      })
      this.#values = walk.values
    }
    if (this.#problems.length === 0) {
      const scanner = new Scanner(new Window(file))
      await this.#check(checkLookUps(scanner, index), scanner, () => undefined)
    }
    const ok = this.#problems.length === 0
    return { ok, bytesChecked: this.#bytesChecked, valuesChecked: this.#values, problems: this.#problems }
  }

  async #checkBlocks(): Promise<void> {
    const { file } = this.#opened
    const { streamBytes } = file
    const stored = new Uint8Array(Math.min(TURN_BYTES, streamBytes))
    this.#bytesChecked = this.#parts.stat.sizeBytes - streamBytes
    for (let at = 0; at < streamBytes; at += TURN_BYTES) {
      const bytes = stored.subarray(0, Math.min(TURN_BYTES, streamBytes - at))
      const found = await readAt(file, FILE_HEADER_BYTES + at, bytes)
      for (let from = 0; from < bytes.length; from += BLOCK_BYTES) {
        const block = (at + from) / BLOCK_BYTES
        this.#checkBlock(bytes.subarray(from, Math.min(from + BLOCK_BYTES, found)), block)
      }
      this.#bytesChecked += bytes.length
      await this.#turn()
    }
  }

  #checkBlock(bytes: Uint8Array, block: number): void {
    const { digest, seed } = this.#opened.file
    try {
      openBlock(bytes, bytes.subarray(4), { digest, seed, block })
    } catch (error) {
      this.#problems.push(problemOf(this.#parts, error))
    }
  }

  /** Run a reading to its end or to the first problem. */
  async #check(reading: Reading<void>, { window }: Scanner, report: () => void): Promise<void> {
    try {
      let read = 0
      for (let step = reading.next(); !step.done; step = reading.next()) {
        const loaded = window.load()
        if (loaded !== undefined) await loaded
        if (window.bytesRead - read < TURN_BYTES) continue
        read = window.bytesRead
        report()
        await this.#turn()
      }
    } catch (error) {
      this.#problems.push(problemOf(this.#parts, error))
    }
  }

  async #turn(): Promise<void> {
    const { signal, onProgress } = this.#options
    signal?.throwIfAborted()
    onProgress?.({ values: this.#values, doneBytes: this.#bytesChecked, totalBytes: this.#parts.stat.sizeBytes })
    await nextTurn()
  }
}

/** What the events do not tell: that the index leads to all of them. */
function* checkLookUps(scanner: Scanner, index: DocumentIndex): Reading<void> {
  checkSiblings(index)
  yield* checkKeyPages(scanner, index)
}

/** Damage as a problem; everything else goes on as it is. */
function problemOf(parts: DocumentParts, error: unknown): Problem {
  const known = damaged(parts, error)
  const isDamage = isVarveError(known) && (known.kind === 'corrupt' || known.code === 'FORMAT_NEWER')
  if (!isDamage) throw known
  const { position } = known.details
  return { code: known.code, message: known.message, ...(typeof position === 'number' ? { position } : {}) }
}

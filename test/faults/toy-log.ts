/** A log of lines in one file, just enough to show that the tools see what it forgets.
 * @module */
import { must, mustEqual } from '../support/scenario.ts'
import type { Known, Ledger } from './explorer.ts'
import type { FaultFiles } from './fault-files.ts'

export interface ToyFlaws {
  readonly forgetSync?: boolean
  readonly forgetDirectorySync?: boolean
  readonly forgetChecksum?: boolean
  /** Take a line for right wherever it lies. */
  readonly forgetPosition?: boolean
}

const PATH = '/log'
const LINE_BYTES = 300

/** A line: text, padding, and in the last four bytes the sum of both and of its place. */
function lineOf(item: number, position: number): Uint8Array {
  const line = new TextEncoder().encode(`item ${item} `.padEnd(LINE_BYTES, 'abcdefg'))
  new DataView(line.buffer).setUint32(LINE_BYTES - 4, sum(line, position))
  return line
}

function sum(line: Uint8Array, position: number): number {
  let total = 0x811c9dc5 ^ position
  for (const byte of line.subarray(0, LINE_BYTES - 4)) total = Math.imul(total ^ byte, 0x01000193)
  return total >>> 0
}

/** Open the log: reads what is valid and goes on after it. */
export async function openToy(files: FaultFiles, flaws: ToyFlaws = {}) {
  const isNew = !(await files.exists(PATH))
  const descriptor = await files.open(PATH, isNew ? 'create' : 'write')
  if (isNew && flaws.forgetDirectorySync !== true) await files.syncDirectory('/')
  const items: number[] = []
  const place = () => (flaws.forgetPosition === true ? 0 : items.length * LINE_BYTES)
  const line = new Uint8Array(LINE_BYTES)
  while ((await files.read(descriptor, line, items.length * LINE_BYTES)) === LINE_BYTES) {
    if (flaws.forgetChecksum !== true && new DataView(line.buffer).getUint32(LINE_BYTES - 4) !== sum(line, place()))
      break
    items.push(Number(new TextDecoder().decode(line).split(' ')[1]))
  }
  await files.truncate(descriptor, items.length * LINE_BYTES)
  await files.sync(descriptor)
  if (!isNew && flaws.forgetDirectorySync !== true) await files.syncDirectory('/')
  return {
    items,
    async append(item: number): Promise<void> {
      await files.write(descriptor, lineOf(item, place()), items.length * LINE_BYTES)
      items.push(item)
      if (flaws.forgetSync !== true) await files.sync(descriptor)
    },
    close: () => files.close(descriptor),
  }
}

/** Workload and check of a toy log, for the explorer. */
export function toyRun(flaws: ToyFlaws) {
  return {
    async workload(files: FaultFiles, ledger: Ledger<number>): Promise<void> {
      const log = await openToy(files, flaws)
      for (let item = 0; item < 6; item++) {
        ledger.attempt(item)
        await log.append(item)
        ledger.acknowledge(item)
      }
      await log.close()
    },
    async check(files: FaultFiles, known: Known<number>, ledger: Ledger<number>): Promise<void> {
      const log = await openToy(files, flaws)
      must(
        log.items.length >= known.acknowledged.length,
        () => `lost: ${log.items.length} of ${known.acknowledged.length}`,
      )
      mustEqual(log.items, known.attempted.slice(0, log.items.length), 'recovered is a prefix')
      ledger.shown(log.items.slice())
      ledger.attempt(100)
      await log.append(100)
      ledger.acknowledge(100)
    },
  }
}

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
  /** Take a short read or write for a whole one. */
  readonly forgetShort?: boolean
  /** Sync again after a failed sync, and believe it. */
  readonly retrySync?: boolean
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
  const move = async (call: (rest: Uint8Array, done: number) => number | Promise<number>, bytes: Uint8Array) => {
    let done = 0
    for (let idle = 0; done < bytes.length && idle < 3; ) {
      const count = await call(bytes.subarray(done), done)
      idle = count === 0 ? idle + 1 : 0
      done += count
      if (flaws.forgetShort === true) return bytes.length
    }
    return done
  }
  const readAt = (place: number) => move((rest, done) => files.read(descriptor, rest, place + done), line)
  while ((await readAt(items.length * LINE_BYTES)) === LINE_BYTES) {
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
      const start = items.length * LINE_BYTES
      const whole = lineOf(item, place())
      const moved = await move((rest, done) => files.write(descriptor, rest, start + done), whole)
      if (moved < whole.length) throw new Error('ENOSPC: the device takes no more bytes')
      items.push(item)
      if (flaws.forgetSync === true) return
      if (flaws.retrySync === true) return files.sync(descriptor).catch(() => files.sync(descriptor))
      await files.sync(descriptor)
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

/** The same for the error sweep: goes on after errors of writes, stops after one of a sync. */
export function toySweep(flaws: ToyFlaws) {
  return {
    async workload(files: FaultFiles, ledger: Ledger<number>): Promise<void> {
      const log = await openToy(files, flaws).catch(() => undefined)
      for (let item = 0; item < 4 && log !== undefined; item++) {
        ledger.attempt(item)
        try {
          await log.append(item)
          ledger.acknowledge(item)
        } catch (error) {
          if (error instanceof Error && error.message.includes(': sync')) break
        }
      }
    },
    async check(files: FaultFiles, known: Known<number>): Promise<void> {
      const { items } = await openToy(files, flaws)
      for (const item of known.acknowledged) must(items.includes(item), () => `lost: ${item} is not in ${items}`)
    },
  }
}

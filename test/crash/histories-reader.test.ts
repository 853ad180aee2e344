/** Goal: a reader beside a writer that thins a history out, goes on with it, or deletes it, sees each version as it was
 * written, or that it is gone, and writes nothing.
 * Method: a reader asks for everything in every way; each of its calls of the storage, one after the other, waits until
 * the writer is done.
 * @module */
import { expect, test } from 'vitest'
import type { History } from '../../src/history/types.ts'
import { isVarveError } from '../../src/index.ts'
import type { Store } from '../../src/store/types.ts'
import { Ledger } from '../faults/explorer.ts'
import { FaultFiles } from '../faults/fault-files.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import { stalledStorage } from '../faults/stalled-storage.ts'
import { RUNTIME } from '../support/runtime.ts'
import { must, mustEqual } from '../support/scenario.ts'
import { mustSettle } from '../support/settle.ts'
import { type Board, HistoryAuthor } from './histories-author.ts'
import type { Step } from './histories-model.ts'
import { openForTest, passTime, restartIdentifiers } from './oracle.ts'

const VERSIONS = 9
const CALLS_MOST = 40

interface Reading {
  readonly what: string
  /** Versions and the numbers that are in them. */
  readonly read: (history: History) => Promise<readonly (readonly [version: number, number: unknown])[]>
}

const readings: readonly Reading[] = [
  {
    what: 'read',
    read: async (history) => {
      const found: [number, unknown][] = []
      for (let version = 1; version <= VERSIONS; version++) {
        const board = await orGone(history.read({ version, check: true }) as Promise<Board>)
        if (board !== undefined) found.push([version, board.number])
        const number = await orGone(history.read({ version, path: 'number' }))
        if (number !== undefined) found.push([version, number])
      }
      return found
    },
  },
  {
    what: 'values',
    read: async (history) => {
      const found: [number, unknown][] = []
      for await (const { version, value } of history.values('number')) found.push([version, value])
      return found
    },
  },
  {
    what: 'query',
    read: async (history) => {
      const found: [number, unknown][] = []
      for await (const { version, value } of history.query({ direction: 'backward' }))
        found.push([version, (value as Board).number])
      return found.reverse()
    },
  },
  {
    what: 'index',
    read: async (history) => {
      const found: [number, unknown][] = []
      for await (const { version, at, isDamaged } of history.index()) found.push([version, isDamaged ?? at / 100])
      return found
    },
  },
  {
    what: 'verify',
    read: async (history) => {
      const { problems } = await history.verify()
      mustEqual(problems, [], 'what a check finds')
      return [[VERSIONS, VERSIONS]]
    },
  },
]

async function orGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    must(isVarveError(error) && /^(?:VERSION_GONE|VERSION_OUT_OF_RANGE|HISTORY_UNKNOWN)$/.test(error.code), () =>
      String(error),
    )
    return undefined
  }
}

const writings: Readonly<Record<string, (author: HistoryAuthor) => Promise<unknown>>> = {
  'thins it out': (author) => author.cleanup('board', 100_000).then(() => author.append('board')),
  'thins it out and empties it': async (author) => {
    await author.cleanup('board', 1_500)
    await author.append('board')
    await author.cleanup('board', 1_000_000)
  },
  'deletes it': (author) => author.delete('board'),
  'makes another of its name': async (author) => {
    await author.delete('board')
    await author.create('board')
  },
}

/** @returns whether the reader made so many calls. */
async function raced(
  write: (author: HistoryAuthor) => Promise<unknown>,
  reading: Reading,
  call: number,
): Promise<boolean> {
  restartIdentifiers()
  const files = new FaultFiles()
  const ledger = new Ledger<Step>(() => files.position)
  const writer = await openForTest(faultStorage(files))
  const author = new HistoryAuthor(writer, ledger, { first: 1 })
  await author.create('board')
  for (let turn = 0; turn < VERSIONS; turn++) await author.append('board')
  await author.pin('board', 2)
  let calls = 0
  const { storage, arm, reached, release } = stalledStorage(faultStorage(files), () => ++calls === call)
  const reader: Store = await openForTest(storage, { readOnly: true })
  const history = await reader.histories.open('board')
  arm()
  const work = orGone(reading.read(history))
  const isReached = await Promise.race([reached.then(() => true), work.then(() => false)])
  if (isReached) {
    await write(author)
    release()
  }
  for (const [version, number] of (await work) ?? []) mustEqual(number, version, `version ${version}`)
  await reader.close()
  await writer.close()
  return isReached
}

test.each(Object.entries(writings))(
  'a reader beside a writer that %s sees no wrong version',
  { timeout: 60_000 },
  async (_, write) => {
    let cases = 0
    for (const reading of readings) {
      for (let call = 1; call <= CALLS_MOST; call += RUNTIME === 'node' ? 1 : 5) {
        const work = mustSettle(raced(write, reading, call), passTime).catch((error: Error) => {
          error.message = `${reading.what}, call ${call}: ${error.message}`
          throw error
        })
        if (!(await work)) break
        cases++
      }
    }
    console.log(`calls of readers that waited on ${RUNTIME}: ${cases}`)
    expect(cases).toBeGreaterThan(RUNTIME === 'node' ? 20 : 4)
  },
)

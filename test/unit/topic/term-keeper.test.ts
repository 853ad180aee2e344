/** When the runs of sealed segments are written.
 * @module */
import { expect, test } from 'vitest'
import type { LogContext } from '../../../src/topic/context.ts'
import type { Partition } from '../../../src/topic/partition.ts'
import type { TermIndex } from '../../../src/topic/term-index.ts'
import { TermKeeper } from '../../../src/topic/term-keeper.ts'
import type { RowsSource } from '../../../src/topic/term-sources.ts'

const MICROTASKS = 30

test('TermKeeper writes the run of every segment, at whichever moment of its work it is sealed', async () => {
  for (let later = 0; later < MICROTASKS; later++) {
    const asked: number[] = []
    const cover = {
      parts: [],
      runPath: ({ sequence }: { sequence: number }) => void asked.push(sequence),
      identityOf: () => undefined,
    }
    const terms: { cover: typeof cover; onRows?: TermIndex['onRows'] } = { cover }
    const keeper = new TermKeeper({} as LogContext, {} as Partition, terms as unknown as TermIndex)
    const seal = (sequence: number) =>
      terms.onRows?.({ sequence } as Parameters<NonNullable<TermIndex['onRows']>>[0], {} as RowsSource)
    seal(0)
    for (let turn = 0; turn < later; turn++) await undefined
    seal(1)
    await keeper.close()
    expect(asked, `${later} microtask(s) later`).toEqual([0, 1])
  }
})

/** The explorer on a toy log: what is right passes, and every way to be wrong is seen.
 * @module */
import { describe, expect, test } from 'vitest'
import { CRASH_MODES } from './crash-disk.ts'
import { explore } from './explorer.ts'
import { FaultFiles } from './fault-files.ts'
import { type ToyFlaws, toyRun } from './toy-log.ts'

const explored = (flaws: ToyFlaws, files = {}) =>
  explore({ name: 'toy', ...toyRun(flaws), files, nested: { images: 20, points: 8 }, failuresMax: 1 })

describe('explore()', () => {
  test.each([{ asynchronous: false }, { asynchronous: true }])(
    'passes a log that syncs what it promises, %o',
    async (files) => {
      const report = await explored({}, files)
      expect(report.failures).toEqual([])
      expect(report.unique).toBeGreaterThan(40)
      expect(report.nestedImages).toBeGreaterThan(10)
    },
  )

  test.each<ToyFlaws>([
    { forgetSync: true },
    { forgetDirectorySync: true },
    { forgetChecksum: true },
    { forgetPosition: true },
  ])('catches a log that is wrong: %o', async (flaws) => {
    const { failures } = await explored(flaws)
    expect(failures[0]).toMatch(/^CRASH workload=toy op=\d+ mode=[a-z-]+ seed=\d+/)
  })

  test('gives the same report for the same run', async () => {
    expect(await explored({})).toEqual(await explored({}))
  })

  test('names a failure so that the image can be made again', async () => {
    const { failures } = await explored({ forgetSync: true })
    const [, op, mode, seed] = /op=(\d+) mode=([a-z-]+) seed=(\d+)/.exec(failures[0] ?? '') ?? []
    const files = new FaultFiles()
    const run = toyRun({ forgetSync: true })
    const ledger = { attempt() {}, acknowledge() {} }
    // biome-ignore lint/suspicious/noExplicitAny: only the two methods that the workload calls.
    await run.workload(files, ledger as any)
    const wanted = CRASH_MODES.find((name) => name === mode) ?? 'kept'
    const image = files.crashImage(Number(op), wanted, Number(seed))
    expect(image.digest()).toBe(files.crashImage(Number(op), wanted, Number(seed)).digest())
  })
})

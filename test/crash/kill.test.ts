/** Goal: what a process printed after a receipt is there after kill -9, and the store opens by itself; whoever makes
 * every call again with its key has every event once.
 * Method: a child appends to a real directory and prints each receipt; it is killed after a random number of lines and
 * a random delay; the store is opened here, every printed offset is looked up, all calls that the child may have made
 * are made again, and the next child goes on.
 * @module */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { nodeStorage } from '../../adapters/node/index.ts'
import { openStore } from '../../src/index.ts'
import type { Topic } from '../../src/topic/types.ts'
import { bundle } from '../support/bundle.ts'
import { Child } from '../support/child.ts'
import { RUNTIME } from '../support/runtime.ts'
import { draws } from '../support/seeded-random.ts'
import { countedEvent, keyOf, WRITERS } from './kill-events.ts'

const CYCLES = RUNTIME === 'node' ? 50 : 10
/** A new directory after so many cycles, so that checks stay short. */
const CYCLES_PER_STORE = 10

test('openStore() finds every acknowledged event after kill -9, unattended', { timeout: 240_000 }, async () => {
  const seed = Date.now() >>> 0
  const draw = draws(seed)
  const { file, remove } = await bundle('test/crash/kill-child.ts')
  const acknowledged: [offset: number, number: number][] = []
  let directory = ''
  let total = 0
  let replayed = 0
  try {
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      if (cycle % CYCLES_PER_STORE === 0) {
        if (directory !== '') await rm(directory, { recursive: true, force: true })
        directory = await mkdtemp(join(tmpdir(), 'varve-kill-'))
        acknowledged.length = 0
      }
      const child = new Child(file, [directory, String(cycle * 1_000_000)])
      await child.line(draw() % 3)
      await new Promise((resolve) => setTimeout(resolve, 5 + (draw() % 60)))
      await child.kill()
      for (const line of child.lines) {
        const [offset = '', number = ''] = line.split(' ')
        acknowledged.push([Number(offset), Number(number)])
      }
      total += child.lines.length
      const where = `seed ${seed}, cycle ${cycle}`
      const store = await openStore({ storage: nodeStorage(directory) })
      const topic = await store.topics.open('orders')
      const found = await numbers(topic)
      expect(new Set(found).size, where).toBe(found.length)
      for (const [offset, number] of acknowledged) expect(found[offset], where).toBe(number)
      const first = cycle * 1_000_000
      const last = first + child.lines.length + WRITERS
      replayed += await makeAgain(topic, { first, last, found: new Set(found) })
      const after = (await numbers(topic)).filter((number) => number >= first).sort((a, b) => a - b)
      const all = Array.from({ length: last - first }, (_, at) => first + at)
      expect(after, where).toEqual(all)
      expect(store.openReport.source, where).toBe('recovered')
      expect((await store.verify()).ok, where).toBe(true)
      await store.close()
    }
  } finally {
    await remove()
    if (directory !== '') await rm(directory, { recursive: true, force: true })
  }
  console.log(
    `kill -9 on ${RUNTIME}: ${CYCLES} cycles, ${total} acknowledged events, ${replayed} replayed, seed ${seed}`,
  )
})

async function numbers(topic: Topic): Promise<number[]> {
  const found: number[] = []
  for await (const events of topic.read().batches()) for (const event of events) found.push(event.data.number)
  return found
}

/** Make all calls again that a child made, or would have made next. @returns how many were there already. */
async function makeAgain(
  topic: Topic,
  calls: { first: number; last: number; found: ReadonlySet<number> },
): Promise<number> {
  const { first, last, found } = calls
  let replayed = 0
  const again = async (number: number) => {
    const receipt = await topic.append(countedEvent(number), { idempotencyKey: keyOf(number) })
    expect(receipt.replayed, `whether a retry of ${number} is a replay`).toBe(found.has(number))
    if (receipt.replayed) replayed++
  }
  await Promise.all(Array.from({ length: last - first }, (_, at) => again(first + at)))
  return replayed
}

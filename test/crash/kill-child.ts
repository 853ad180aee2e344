/** Appends with keys until it is killed, and prints `<offset> <number>` after each receipt. Arguments: directory, first
 * number.
 * @module */
import { writeSync } from 'node:fs'
import process from 'node:process'
import { nodeStorage } from '../../adapters/node/index.ts'
import { openStore } from '../../src/index.ts'
import { countedEvent, keyOf } from './kill-events.ts'

const [, , directory = '', first = '0'] = process.argv

const store = await openStore({ storage: nodeStorage(directory) })
const topic = await store.topics.open('orders', { create: true })
let next = Number(first)

/** Several writers at once, so that a kill meets groups of calls in every state. */
async function write(): Promise<void> {
  for (;;) {
    const number = next++
    const receipt = await topic.append(countedEvent(number), { idempotencyKey: keyOf(number) })
    writeSync(1, `${receipt.firstOffset} ${number}\n`)
  }
}

await Promise.all([write(), write(), write()])

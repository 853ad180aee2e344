/** A writer or a follower of one store, on whatever runtime runs it, spoken to in lines.
 *
 * `write DIR NAME create|join` prints `open <end>`, then obeys: `run` appends one event after another and prints
 * `ack <offset>` after each receipt; `stop` ends that and prints `stopped <end>`; `checkpoint`, `prune <before>` and
 * `delete` print `checkpointed`, `pruned <log start>` and `deleted`.
 * `follow DIR` follows from the start; `behind DIR` opens at once and follows after `go`. Both print `ready`, then
 * `saw <offset> <writer>` for each event, `error <code>`, and go on from the new start after `OFFSET_PRUNED`.
 * @module */
import { writeSync } from 'node:fs'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { isVarveError, openStore, type Store, systemClock, systemRandom, type Topic } from '../../src/index.ts'
import { createSmallTopic } from '../support/small-segments.ts'
import { ownStorage } from './own-storage.ts'

const TOPIC = 'orders'
/** About twenty events. */
const SEGMENT_BYTES = 8_192
const FILLER = 'x'.repeat(200)

const [, , task = '', directory = '', name = '', how = ''] = process.argv
const storage = ownStorage(directory)

function say(line: string): void {
  writeSync(1, `${line}\n`)
}

async function write(): Promise<void> {
  if (how === 'create') {
    const topic = { name: TOPIC, partitions: 1, segmentBytes: SEGMENT_BYTES }
    await createSmallTopic({ storage, clock: systemClock, random: systemRandom }, topic)
  }
  // What created the topic did not close the store. A writer that joins must find that the one before it is dead.
  const store = await openStore({ storage, takeOver: how === 'create' })
  const topic = await store.topics.open(TOPIC)
  const writer = new Writer(store, topic)
  say(`open ${writer.end}`)
  for await (const line of createInterface({ input: process.stdin })) await writer.obey(line)
  await store.close()
}

class Writer {
  readonly #store: Store
  readonly #topic: Topic
  #running: Promise<void> | undefined
  #wanted = false

  constructor(store: Store, topic: Topic) {
    this.#store = store
    this.#topic = topic
  }

  get end(): number {
    return this.#topic.stats().partitions[0]?.logEndOffset ?? Number.NaN
  }

  async obey(line: string): Promise<void> {
    const [order = '', argument] = line.split(' ')
    if (order === 'run') {
      this.#wanted = true
      this.#running = this.#run()
    } else if (order === 'stop') {
      this.#wanted = false
      await this.#running
      say(`stopped ${this.end}`)
    } else if (order === 'checkpoint') {
      await this.#store.checkpoint()
      say('checkpointed')
    } else if (order === 'prune') {
      const report = await this.#topic.prune({ before: Number(argument) })
      say(`pruned ${report.partitions[0]?.logStartOffset}`)
    } else if (order === 'delete') {
      await this.#store.topics.delete(TOPIC)
      say('deleted')
    }
  }

  /** One at a time, so that the offset of each event is known before. */
  async #run(): Promise<void> {
    while (this.#wanted) {
      const number = this.end
      const event = { kind: 'Counted', entity: `entity-${number % 7}`, data: { number, writer: name, filler: FILLER } }
      const { firstOffset } = await this.#topic.append(event)
      say(`ack ${firstOffset}`)
    }
  }
}

async function follow(): Promise<void> {
  const store = await openStore({ storage, readOnly: true })
  const topic = await store.topics.open(TOPIC)
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
  say('ready')
  if (task === 'behind') await lines.next()
  // From an offset and not from the start: it must be told when that offset is gone.
  let from: number | 'start' = 0
  for (;;) {
    const code = await followFrom(topic, from)
    say(`error ${code}`)
    if (code !== 'OFFSET_PRUNED') break
    from = 'start'
  }
  await store.close()
  process.exit(0)
}

/** Follow until an error ends it. @returns its code, or what it was. */
async function followFrom(topic: Topic, from: number | 'start'): Promise<string> {
  try {
    for await (const { offset, entity, data } of topic.tail({ from })) {
      if (data.number !== offset || entity !== `entity-${offset % 7}`) return `wrong event at ${offset}`
      say(`saw ${offset} ${data.writer}`)
    }
    return 'none: the tail ended'
  } catch (error) {
    return isVarveError(error) ? error.code : String(error)
  }
}

if (task === 'write') await write()
else await follow()

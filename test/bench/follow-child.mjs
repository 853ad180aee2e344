/** The two processes of the row `follow`.
 *
 * `node follow-child.mjs write DIR EVENTS PER_SECOND` appends at that rate, each event with the time of its append.
 * `node follow-child.mjs follow DIR EVENTS` prints `ready`, follows until it saw the last event, and prints its lags.
 * @module */
import { orderEvents } from './payload.mjs'
import { openVarve } from './varve.mjs'

const [task = '', directory = '', ...rest] = process.argv.slice(2)
const tasks = { write, follow }
await tasks[/** @type {keyof typeof tasks} */ (task)]()

/** Wall time with fractions of a millisecond, comparable between processes. */
function wallMs() {
  return performance.timeOrigin + performance.now()
}

async function write() {
  const [count = 0, perSecond = 0] = rest.map(Number)
  const events = orderEvents({ count })
  const { store, topic } = await openVarve(directory)
  const start = performance.now()
  /** @type {Promise<unknown>[]} */
  const pending = []
  await new Promise((resolve) => {
    const timer = setInterval(() => {
      const due = Math.min(count, Math.floor(((performance.now() - start) * perSecond) / 1_000))
      while (pending.length < due) {
        const { data, ...event } = /** @type {any} */ (events[pending.length])
        pending.push(topic.append({ ...event, data: { ...data, sentAt: wallMs() } }))
      }
      if (pending.length < count) return
      clearInterval(timer)
      resolve(undefined)
    }, 1)
  })
  await Promise.all(pending)
  const seconds = (performance.now() - start) / 1_000
  const { segments } = topic.stats().partitions[0] ?? {}
  await store.close()
  process.stdout.write(`${JSON.stringify({ seconds, segments })}\n`)
}

async function follow() {
  const count = Number(rest[0])
  const { store, topic } = await openVarve(directory, undefined, { readOnly: true })
  const lags = []
  let [expected, gaps, repeats] = [0, 0, 0]
  process.stdout.write('ready\n')
  for await (const event of topic.tail({ from: 'start' })) {
    lags.push(wallMs() - event.data.sentAt)
    if (event.offset > expected) gaps += event.offset - expected
    if (event.offset < expected) repeats++
    expected = Math.max(expected, event.offset + 1)
    if (expected >= count) break
  }
  await store.close()
  process.stdout.write(`${JSON.stringify({ lags, gaps, repeats })}\n`)
}

/** Goal: read-only stores follow live writers of other runtimes: each event once and in order, whatever happens.
 * Method: followers on Node, Deno and Bun follow one log, which a writer of each runtime extends in turn until it is
 * killed; segments are small, so that the log rolls all the time. Then the log is pruned, and the topic deleted.
 * @module */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Bundle, bundle, TOP } from '../support/bundle.ts'
import { RUNTIME, type Runtime } from '../support/runtime.ts'
import { type Binary, Varve } from './cli-process.ts'

/** How many acknowledged events of each writer are waited for: about ten segments. */
const EVENTS_PER_WRITER = 200

const programs = new Map<Runtime, Binary>([
  ['node', [process.execPath]],
  ['deno', [join(TOP, 'node_modules/deno/deno'), 'run', '-A', '--quiet', '--no-check']],
  ['bun', [join(TOP, 'node_modules/bun/bin/bun.exe')]],
])
const runtimes = [...programs.keys()].filter((runtime) => existsSync(programs.get(runtime)?.[0] ?? ''))
const children: Varve[] = []
const directory = mkdtempSync(join(tmpdir(), 'varve-follow-'))
let child: Bundle | undefined

if (RUNTIME !== 'node') console.info(`follow: not run on ${RUNTIME}: the run on Node starts all three runtimes`)
else if (runtimes.length < programs.size) console.info(`follow: only on ${runtimes}: the others are not installed`)

beforeAll(async () => {
  if (RUNTIME === 'node') child = await bundle('test/runtime/follow-child.ts')
})

afterAll(async () => {
  for (const started of children) started.signal('SIGKILL')
  await Promise.all(children.map((started) => started.ended()))
  await child?.remove()
  rmSync(directory, { recursive: true, force: true })
})

function start(runtime: Runtime, args: readonly string[]): Varve {
  const started = new Varve([...(programs.get(runtime) ?? []), child?.file ?? ''], args)
  children.push(started)
  return started
}

/** The words after `word` of every whole line that begins with it. */
function said({ output }: Varve, word: string): string[] {
  const lines = output.slice(0, output.lastIndexOf('\n') + 1).split('\n')
  return lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1))
}

/** Wait for the first line that begins with `word`. @returns what follows the word */
function answer(from: Varve, word: string): Promise<string> {
  return from.until(() => said(from, word)[0] ?? (from.output.includes(`${word}\n`) ? '' : undefined))
}

/** Wait until a writer acknowledged so many events. */
function acknowledged(writer: Varve, count: number): Promise<true> {
  return writer.until(() => (said(writer, 'ack').length >= count ? true : undefined))
}

/** Wait until a follower was handed the event before `end`. */
function reached(follower: Varve, end: number): Promise<true> {
  return follower.until(() => {
    const last = said(follower, 'saw').at(-1)
    return last !== undefined && Number.parseInt(last, 10) >= end - 1 ? true : undefined
  })
}

/** `0 node`, `1 node` and so on: an event by its offset, and who must have written it, where that is known. */
function expectLog(seen: readonly string[], acks: ReadonlyMap<number, string>, range: { from: number; to: number }) {
  const offsets = seen.map((line) => Number.parseInt(line, 10))
  expect(offsets).toEqual(Array.from({ length: range.to - range.from }, (_, at) => range.from + at))
  for (const line of seen) {
    const [offset = '', writer] = line.split(' ')
    expect(writer).toBe(acks.get(Number(offset)) ?? writer)
  }
}

test.skipIf(RUNTIME !== 'node')(
  'topic.tail() of read-only stores on every runtime sees each event once, through rolls, checkpoints, kill -9 and other writers',
  { timeout: 60_000 },
  async () => {
    /** By offset: who said that it is durable. */
    const acks = new Map<number, string>()
    const followers: Varve[] = []
    let writer: Varve | undefined
    for (const [turn, runtime] of runtimes.entries()) {
      writer?.signal('SIGKILL')
      await writer?.ended()
      for (const offset of writer === undefined ? [] : said(writer, 'ack'))
        acks.set(Number(offset), runtimes[turn - 1] ?? '')
      writer = start(runtime, ['write', directory, runtime, turn === 0 ? 'create' : 'join'])
      const end = Number(await answer(writer, 'open'))
      expect(end).toBeGreaterThan(Math.max(-1, ...acks.keys()))
      if (turn === 0) {
        followers.push(...runtimes.map((other) => start(other, ['follow', directory])))
        await Promise.all(followers.map((follower) => answer(follower, 'ready')))
      }
      writer.say('run\n')
      await acknowledged(writer, EVENTS_PER_WRITER / 2)
      writer.say('checkpoint\n')
      await answer(writer, 'checkpointed')
      await acknowledged(writer, EVENTS_PER_WRITER)
      await Promise.all(followers.map((follower) => reached(follower, end + EVENTS_PER_WRITER / 2)))
    }
    if (writer === undefined) throw new Error('No runtime is installed')
    await prunedAndDeleted({ writer, followers, acks })
  },
)

/** The last writer goes on: what is behind the log start is told so, and everybody is told of the end. */
async function prunedAndDeleted(facts: { writer: Varve; followers: Varve[]; acks: Map<number, string> }) {
  const { writer, followers, acks } = facts
  const behind = runtimes.map((runtime) => start(runtime, ['behind', directory]))
  await Promise.all(behind.map((follower) => answer(follower, 'ready')))
  writer.say('stop\n')
  const end = Number(await answer(writer, 'stopped'))
  for (const offset of said(writer, 'ack')) acks.set(Number(offset), runtimes.at(-1) ?? '')
  await Promise.all(followers.map((follower) => reached(follower, end)))

  writer.say(`prune ${end >> 1}\n`)
  const logStart = Number(await answer(writer, 'pruned'))
  expect(logStart).toBeGreaterThan(0)
  expect(logStart).toBeLessThanOrEqual(end >> 1)
  for (const follower of behind) follower.say('go\n')
  await Promise.all(behind.map((follower) => reached(follower, end)))

  const all = [...followers, ...behind]
  writer.say('delete\n')
  await answer(writer, 'deleted')
  await Promise.all(all.map((follower) => follower.ended()))
  for (const follower of followers) {
    expectLog(said(follower, 'saw'), acks, { from: 0, to: end })
    expect(said(follower, 'error'), follower.errors).toEqual(['TOPIC_DELETED'])
  }
  for (const follower of behind) {
    expectLog(said(follower, 'saw'), acks, { from: logStart, to: end })
    expect(said(follower, 'error'), follower.errors).toEqual(['OFFSET_PRUNED', 'TOPIC_DELETED'])
  }
  console.info(`follow: ${runtimes.join(', ')}: ${end} events, ${acks.size} acknowledged, log start ${logStart}`)
}

/** Logs that snapshots are taken of, and what programs without varve would do in their place.
 * @module */
import { spawnSync } from 'node:child_process'
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { nodeStorage } from '../../dist/adapters/node/index.js'
import { openStore } from '../../dist/src/index.js'
import { batchesOf, orderEvents } from './payload.mjs'
import { TOPIC } from './varve.mjs'

export const MB = 1_000_000
export const GB = 1_000 * MB
export const KIB = 1_024
export const SNAPSHOTS = '.snapshots'
const MADE = 50_000
const BATCH = 10_000

/** Order events in batches, for ever: the same 50,000 again and again. @param {number} [batch]
 * @returns {() => import('./payload.mjs').OrderEvent[]} */
export function endlessOrders(batch = BATCH) {
  const batches = batchesOf(orderEvents({ count: MADE }), batch)
  let next = 0
  return () => batches[next++ % batches.length] ?? []
}

/** Fill a topic with default settings until its partition has so many bytes of segments.
 * @param {any} topic @param {number} sizeBytes */
export async function fillTopic(topic, sizeBytes) {
  const orders = endlessOrders()
  const size = () => topic.stats().partitions[0].sizeBytes
  let pending = Promise.resolve()
  while (size() < sizeBytes) {
    const previous = pending
    pending = topic.append(orders())
    await previous
  }
  await pending
}

/** Open a store in which snapshots may follow each other at once, and its topic.
 * @param {string} directory @param {{ storage?: any }} [options] */
export async function openLog(directory, { storage = nodeStorage(directory) } = {}) {
  const store = await openStore({ storage, snapshotPolicy: { minIntervalMs: 0 } })
  const topic = await store.topics.open(TOPIC, { create: true })
  return { store, topic }
}

/** A storage that cannot link, such as those of browsers and object stores. @param {any} storage */
export function withoutLinks(storage) {
  const capabilities = { ...storage.capabilities, hardLinks: false }
  return new Proxy(storage, {
    get(target, key) {
      if (key === 'capabilities') return capabilities
      if (key === 'linkFrom') return undefined
      const value = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** All files below a directory, relative to it. @param {string} directory @returns {string[]} */
export function filesBelow(directory) {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(directory, path.join(entry.parentPath ?? entry.path, entry.name)))
}

/** What a directory takes on disk that no other name shares: blocks of its directories and of files with one name.
 * @param {string} directory */
export function ownBytes(directory) {
  let blocks = statSync(directory).blocks
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    const stat = statSync(path.join(entry.parentPath ?? entry.path, entry.name))
    if (entry.isDirectory() || stat.nlink === 1) blocks += stat.blocks
  }
  return blocks * 512
}

/** `cp -r`, then what the file system offers to make it durable. @param {string} from @param {string} to */
export function copyAndSync(from, to) {
  run('cp', '-r', from, to)
  if (process.platform === 'linux') run('sync', '-f', to)
  else run('sync')
}

/** @param {string} command @param {...string} options */
function run(command, ...options) {
  const { status, error } = spawnSync(command, options, { stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) throw new Error(`${command} failed: ${error ?? status}`)
}

/** The least that a durable snapshot can be: a second name for each file, one small file, and directories synced.
 * @param {string} from @param {string} to @param {readonly string[]} files */
export function bareLinks(from, to, files) {
  const directories = new Set(files.map((file) => path.dirname(path.join(to, file))))
  for (const directory of directories) mkdirSync(directory, { recursive: true })
  for (const file of files) linkSync(path.join(from, file), path.join(to, file))
  for (const directory of directories) syncPath(directory)
  const manifest = path.join(to, 'manifest')
  writeFileSync(`${manifest}.tmp`, new Uint8Array(64 * KIB), { flush: true })
  renameSync(`${manifest}.tmp`, manifest)
  syncPath(to)
}

/** @param {string} target */
export function syncPath(target) {
  const file = openSync(target, 'r')
  fsyncSync(file)
  closeSync(file)
}

/** Read files from beginning to end, and do nothing with them. @param {readonly string[]} files absolute
 * @returns {number} bytes */
export function readAll(files) {
  const memory = Buffer.alloc(1_048_576)
  let total = 0
  for (const file of files) {
    const handle = openSync(file, 'r')
    for (;;) {
      const count = readSync(handle, memory)
      if (count === 0) break
      total += count
    }
    closeSync(handle)
  }
  return total
}

/** Ask the system to forget what it cached of files. @param {readonly string[]} files @returns whether it was asked:
 * only where `dd` knows how */
export function forget(files) {
  return files.every((file) => {
    const options = [`if=${file}`, 'iflag=nocache', 'count=0']
    return spawnSync('dd', options, { stdio: 'ignore' }).status === 0
  })
}

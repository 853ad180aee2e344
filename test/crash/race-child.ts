/** Tries to own a store when told to, and says whether it did. Lines it takes: `open <directory> <how>`, `continue`,
 * `append`; `how` is `go`, or `stop`: say `stopped` before the call that claims the store, and wait for `continue`.
 * @module */
import { writeSync } from 'node:fs'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { nodeFileCalls } from '../../adapters/node/file-calls.ts'
import { nodeStorage } from '../../adapters/node/index.ts'
import { isVarveError, openStore, type Store } from '../../src/index.ts'

const say = (line: string) => writeSync(1, `${line}\n`)
let goOn: (() => void) | undefined
let store: Store | undefined

const stopping = {
  ...nodeFileCalls,
  async link(from: string, to: string): Promise<void> {
    say('stopped')
    await new Promise<void>((resolve) => {
      goOn = resolve
    })
    await nodeFileCalls.link(from, to)
  },
}

async function attempt(what: () => Promise<string>): Promise<void> {
  try {
    say(await what())
  } catch (error) {
    say(isVarveError(error) ? `failed ${error.code}` : `broke ${String(error)}`)
  }
}

async function open(directory: string, how: string): Promise<string> {
  const opened = await openStore({ storage: nodeStorage(directory, how === 'stop' ? { files: stopping } : {}) })
  store = opened
  return `won ${opened.openReport.epoch}`
}

async function append(): Promise<string> {
  const topic = await store?.topics.open('orders')
  const receipt = await topic?.append({ kind: 'Raced', entity: 'race', data: process.pid })
  return `appended ${receipt?.firstOffset}`
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const [command, directory = '', how = ''] = line.split(' ')
  if (command === 'open') void attempt(() => open(directory, how))
  else if (command === 'append') void attempt(append)
  else goOn?.()
})
say('ready')

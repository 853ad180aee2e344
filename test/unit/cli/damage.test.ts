/** The command line over a store that damage keeps from opening: what it says to do, and that doing it helps.
 * @module */
import { expect, test } from 'vitest'
import { HERE, take, withStore } from './snapshot-support.ts'
import { ndjson, numbered } from './support.ts'

test('commands name the newest snapshot of a store whose manifest is lost, and what they name works', async () => {
  const machine = await withStore()
  const id = await take(machine)
  await machine.done('fork orders branch --offset 4')
  await machine.done('append branch', { input: ndjson(numbered(2)) })
  const read = () => machine.done('read branch --limit 10 --json --salvage')
  const before = await read()
  const storage = machine.storage(HERE)
  for (const { name } of await storage.list('')) if (name.startsWith('MANIFEST-')) await storage.remove(name)

  for (const words of [['read', 'orders'], ['topics'], ['append', 'orders'], ['snapshot', 'create']]) {
    const { exitCode, errors } = await machine.run(words, { input: ndjson(numbered(1)) })
    expect(exitCode, words.join(' ')).toBe(3)
    expect(errors, words.join(' ')).toContain(`\`varve snapshot restore ${id} --to DIR\``)
  }
  const verified = await machine.run(['verify'])
  expect(verified.exitCode).toBe(3)
  expect(verified.output).toContain(`\`varve snapshot verify ${id}\`, then \`varve snapshot restore ${id} --to DIR\``)

  // What the snapshot does not have, a salvage does.
  expect(await read()).toBe(before)
  expect(await machine.done(`snapshot verify ${id}`)).toContain('No damage found')
  await machine.done(`snapshot restore ${id} --to back`)
  expect(await machine.done('verify --data back')).toContain('No damage found')
  expect(await machine.done('doc get catalog --data back')).toBe('{"a":[1,2,3]}\n')
})

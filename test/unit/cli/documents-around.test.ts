/** Documents in the commands that are not about them: sizes, checks of a whole store, damaged stores.
 * @module */
import { describe, expect, test } from 'vitest'
import { openStore } from '../../../src/index.ts'
import { damage, fileOf, withCatalog } from './doc-support.ts'
import { Machine, ndjson, numbered } from './support.ts'

test('stats shows documents beside topics, largest first, each with its share of all', async () => {
  const machine = new Machine()
  for (const [name, length] of Object.entries({ b: 10, a: 10, big: 90_000 }))
    await machine.done(`doc put ${name}`, { input: JSON.stringify('x'.repeat(length)) })
  expect(await machine.done('stats')).toMatch(
    /^share +disk +index +version +document\n *9\d\.\d% .* 1 {2}big\n.* a\n.* b\nTotal .*KiB for 3 documents\n/,
  )
  await machine.done('append orders --create', { input: ndjson(numbered(9)) })
  const { total, items, documents } = JSON.parse(await machine.done('stats --json --top 2'))
  expect([total, items]).toMatchObject([{ groups: 1, events: 9 }, [{ topic: 'orders' }]])
  expect(documents.items.map((one: object) => Object.keys(one).join(' '))).toEqual(
    Array(2).fill('document version diskBytes indexBytes'),
  )
  const sizes = JSON.parse(await machine.done('doc ls --json')).documents.map(
    ({ sizeBytes }: { sizeBytes: number }) => sizeBytes,
  )
  const diskBytes = sizes.reduce((sum: number, one: number) => sum + one, 0)
  expect(documents.total).toEqual({ documents: 3, diskBytes })
  const text = await machine.done('stats --top 1')
  expect(text).toMatch(
    / 9 {2}orders\n\nshare .*\n.* big\n2 more: see --top\nTotal .* 9 events of 1 topic, .* for 3 docu/,
  )
  for (const line of ['stats orders --json', 'stats --by kind --json'])
    expect(JSON.parse(await machine.done(line)).documents).toBeUndefined()
})

test('stats of a store that holds nothing says so', async () => {
  const machine = new Machine()
  await (await openStore({ storage: machine.storage('./varve-data') })).close()
  expect(await machine.done('stats')).toBe('No topics, documents and histories yet\n')
  expect(JSON.parse(await machine.done('stats --json')).documents).toMatchObject({ total: { documents: 0 }, items: [] })
  expect(await machine.done('stats --by kind')).toBe('No events yet\n')
})

describe('verify', () => {
  test('counts the documents it checked, and names those that are damaged or lack their file', async () => {
    const machine = await withCatalog()
    for (const name of ['other', 'third']) await machine.done(`doc put ${name}`, { input: '[1,2,3]' })
    expect(await machine.done('verify')).toMatch(/^No damage found .* 0 events, 3 documents, 0 versions, \d+ files, /)
    expect(JSON.parse(await machine.done('verify --json'))).toMatchObject({ documentsChecked: 3, damagedDocuments: [] })
    await damage(machine, 'catalog')
    await machine.storage('./varve-data').remove(await fileOf(machine, 'other'))
    const ran = await machine.run(['verify'])
    expect(ran.exitCode).toBe(3)
    expect(ran.output).toMatch(
      /^DAMAGE {2}documents\/catalog\/.* at byte .*found a wrong checksum \(DOCUMENT_DAMAGED\)$/m,
    )
    expect(ran.output).toMatch(/^DAMAGE {2}documents\/other\/.*missing \(DOCUMENT_MISSING\)$/m)
    expect(ran.output).toMatch(/checked 0 events, 3 documents, .*\n2 damaged documents: catalog, other\n/)
    const json = await machine.run(['verify', '--json'])
    expect(json.exitCode).toBe(3)
    expect(JSON.parse(json.output)).toMatchObject({ ok: false, damagedDocuments: ['catalog', 'other'] })
  })
})

describe('--salvage', () => {
  /** Two documents and a topic, and no manifest that can be read. */
  async function withoutManifest(): Promise<Machine> {
    const machine = await withCatalog()
    await machine.done('doc put other', { input: '[1,2,3]' })
    await machine.done('append orders --create', { input: ndjson(numbered(3)) })
    const storage = machine.storage('./varve-data')
    for (const { name } of await storage.list('')) {
      if (!name.startsWith('MANIFEST-')) continue
      const handle = await storage.openAppend(name)
      await handle.writeAt(0, new Uint8Array(handle.sizeBytes).fill(255))
      await handle.close()
    }
    return machine
  }

  const READING = ['doc ls', 'doc stat other', 'doc get other', 'doc children other', 'doc verify', 'stats']

  test.each(READING)('%s reads the documents of a store without its manifest', async (line) => {
    const machine = await withoutManifest()
    expect(await machine.run(line.split(' '))).toMatchObject({ exitCode: 3, output: '' })
    const ran = await machine.run([...line.split(' '), '--salvage'])
    expect(ran.errors).not.toContain('document')
    expect(ran.output).not.toBe('')
    if (/ls|stat /.test(line)) expect(ran.output).toContain('unknown')
  })

  test('names a document that has no complete file, and ends with 1', async () => {
    const machine = await withoutManifest()
    const handle = await machine.storage('./varve-data').openAppend(await fileOf(machine, 'catalog'))
    await handle.truncate(handle.sizeBytes - 10)
    await handle.close()
    for (const line of READING) {
      const ran = await machine.run([...line.split(' '), '--salvage'])
      expect(ran.exitCode, line).toBe(1)
      expect(ran.errors).toMatch(/^varve: document catalog cannot be read: its file is not complete$/m)
      expect(ran.errors).toMatch(/^varve: salvaged, with (?:\d gaps? and )?1 lost document\n$/m)
    }
    expect(await machine.run(['verify', '--salvage'])).toMatchObject({ exitCode: 3 })
    const lost = await machine.run(['doc', 'get', 'catalog', '--salvage'])
    expect(lost).toMatchObject({ exitCode: 1, errors: expect.stringMatching(/not complete\n.*\n.*does not exist/) })
  })
})

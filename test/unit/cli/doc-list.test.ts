/** Documents on the command line: which there are, what they hold, whether they are sound.
 * @module */
import { describe, expect, test } from 'vitest'
import { CATALOG, damage, withCatalog } from './doc-support.ts'
import { Machine } from './support.ts'

describe('doc ls, stat and children', () => {
  test('list documents by name, with what is known of each', async () => {
    const machine = new Machine()
    await machine.done('topics create t')
    expect(await machine.done('doc ls')).toBe('No documents yet: varve doc put NAME FILE\n')
    for (const name of ['b', 'a', 'a']) await machine.done(`doc put ${name}`, { input: '[1]' })
    const [heading, ...rows] = (await machine.done('doc ls')).trim().split('\n')
    expect(heading).toMatch(/^document +version +size +index +written$/)
    expect(rows.map((row) => row.split(/ +/).slice(0, 2))).toEqual([
      ['a', '2'],
      ['b', '1'],
    ])
    const { documents } = JSON.parse(await machine.done('doc ls --json'))
    expect(documents.map((one: object) => Object.keys(one).join(' '))).toEqual(
      Array(2).fill('name version sizeBytes indexBytes writtenAt'),
    )
    const stat = await machine.done('doc stat a')
    for (const word of ['name', 'version', 'size', 'index', 'threshold', 'written']) expect(stat).toContain(word)
    expect(JSON.parse(await machine.done('doc stat a --json'))).toMatchObject({ name: 'a', version: 2, entries: 1 })
    expect(await machine.run(['doc', 'ls'], {})).toMatchObject({ exitCode: 0 })
    expect(await new Machine().run(['doc', 'ls'])).toMatchObject({ exitCode: 1, output: '' })
  })

  test('children shows keys, types, sizes and small values', async () => {
    const machine = await withCatalog()
    const table = await machine.done('doc children catalog')
    expect(table.split('\n').map((line) => line.split(/ +/).slice(0, 2).join(' '))).toEqual([
      ...['child type', 'name string', 'products array', 'note string', 'image bytes', 'since date', 'large bigint'],
      ...['empty object', ''],
    ])
    expect(table).toContain('"shop"')
    expect(table).not.toContain('\u001b')
    expect(await machine.done('doc children catalog --path empty')).toBe('An empty object\n')
    expect(await machine.done('doc children catalog --pointer /products/0/stock')).toMatch(
      /"far away" +number +1 B +0\n/,
    )
    expect(await machine.run(['doc', 'children', 'catalog', '--path', 'name'])).toMatchObject({ exitCode: 1 })
    expect(await machine.run(['doc', 'children', 'catalog', '--path', 'nothing'])).toMatchObject({ exitCode: 1 })
    expect(await machine.run(['doc', 'children', 'catalog', '--path', 'products[*]'])).toMatchObject({ exitCode: 2 })
  })

  test('children goes on with --cursor until nothing is left', async () => {
    const machine = await withCatalog()
    const paths: string[] = []
    let cursor: string[] = []
    for (;;) {
      const words = ['doc', 'children', 'catalog', '--path', 'products', '--limit', '7', ...cursor]
      const page = JSON.parse((await machine.run([...words, '--json'])).output)
      expect(page.type).toBe('array')
      paths.push(...page.items.map(({ path }: { path: string }) => path))
      const { errors } = await machine.run(words)
      if (page.nextCursor === undefined) {
        expect(errors).toBe('')
        break
      }
      expect(errors).toMatch(/^More follow: --cursor /)
      cursor = ['--cursor', page.nextCursor]
    }
    expect(paths).toEqual(CATALOG.products.map((_, n) => `products[${n}]`))
    for (const wrong of ['0', '1001'])
      expect(await machine.run(['doc', 'children', 'catalog', '--limit', wrong])).toMatchObject({ exitCode: 2 })
    expect(await machine.run(['doc', 'children', 'catalog', '--cursor', 'x'])).toMatchObject({ exitCode: 1 })
  })
})

describe('doc verify', () => {
  test('checks all documents or some, and ends with 3 for damage', async () => {
    const machine = await withCatalog()
    await machine.done('doc put other', { input: '[1,2,3]' })
    expect(await machine.done('doc verify')).toMatch(/^No damage found: checked 2 documents, \d+ values, /)
    const one = JSON.parse(await machine.done('doc verify other --json'))
    expect(one).toMatchObject({ ok: true, documents: [{ name: 'other', version: 1, ok: true, valuesChecked: 4 }] })
    expect(await machine.run(['doc', 'verify', 'nobody'])).toMatchObject({ exitCode: 1 })
    await damage(machine, 'catalog')
    const ran = await machine.run(['doc', 'verify'])
    expect(ran.exitCode).toBe(3)
    expect(ran.output).toMatch(/^DAMAGE {2}catalog/)
    expect(ran.output).toMatch(/Damage found in 1 document: checked 2 documents/)
    expect(JSON.parse((await machine.run(['doc', 'verify', '--json'])).output)).toMatchObject({ ok: false })
    expect(await machine.run(['doc', 'get', 'catalog'])).toMatchObject({ exitCode: 3 })
    expect(await machine.run(['doc', 'verify', 'other'])).toMatchObject({ exitCode: 0 })
  })
})

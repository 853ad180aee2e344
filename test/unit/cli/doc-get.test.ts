/** Documents on the command line: what of them comes out, and where.
 * @module */
import { describe, expect, test } from 'vitest'
import { safeJson } from '../../../src/cli/safe-json.ts'
import { CATALOG, same, TEXT, withCatalog } from './doc-support.ts'
import { Machine, pieces } from './support.ts'

describe('doc get', () => {
  test('gives values at paths and pointers, as JSON', async () => {
    const machine = await withCatalog()
    expect(await machine.done('doc get catalog --path products[3].sku')).toBe('"sku-3"\n')
    expect(await machine.done('doc get catalog --pointer /products/3/stock')).toBe('{"here":3,"far away":0}\n')
    expect(await machine.done('doc get catalog --path large')).toBe('12345678901234567890\n')
    expect(await machine.done('doc get catalog --path since')).toBe('{"$type":"date","at":86400000}\n')
    const quoted = await machine.run(['doc', 'get', 'catalog', '--path', "products[3].stock.'far away'"])
    expect(quoted).toEqual({ exitCode: 0, output: '0\n', errors: '' })
  })

  test('of a path with wildcards gives one line per value', async () => {
    const machine = await withCatalog()
    const lines = (await machine.done('doc get catalog --path products[*].price')).trim().split('\n')
    expect(lines).toHaveLength(40)
    expect(JSON.parse(lines[7] as string)).toEqual({ path: 'products[7].price', value: 0.7 })
    const slice = await machine.done('doc get catalog --path products[38:].sku')
    expect(slice).toBe('{"path":"products[38].sku","value":"sku-38"}\n{"path":"products[39].sku","value":"sku-39"}\n')
    expect(await machine.done('doc get catalog --path nothing[*]')).toBe('')
  })

  test('ends with 1 where nothing is, and with 2 for a path that cannot be read', async () => {
    const machine = await withCatalog()
    for (const line of ['--path products[99]', '--path nobody.home', '--pointer /a/b', '--path name.x']) {
      const ran = await machine.run(['doc', 'get', 'catalog', ...line.split(' '), '--json'])
      expect(ran).toMatchObject({ exitCode: 1, output: '' })
      expect(JSON.parse(ran.errors).error.code).toBe('PATH_UNKNOWN')
    }
    const odd = await machine.run(['doc', 'get', 'catalog', '--path', 'products[01]'])
    expect(odd.exitCode).toBe(2)
    expect(odd.errors).toContain('position 9')
    expect(await machine.run(['doc', 'get', 'catalog', '--pointer', 'a'])).toMatchObject({ exitCode: 2 })
    const both = await machine.run(['doc', 'get', 'catalog', '--path', 'a', '--pointer', '/a'])
    expect(both).toMatchObject({ exitCode: 2, errors: expect.stringContaining('together') })
    const unknown = await machine.run(['doc', 'get', 'nobody', '--json'])
    expect(unknown.exitCode).toBe(1)
    expect(JSON.parse(unknown.errors).error.code).toBe('DOCUMENT_UNKNOWN')
  })

  test('--raw gives strings and bytes as they are, and refuses containers', async () => {
    const machine = await withCatalog()
    expect(await machine.done('doc get catalog --path name --raw')).toBe('shop')
    expect(await machine.done('doc get catalog --path note --raw')).toBe(CATALOG.note)
    expect(await machine.done('doc get catalog --path image --raw')).toBe('\0\u0001\u0002\u007f')
    expect(await machine.done('doc get catalog --path large --raw')).toBe('12345678901234567890')
    for (const path of ['products', '', 'products[*]'])
      expect(await machine.run(['doc', 'get', 'catalog', '--path', path, '--raw'])).toMatchObject({ exitCode: 2 })
    await machine.done('doc put lone', { input: '"\\ud800"' })
    const lone = await machine.run(['doc', 'get', 'lone', '--raw'])
    expect(lone).toMatchObject({ exitCode: 2, output: '', errors: expect.stringContaining('lone surrogates') })
    expect(await machine.done('doc get lone')).toBe('"\\ud800"\n')
  })

  test('shows a person nothing that steers a terminal', async () => {
    const machine = await withCatalog()
    const shown = { outputIsTerminal: true }
    expect(await machine.done('doc get catalog --path note --raw', shown)).toBe('grün red\n')
    expect(await machine.done('doc get catalog --path note', shown)).toBe('"grün \\u001b[31mred\\u202e"\n')
    const bytes = await machine.run(['doc', 'get', 'catalog', '--path', 'image', '--raw'], shown)
    expect(bytes).toMatchObject({ exitCode: 2, output: '' })
  })

  test('-o writes a file that exists only when it is whole', async () => {
    const machine = await withCatalog()
    const text = await machine.done('doc get catalog -o out.json')
    expect(text).toMatch(/^Wrote [\d.]+ KiB of catalog, version 1, to out\.json in /)
    expect(same(machine.files.get('out.json') as string, TEXT)).toBe(true)
    expect(await machine.run(['doc', 'get', 'catalog', '-o', 'out.json'])).toMatchObject({ exitCode: 1 })
    expect(await machine.run(['doc', 'get', 'catalog', '--path', 'nothing', '-o', 'n.json'])).toMatchObject({
      exitCode: 1,
    })
    expect(machine.files.has('n.json')).toBe(false)
    const json = JSON.parse(await machine.done('doc get catalog --path name --raw -o name.txt --json'))
    expect(json).toMatchObject({ file: 'name.txt', path: 'name', version: 1 })
    expect(machine.files.get('name.txt')).toBe('shop')
  })

  test('--cost says what was read', async () => {
    const machine = await withCatalog()
    const { errors } = await machine.run(['doc', 'get', 'catalog', '--path', 'products[3].sku', '--cost'])
    expect(errors).toMatch(/^cost \d+ reads?, [\d,]+ B, \d+ events? scanned\n$/)
    const many = await machine.run(['doc', 'get', 'catalog', '--path', 'products[*].sku', '--cost'])
    expect(many.errors).toMatch(/^cost .*\n$/)
    const json = await machine.run(['doc', 'children', 'catalog', '--cost', '--json'])
    expect(JSON.parse(json.errors).cost.bytesRead).toBeGreaterThan(0)
  })

  test('stops when nobody reads any more', async () => {
    const machine = new Machine()
    await machine.done('doc put big', { input: JSON.stringify(Array.from({ length: 100_000 }, (_, n) => `text ${n}`)) })
    const ran = await machine.run(['doc', 'get', 'big'], { closedAfter: 1 })
    expect(ran).toMatchObject({ exitCode: 0, errors: '' })
    expect(ran.output.length).toBeLessThan(500_000)
  })
})

describe('safeJson()', () => {
  test('escapes what steers a terminal however the text is cut, and leaves the rest', async () => {
    const text = JSON.stringify('a\u007fb\u0085\u061c\u200f\u2028\u202e\u2066\ufeffé漢😀 plain')
    const bytes = new TextEncoder().encode(text)
    for (let size = 1; size <= bytes.length; size++) {
      const cut: Uint8Array[] = []
      for (let at = 0; at < bytes.length; at += size) cut.push(bytes.slice(at, at + size))
      let shown = ''
      for await (const piece of safeJson(pieces(cut)))
        shown += typeof piece === 'string' ? piece : new TextDecoder().decode(piece)
      expect(shown).toBe('"a\\u007fb\\u0085\\u061c\\u200f\\u2028\\u202e\\u2066\\ufeffé漢😀 plain"')
    }
  })
})

/** What web may name: nothing of a runtime, no clock and no randomness of its own.
 * @module */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const root = new URL('../../web/', import.meta.url)
const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.endsWith('bundle.ts'))
  .map((name) => ({ name, text: readFileSync(new URL(name.replaceAll('\\', '/'), root), 'utf8') }))

test('web/ names no runtime, and no time or randomness but the ports', () => {
  expect(files.length).toBeGreaterThan(20)
  for (const { name, text } of files)
    expect(text, name).not.toMatch(
      /['"]node:|\b(?:Deno|Bun|process\.|Buffer|Date\.now|Math\.random|setTimeout|setInterval|performance|getRandomValues)/,
    )
})

test('web/ imports hono, itself and the entry of src/', () => {
  // Lines of examples in comments begin with a star.
  for (const { name, text } of files)
    for (const [, from = ''] of text.matchAll(/^(?! \*).*from '([^']+)'/gm))
      expect(from, name).toMatch(/^(?:hono(?:\/.+)?|\.\.?\/(?!.*src\/).+\.ts|(?:\.\.\/)+src\/index\.ts)$/)
})

test('web/ writes no text into a page unescaped', () => {
  for (const { name, text } of files) expect(text, name).not.toMatch(/\braw\(|dangerouslySetInnerHTML/)
})

/** What a browser would make of a page, as far as escaping is concerned.
 * @module */
import { expect } from 'vitest'

/** The elements and attributes of a text, each once: what a browser would make of it. */
export function skeleton(html: string): Set<string> {
  const found = new Set<string>()
  for (const [, tag = '', attributes = ''] of html.matchAll(
    /<([a-z][a-z0-9-]*)((?:\s+[^\s=>]+(?:="[^"]*")?)*)\s*>/gi,
  )) {
    found.add(tag)
    for (const [, name = ''] of attributes.matchAll(/\s+([^\s=>]+)(?:="[^"]*")?/g)) found.add(`${tag} ${name}`)
  }
  return found
}

/** Texts that hold `mark` and have no element with `hx-ignore` around them. The title is no part of the page. */
export function unignored(html: string, mark: string): string[] {
  const open: { tag: string; ignored: boolean }[] = []
  const found: string[] = []
  for (const [, close, tag = '', attributes = '', text = ''] of html.matchAll(
    /<(\/?)([a-z][a-z0-9]*)((?:\s+[^\s=>]+(?:="[^"]*")?)*)\s*>([^<]*)/g,
  )) {
    if (close === '/') open.splice(open.findLastIndex((element) => element.tag === tag))
    else if (!['meta', 'link', 'input'].includes(tag)) open.push({ tag, ignored: attributes.includes('hx-ignore') })
    const ignored = tag === 'title' || open.some((element) => element.ignored)
    if (!ignored && `${attributes}${text}`.includes(mark)) found.push(`${tag}: ${text}`)
  }
  expect(open.map((element) => element.tag)).toEqual([])
  return found
}

/** The code blocks of the documents and of docstrings.
 * @module */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { TOP } from '../support/bundle.ts'

export interface Block {
  /** File and line, from 1. */
  readonly where: string
  readonly code: string
}

/** Fenced blocks of one language, in a document or behind the stars of docstrings. */
export function blocksOf(path: string, language: string): Block[] {
  const blocks: Block[] = []
  let open: { language: string; line: number; prefix: string; code: string[] } | undefined
  for (const [index, line] of readFileSync(join(TOP, path), 'utf8').split('\n').entries()) {
    const fence = /^(\s*(?:\* )?)```(\w*)/.exec(line)
    if (open === undefined && fence !== null)
      open = { language: fence[2] ?? '', line: index + 1, prefix: fence[1] ?? '', code: [] }
    else if (open !== undefined && fence === null) open.code.push(line.slice(open.prefix.length))
    else if (open !== undefined) {
      if (open.language === language) blocks.push({ where: `${path}:${open.line}`, code: open.code.join('\n') })
      open = undefined
    }
  }
  return blocks
}

/** Paths of the TypeScript files under a folder. */
export function filesUnder(folder: string): string[] {
  return readdirSync(join(TOP, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => `${folder}/${path.replaceAll('\\', '/')}`)
    .sort()
}

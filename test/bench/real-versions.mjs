/** Versions of one value as they really came about.
 *
 * Of the file that the environment variable `VARVE_BENCH_VERSIONS` names: a line of JSON `{ at, label?, value }` each,
 * compressed with gzip when its name ends in `.gz`. Without it: this repository's `package.json`, from its git history.
 * @module */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'

const VARIABLE = 'VARVE_BENCH_VERSIONS'
const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))

/** @typedef {{ at: number, label?: string, value: unknown }} RealVersion */

/** @returns {{ from: string, versions: RealVersion[] } | undefined} undefined: there is neither a file nor git */
export function realVersions() {
  const file = process.env[VARIABLE]
  if (file !== undefined) return { from: path.basename(file), versions: versionsOfFile(file) }
  const versions = versionsOfPackage()
  return versions.length === 0 ? undefined : { from: 'package.json of this repository', versions }
}

/** @param {string} file @returns {RealVersion[]} */
function versionsOfFile(file) {
  const bytes = readFileSync(file)
  const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()
  return text.split('\n').flatMap((line) => (line.trim() === '' ? [] : [JSON.parse(line)]))
}

/** @returns {RealVersion[]} */
function versionsOfPackage() {
  const format = '--format=%H %ct'
  const log = git(REPOSITORY, ['log', '--first-parent', '--reverse', format, '--', 'package.json']) ?? ''
  return log.split('\n').flatMap((line) => {
    const [commit = '', seconds] = line.split(' ')
    const text = commit === '' ? undefined : git(REPOSITORY, ['show', `${commit}:package.json`])
    if (text === undefined) return []
    return [{ at: Number(seconds) * 1_000, label: commit.slice(0, 12), value: JSON.parse(text) }]
  })
}

/** Bytes of the pack of a git repository with a commit for each text, packed as tightly as git does.
 * @param {string} directory empty @param {{ at: number, label?: string, text: string }[]} versions
 * @returns {{ version: string, packBytes: number, indexBytes: number } | undefined} undefined: there is no git */
export function gitPack(directory, versions) {
  const version = git(directory, ['--version'])
  if (version === undefined) return undefined
  git(directory, ['init', '--quiet', '--bare', '.'])
  const imported = spawnSync('git', ['fast-import', '--quiet'], { cwd: directory, input: importOf(versions) })
  if (imported.status !== 0) throw new Error(`git fast-import failed: ${imported.stderr}`)
  if (git(directory, ['gc', '--quiet', '--aggressive', '--prune=now']) === undefined) throw new Error('git gc failed')
  const packs = path.join(directory, 'objects/pack')
  const sizeOf = (/** @type {string} */ suffix) =>
    readdirSync(packs)
      .filter((file) => file.endsWith(suffix))
      .reduce((sum, file) => sum + statSync(path.join(packs, file)).size, 0)
  return { version: version.trim(), packBytes: sizeOf('.pack'), indexBytes: sizeOf('.idx') }
}

/** The stream that `git fast-import` reads. @param {{ at: number, label?: string, text: string }[]} versions */
function importOf(versions) {
  const parts = versions.map(({ at, label = '', text }) => {
    const who = `committer Author <author@example.com> ${Math.floor(at / 1_000)} +0000`
    const head = `commit refs/heads/main\n${who}\n${data(label)}M 100644 inline value.json\n`
    return `${head}${data(text)}\n`
  })
  return parts.join('')
}

/** @param {string} text */
function data(text) {
  return `data ${Buffer.byteLength(text)}\n${text}\n`
}

/** @param {string} directory @param {string[]} command @returns {string | undefined} what it printed, when it could */
function git(directory, command) {
  const { status, stdout } = spawnSync('git', command, { cwd: directory, encoding: 'utf8', maxBuffer: 1 << 28 })
  return status === 0 ? stdout : undefined
}

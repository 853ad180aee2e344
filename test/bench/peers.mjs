/** The peers: installed into their own folder on the first run, so that nobody who only uses varve builds SQLite.
 * @module */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'

const FOLDER = fileURLToPath(new URL('./peers', import.meta.url))
const requirePeer = createRequire(new URL('./peers/package.json', import.meta.url))
const requireOwn = createRequire(import.meta.url)

/** @type {{ dependencies: Record<string, string> }} */
const manifest = JSON.parse(readFileSync(new URL('./peers/package.json', import.meta.url), 'utf8'))

/** Install what is missing. Compiling better-sqlite3 takes about a minute where there is no prebuilt binary. */
export function installPeers() {
  if (Object.entries(manifest.dependencies).every(([name, version]) => installedVersion(name) === version)) return
  process.stderr.write('bench: installing the peers into test/bench/peers (once, up to a few minutes)\n')
  const npm = process.env.npm_execpath
  const [command, first] = npm === undefined ? ['npm', []] : [process.execPath, [npm]]
  const options = ['install', '--prefix', FOLDER, '--no-audit', '--no-fund', '--loglevel=error']
  const { status } = spawnSync(command, [...first, ...options], { stdio: ['ignore', 2, 2] })
  if (status !== 0) throw new Error(`Cannot install the peers: npm exited with ${status}`)
}

/** @param {string} name @returns {string | undefined} */
export function installedVersion(name) {
  try {
    return JSON.parse(readFileSync(`${FOLDER}/node_modules/${name}/package.json`, 'utf8')).version
  } catch {
    return undefined
  }
}

/** @returns {any} the better-sqlite3 constructor */
export const betterSqlite3 = () => requirePeer('better-sqlite3')
/** @returns {any} the event-storage constructor */
export const eventStorage = () => requirePeer('event-storage')
/** @returns {any} the exports of lmdb */
export const lmdb = () => requirePeer('lmdb')
/** @returns {any} the parser of stream-json */
export const streamJsonParser = () => requirePeer('stream-json').parser
/** @returns {any} the exports of classic-level */
export const classicLevel = () => requirePeer('classic-level')
/** @returns {any} the exports of fast-json-patch */
export const fastJsonPatch = () => requirePeer('fast-json-patch')
/** @returns {Promise<any>} the exports of jsondiffpatch, which are modules only */
export const jsonDiffPatch = () => import(pathToFileURL(requirePeer.resolve('jsondiffpatch')).href)

export const msgpackrVersion = `msgpackr ${packageVersion('msgpackr')} msgpackr/pack + /unpack, no native code`
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
export const varveVersion = `varve ${version}`

/** @param {string} name */
function packageVersion(name) {
  return JSON.parse(readFileSync(requireOwn.resolve(`../../node_modules/${name}/package.json`), 'utf8')).version
}

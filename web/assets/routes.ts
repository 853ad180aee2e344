/** The files of the page, each at an address that changes with its content.
 * @module */
import { VarveError } from '../../src/index.ts'
import type { Route, WebContext } from '../context.ts'
import { ASSETS } from './bundle.ts'

interface Asset {
  readonly sha256: string
  readonly type: string
  readonly text: string
}

const byPath = new Map<string, Asset>(Object.entries(ASSETS).map(([name, asset]) => [pathOf(name, asset), asset]))

/** Address of an asset below the app. */
export function assetPath(name: keyof typeof ASSETS): string {
  return pathOf(name, ASSETS[name])
}

function pathOf(name: string, { sha256 }: Asset): string {
  const dot = name.indexOf('.')
  return `/assets/${name.slice(0, dot)}.${sha256.slice(0, 12)}${name.slice(dot)}`
}

function readAsset(c: WebContext): Response {
  const asset = byPath.get(`/assets/${c.req.param('name') ?? ''}`)
  if (asset === undefined) throw new VarveError('ROUTE_UNKNOWN', 'Cannot find this asset')
  const etag = `"${asset.sha256}"`
  const headers = { etag, 'cache-control': 'public, max-age=31536000, immutable', 'content-type': asset.type }
  if (c.req.header('if-none-match') === etag) return new Response(null, { status: 304, headers })
  return new Response(asset.text, { headers })
}

export const ASSET_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/assets/:name',
    scope: 'open',
    answers: 'html',
    summary: 'Read a file of the page',
    success: { status: 200, types: ['text/css', 'text/javascript', 'image/svg+xml'] },
    handle: readAsset,
  },
]

/** The app on a runtime's web server: tokens, hosts, peers, and ending in the right order. The server itself is the
 * runtime's and is handed in.
 * @module */
import { chmod, readFile, stat, writeFile } from 'node:fs/promises'
import process from 'node:process'
import type { RunningServer, ServeOptions, ServerHost } from '../../src/cli/index.ts'
import { VarveError } from '../../src/errors.ts'
import { createApp, hashToken, tokenAccess } from '../../web/index.ts'
import { errnoOf, storageError } from '../files/errors.ts'

/** How long requests may take to finish once the server ends; streams are ended before that. */
export const CLOSE_GRACE_MS = 5_000

export interface ListenOptions {
  readonly hostname: string
  /** 0 takes a free one. */
  readonly port: number
  /** @param peer address of the other end of the connection. */
  readonly fetch: (request: Request, peer: string) => Response | Promise<Response>
}

export interface Listener {
  readonly port: number
  /** Take no more connections, let requests finish for `CLOSE_GRACE_MS`, then cut them off. */
  close(): Promise<void>
}

/** Begin to listen; rejects with the runtime's own error, whose errno says why. */
export type Listen = (options: ListenOptions) => Promise<Listener>

const LOOPBACK_HOSTS = ['localhost:*', '127.0.0.1:*', '[::1]:*']

/** What the command line needs of a runtime's web server. */
export function serverHost(listen: Listen): ServerHost {
  return { readSecret, createSecret, start: (options) => start(listen, options) }
}

async function start(listen: Listen, options: ServeOptions): Promise<RunningServer> {
  const ending = new AbortController()
  const peers = (request: Request, address: string) =>
    options.behindProxy ? (lastForwarded(request) ?? address) : address
  const login = tokenAccess({
    tokens: [{ tokenHash: await hashToken(options.token), role: 'admin' }],
    peer: (c) => peerOf(c.env),
  })
  const app = createApp(options.store, {
    access: login.access,
    login,
    hosts: [...LOOPBACK_HOSTS, ...options.hosts],
    peer: (c) => peerOf(c.env),
    signal: ending.signal,
    ...(options.restoreTo === undefined ? {} : { restoreTo: options.restoreTo }),
    onError: options.onError,
  })
  const listener = await listen({
    hostname: options.hostname,
    port: options.port,
    fetch: (request, address) => app.fetch(request, { peer: peers(request, address) }),
  }).catch((error: unknown) => {
    throw listenError(error, options)
  })
  return {
    port: listener.port,
    newLoginCode: () => login.newLoginCode(),
    async close() {
      ending.abort()
      await listener.close()
    },
  }
}

function peerOf(env: unknown): string {
  return (env as { peer?: string }).peer ?? ''
}

/** The entry that the nearest proxy added; those before it are the client's claims. */
function lastForwarded(request: Request): string | undefined {
  const last = request.headers.get('x-forwarded-for')?.split(',').at(-1)?.trim()
  return last === '' ? undefined : last
}

function listenError(cause: unknown, { hostname, port }: ServeOptions): unknown {
  const details = { hostname, port }
  switch (errnoOf(cause)) {
    case 'EADDRINUSE':
      return new VarveError('PORT_BUSY', `Cannot listen on port ${port}: another program has it`, { details, cause })
    case 'EACCES':
      return new VarveError('OPTION_INVALID', `Cannot listen on port ${port}: this user may not`, { details, cause })
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EINVAL':
      return new VarveError('OPTION_INVALID', `Cannot listen on "${hostname}": it is no address of this machine`, {
        details,
        cause,
      })
    default:
      return cause
  }
}

async function readSecret(path: string): Promise<string | undefined> {
  try {
    const { mode } = await stat(path)
    if (process.platform !== 'win32' && (mode & 0o077) !== 0)
      throw new VarveError('STORAGE_DENIED', `Cannot use "${path}": other users can read it; run chmod 600 on it`, {
        details: { path, mode: (mode & 0o777).toString(8) },
      })
    return await readFile(path, 'utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw storageError('read', path, error)
  }
}

async function createSecret(path: string, secret: string): Promise<void> {
  try {
    await writeFile(path, secret, { flag: 'wx', mode: 0o600 })
    // The mode above is narrowed by the umask, which may take the owner's own rights away.
    await chmod(path, 0o600)
  } catch (error) {
    throw storageError('create', path, error)
  }
}
